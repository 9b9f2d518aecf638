/** A node of ours: sessions of a counting machine, spread over all nodes of this database. */
import { Effect, Exit } from "effect"
import type { Address } from "../../../runtime/address.ts"
import { Router } from "../../../runtime/router.ts"
import { startNode } from "../../support/cluster-nodes.ts"
import { counterActor } from "../counter.ts"
import { input } from "./answering.ts"
import { type FailoverNode, failingOver } from "./failover.ts"

const { url, name, port } = input<FailoverNode>()
/** Those that were stepped in this process. */
const here = new Set<string>()
const node = await startNode({
  databaseUrl: url,
  name,
  address: { host: "127.0.0.1", port },
  definitions: [counterActor],
  inspect: (inspection) => {
    if (inspection.type === "actor.stepped") here.add(inspection.address.id)
  }
})

const addressOf = (id: string): Address => ({ org: "org_bench", kind: "counter", id, home: id })
const ask = (id: string, event: { readonly type: string }, message: string) =>
  node.runExit(Effect.asVoid(Router.use((router) => router.ask(addressOf(id), { id: message, event, by: null }))))

await failingOver(async (id, message) => {
  here.delete(id)
  await ask(id, { type: "create" }, "create")
  // Whoever is told to ask again does, under the same id.
  while (!Exit.isSuccess(await ask(id, { type: "next" }, message)));
  return here.has(id)
})
await node.stop()
process.exit(0)
