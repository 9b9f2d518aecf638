/** Actors of any kind, seen by whoever may look after them: what is stored, and what happened. */
import { Context, Effect, Layer } from "effect"
import { Journal, type JournalError, type JournalRow } from "../../runtime/journal.ts"
import { Router, type Unavailable, type View } from "../../runtime/router.ts"
import type { Pass } from "./access.ts"
import { ServiceError } from "./error.ts"
import { fitting } from "./page.ts"

export interface Sight extends View {
  /** The server that hosts it, by its name; null: none does at the moment, or there is one server. */
  readonly node: string | null
}

export class Inspection extends Context.Service<
  Inspection,
  {
    readonly show: (
      pass: Pass<"actors.read">,
      kind: string,
      id: string
    ) => Effect.Effect<Sight, ServiceError | JournalError | Unavailable>
    /** Rows with a revision above `after`: at most `limit`, fewer where they are large. */
    readonly history: (
      pass: Pass<"actors.read">,
      kind: string,
      id: string,
      after: number,
      limit: number
    ) => Effect.Effect<ReadonlyArray<JournalRow>, ServiceError | JournalError>
  }
>()("proliferate/actors/services/Inspection") {
  static readonly layer: Layer.Layer<Inspection, never, Journal | Router> = Layer.effect(
    Inspection,
    Effect.gen(function* () {
      const journal = yield* Journal
      const router = yield* Router

      const absent = (kind: string, id: string) =>
        Effect.fail(new ServiceError({ reason: "not-found", message: `there is no ${kind} ${id} in your organisation` }))

      const addressOf = Effect.fnUntraced(function* ({ organisation }: Pass, kind: string, id: string) {
        return (yield* journal.find(organisation, kind, id)) ?? (yield* absent(kind, id))
      })

      return Inspection.of({
        show: Effect.fn("Inspection.show")(function* (pass, kind, id) {
          const address = yield* addressOf(pass, kind, id)
          const view = (yield* router.look(address)) ?? (yield* absent(kind, id))
          return { ...view, node: yield* router.holder(address) }
        }),
        history: Effect.fn("Inspection.history")(function* (pass, kind, id, after, limit) {
          return fitting(yield* journal.history(yield* addressOf(pass, kind, id), after, limit))
        })
      })
    })
  )
}
