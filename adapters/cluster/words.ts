/**
 * What nodes ask one another about a home. Volatile: nothing is stored on the way, for a message has its id and is journaled once,
 * however often it is said. Each carries the pass that nodes with the same key know; who does not is refused.
 */
import { Schema } from "effect"
import { Entity } from "effect/cluster"
import { Rpc } from "effect/rpc"
import { Absent, Crashed, Moved, Quarantined, Refused, Unavailable } from "../../runtime/router.ts"
import type { Delivery } from "../../runtime/transition.ts"

const Address = Schema.Struct({ org: Schema.String, kind: Schema.String, id: Schema.String, home: Schema.String })
const about = { pass: Schema.String, address: Address }

const Said = Schema.Struct({
  id: Schema.String,
  /** As JSON: only its actor knows its shape. */
  event: Schema.String,
  by: Schema.NullOr(Schema.String),
  ifRev: Schema.optionalKey(Schema.Int),
  completes: Schema.optionalKey(Schema.Struct({ key: Schema.String, claim: Schema.String })),
  timer: Schema.optionalKey(Schema.Struct({ id: Schema.String, rev: Schema.Int }))
})

export const encode = ({ event, ...rest }: Delivery): typeof Said.Type => ({ ...rest, event: JSON.stringify(event) })
export const decode = ({ event, ...rest }: typeof Said.Type): Delivery => ({ ...rest, event: JSON.parse(event) })

const AskError = Schema.Union([Refused, Absent, Unavailable, Quarantined, Crashed, Moved])

export const HomeEntity = Entity.make("Home", [
  Rpc.make("deliver", {
    payload: { ...about, delivery: Said },
    success: Schema.Struct({ rev: Schema.Int, duplicate: Schema.Boolean }),
    error: AskError
  }),
  Rpc.make("stands", { payload: about, success: Schema.Boolean, error: Unavailable }),
  /** `wake`: reads again what may have been overtaken. `restart`: stops the home first. */
  Rpc.make("begin", { payload: { ...about, how: Schema.Literals(["wake", "restart"]) }, error: Unavailable })
])
