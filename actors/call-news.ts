/**
 * Which calls have changed, on any server, for whoever looks after all of an organisation's: the commit that changed one has been made.
 * It stands on the feeds, which are told of every commit here, and gives the other servers the word. So a piece of news is a hint to
 * look, which may come twice, or, of another server, not at all.
 */
import { Context, Effect, Layer, type Scope } from "effect"
import { Again } from "../runtime/again.ts"
import { Coordination } from "../runtime/coordination.ts"
import type { FeedEvent, Home } from "../runtime/feed.ts"
import { Feeds } from "../runtime/feeds.ts"

export interface CallName {
  readonly org: string
  readonly sessionId: string
  readonly id: string
}
/** Null: something may have been missed. Called synchronously; must not throw. */
type Hear = (call: CallName | null) => void

/** Words to the other servers that are under way at once. */
const wordsMax = 8

const callOf = ({ org, id: sessionId }: Home, { kind, body }: FeedEvent): CallName | null => {
  const { approvalId } = body
  return kind === "approval" && typeof approvalId === "string" ? { org, sessionId, id: approvalId } : null
}

export class CallNews extends Context.Service<
  CallNews,
  {
    /** Until the scope closes. */
    readonly subscribe: (hear: Hear) => Effect.Effect<void, never, Scope.Scope>
  }
>()("proliferate/actors/CallNews") {
  /** The feeds it stands on are there as before. */
  static readonly layer: Layer.Layer<CallNews | Feeds, never, Feeds | Coordination> = Layer.effectContext(
    Effect.gen(function* () {
      const feeds = yield* Feeds
      const coordination = yield* Coordination
      const fork = Effect.runForkWith(yield* Effect.context<never>())
      const ears = new Set<Hear>()
      const unsaid = new Set<string>()

      const telling = new Again(
        Effect.suspend(() => {
          const words = [...unsaid]
          unsaid.clear()
          return Effect.forEach(words, (word) => coordination.publish("calls", word), { concurrency: wordsMax, discard: true })
        }),
        fork
      )
      const hear = (call: CallName | null): void => {
        for (const ear of ears) ear(call)
      }
      const say = (home: Home, events: ReadonlyArray<FeedEvent>): void => {
        for (const event of events) {
          const call = callOf(home, event)
          if (call === null) continue
          hear(call)
          if (coordination.isShared) unsaid.add(`${call.org}/${call.sessionId}/${call.id}`)
        }
        if (unsaid.size > 0) telling.ask()
      }

      yield* coordination.subscribe("calls", (word) => {
        const [org, sessionId, id] = word?.split("/") ?? []
        hear(org === undefined || sessionId === undefined || id === undefined ? null : { org, sessionId, id })
      })

      return Context.make(CallNews, {
        subscribe: (ear) =>
          Effect.acquireRelease(
            Effect.sync(() => ears.add(ear)),
            () => Effect.sync(() => ears.delete(ear))
          ).pipe(Effect.asVoid)
      }).pipe(
        Context.add(Feeds, {
          ...feeds,
          tell: (home, events) =>
            Effect.andThen(
              feeds.tell(home, events),
              Effect.sync(() => say(home, events))
            )
        })
      )
    })
  )
}
