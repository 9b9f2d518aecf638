/** What a node is asked about a sandbox of its host, and how it answers: as its own hands would be answered. */
import { Schema } from "effect"
import { Rpc, RpcGroup } from "effect/rpc"
import { SandboxError } from "../../actors/ports/sandboxes.ts"

const about = { pass: Schema.String, sandboxId: Schema.String }
const error = SandboxError

export const SandboxWords = RpcGroup.make(
  Rpc.make("status", { payload: about, success: Schema.Literals(["running", "stopped", "gone"]), error }),
  Rpc.make("extend", { payload: about, success: Schema.NullOr(Schema.Finite), error }),
  Rpc.make("endpoint", {
    payload: about,
    success: Schema.Union([
      Schema.Struct({ socketPath: Schema.String }),
      Schema.Struct({ url: Schema.String, headers: Schema.Record(Schema.String, Schema.String) })
    ]),
    error
  }),
  Rpc.make("revive", { payload: about, success: Schema.Struct({ stateLost: Schema.Boolean }), error }),
  Rpc.make("capture", {
    payload: { ...about, key: Schema.String },
    success: Schema.Struct({ snapshotId: Schema.String, stopped: Schema.Boolean }),
    error
  }),
  Rpc.make("destroy", { payload: about, error })
)
