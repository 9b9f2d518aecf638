/** The work of a session, for its people to take along: a git bundle, made in the sandbox and handed on piece by piece, unread. */
import { Context, Effect, Layer, Schema } from "effect"
import type { Refused, Unavailable } from "../../runtime/router.ts"
import { Router } from "../../runtime/router.ts"
import type { Work, WorkPiece } from "../ports/daemon.ts"
import { type DaemonError, Daemons } from "../ports/daemons.ts"
import type { Pass } from "./access.ts"
import { ServiceError } from "./error.ts"
import { sandboxOfRunning } from "./running.ts"
import { sessionAddress } from "./sessions.ts"

/** Where the repository lies in the workspace. */
export const WorkOf = Schema.Struct({
  path: Schema.optionalKey(Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(500)))
})

type Failed = ServiceError | Refused | Unavailable | DaemonError

export class SessionWork extends Context.Service<
  SessionWork,
  {
    readonly gather: (pass: Pass<"session.read">, request: typeof WorkOf.Type) => Effect.Effect<typeof Work.Type, Failed>
    readonly piece: (pass: Pass<"session.read">, workId: string, offset: number) => Effect.Effect<typeof WorkPiece.Type, Failed>
  }
>()("proliferate/actors/services/SessionWork") {
  static readonly layer: Layer.Layer<SessionWork, never, Router | Daemons> = Layer.effect(
    SessionWork,
    Effect.gen(function* () {
      const router = yield* Router
      const daemons = yield* Daemons

      const sandboxOf = Effect.fnUntraced(function* ({ organisation, session: { id } }: Pass<"session.read">) {
        const view = yield* router.look(sessionAddress(organisation, id))
        if (view === null)
          return yield* new ServiceError({ reason: "not-found", message: `there is no session ${id} in your organisation` })
        return yield* sandboxOfRunning(view)
      })

      return SessionWork.of({
        gather: Effect.fn("SessionWork.gather")(function* (pass, { path = "." }) {
          return yield* daemons.gather(yield* sandboxOf(pass), { path })
        }),
        piece: Effect.fn("SessionWork.piece")(function* (pass, workId, offset) {
          return yield* daemons.piece(yield* sandboxOf(pass), workId, offset)
        })
      })
    })
  )
}
