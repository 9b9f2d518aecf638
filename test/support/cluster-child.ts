/**
 * A node in a process of its own, for tests that kill, freeze and cut it off: lamps, whose heating is asked of a server that counts
 * by key. It takes its orders line by line on standard input, and answers each on standard output.
 *
 *   {"ask": 1, "id": "lamp_1", "type": "say", "message": "m1"}  →  {"answer": 1, "rev": 4}  or  {"answer": 1, "error": "Unavailable"}
 */
import { createInterface } from "node:readline"
import { Cause, Effect, Exit, Option } from "effect"
import { Router } from "../../runtime/router.ts"
import { startNode } from "./cluster-nodes.ts"
import { lampActor, lampAddress } from "./lamp.ts"

const { databaseUrl, name, address, listen, provider } = JSON.parse(process.argv[2]!)

const heat = (key: string) =>
  Effect.tryPromise(() => fetch(`${provider}/${encodeURIComponent(key)}`, { method: "POST", body: name })).pipe(
    Effect.retry({ times: 20 }),
    Effect.orDie,
    Effect.as({ type: "warmed" })
  )

const node = await startNode({ databaseUrl, name, address, ...(listen && { listen }), definitions: [lampActor({ heat })] })
const say = (word: object) => process.stdout.write(`${JSON.stringify(word)}\n`)

createInterface({ input: process.stdin }).on("line", async (line) => {
  const { ask, id, type, message } = JSON.parse(line)
  const event = type === "say" ? { type, text: message } : { type }
  const exit = await node.runExit(Router.use((router) => router.ask(lampAddress(id), { id: message, event, by: null })))
  if (Exit.isSuccess(exit)) return say({ answer: ask, rev: exit.value.rev, duplicate: exit.value.duplicate })
  const failed = Option.getOrNull(Cause.findErrorOption(exit.cause))
  say({ answer: ask, error: failed === null ? Cause.pretty(exit.cause) : `${failed._tag}: ${failed.message}` })
})
// Only words go to standard output.
console.log = console.info = console.warn = console.error
process.on("SIGTERM", () => node.stop().then(() => process.exit(0)))
say({ ready: name })
