/** Where the sandboxes of this server are: on its own host, whose name their ids have, or at E2B. One server has one provider. */
import { join } from "node:path"
import { Effect, type Redacted, Schema } from "effect"
import { LocalSandboxes } from "../adapters/sandbox/local/local.ts"
import type { Settings } from "./settings.ts"

export class NoKey extends Schema.TaggedError<NoKey>()("NoKey", { message: Schema.String }) {}

export const sandboxesOf = Effect.fnUntraced(function* (
  { sandbox, e2b, dataDir, isolation, nested }: Settings,
  hostKey: Redacted.Redacted<Uint8Array>,
  agentsDir: string,
  /** Where several servers have their snapshots. */
  shared: string
) {
  if (sandbox === "e2b") {
    const { apiKey, ...rest } = e2b
    if (apiKey === null)
      return yield* new NoKey({ message: "PROLIFERATE_SANDBOX=e2b needs a key: set E2B_API_KEY to one of your team at E2B." })
    // Its SDK is loaded by those alone who use it.
    const { E2BSandboxes } = yield* Effect.promise(() => import("../adapters/sandbox/e2b/e2b.ts"))
    return { layer: E2BSandboxes.layer({ apiKey, hostKey, ...rest }), host: null }
  }
  // What was captured in isolation is not for agents without, nor the other way round.
  const disks = isolation === "unsafe" ? "sandboxes-unsafe" : "sandboxes"
  const place = { dataDir: join(dataDir, disks), sharedDir: join(shared, disks), ...(isolation && { isolation }) }
  return { layer: LocalSandboxes.layer({ ...place, agentsDir, nested }), host: yield* LocalSandboxes.host(place) }
})
