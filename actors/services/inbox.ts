/**
 * An organisation's inbox, followed: what waits for a person, and each change of that, on whichever server it happened.
 *
 *   B1  Changes are numbered by this process, from its first look on. Reading after a number gives each once and in order, or a gap.
 *   B2  What is read is the records: a change carries the call as it stands, and may stand for several that came close together.
 *   B3  What news did not bring, a look at all that waits does, every 10 s while somebody watches.
 */

import { Context, Effect, Layer, Schedule, Semaphore } from "effect"
import { Again } from "../../runtime/again.ts"
import { feedLookMs, passivateAfterMs } from "../../runtime/limits.ts"
import { Router } from "../../runtime/router.ts"
import { unending } from "../../runtime/unending.ts"
import { type CallName, CallNews } from "../call-news.ts"
import { type Change, InboxHub } from "../inbox-hub.ts"
import { Calls } from "../ports/calls.ts"
import { Directory, type DirectoryError } from "../ports/directory.ts"
import type { Pass } from "./access.ts"
import { callAddress } from "./actions.ts"
import { callViewOf, madeAtMs } from "./call-view.ts"
import { type InboxRow, titled, waitingStatuses } from "./inbox-row.ts"

/** A page of what waits, for whoever comes; the rest is asked for page by page. */
export const waitingShownMax = 200
/** Of those that wait, the newest are looked after; that an older one is withdrawn or ends with its session may go untold. */
const lookedAfterMax = 1_000
const looksAtOnce = 8
/** Between two tries while the database is away. */
const pauseMs = 500

type Asked = Pass<"approvals.read">

export interface InboxPage {
  readonly changes: ReadonlyArray<Change>
  /** Changes `from` to `through` are not kept any more; look at what waits, and go on from there. */
  readonly gap: { readonly from: number; readonly through: number } | null
}

interface Own {
  readonly hub: InboxHub
  readonly looking: Again
  /** Read for whoever comes first; who comes meanwhile waits. */
  readonly beginning: Semaphore.Semaphore
}

export class Inbox extends Context.Service<
  Inbox,
  {
    /** Where changes stand. A cursor of another epoch is of another process, or of an earlier time of this one. */
    readonly head: (pass: Asked) => Effect.Effect<{ readonly epoch: number; readonly seq: number }, DirectoryError>
    /** What waits, newest first, at least as new as the change `seq`; `more`: there are others. */
    readonly waiting: (
      pass: Asked
    ) => Effect.Effect<
      { readonly epoch: number; readonly seq: number; readonly calls: ReadonlyArray<InboxRow>; readonly more: boolean },
      DirectoryError
    >
    /** Changes after `after`; waits until there is one. Interruptible. */
    readonly next: (pass: Asked, after: number) => Effect.Effect<InboxPage>
  }
>()("proliferate/actors/services/Inbox") {
  static readonly layer: Layer.Layer<Inbox, never, CallNews | Calls | Directory | Router> = Layer.effect(
    Inbox,
    Effect.gen(function* () {
      const [calls, directory, router] = [yield* Calls, yield* Directory, yield* Router]
      const fork = Effect.runForkWith(yield* Effect.context<never>())
      const hubs = new Map<string, Own>()

      const rowsOf = Effect.fnUntraced(function* (org: string, limit: number) {
        const rows = yield* calls.list(org, { limit, statuses: waitingStatuses })
        return yield* titled(
          directory,
          org,
          rows.map((row) => callViewOf({ ...row, createdAtMs: madeAtMs(row.id) }))
        )
      })

      const lookAt = Effect.fnUntraced(function* ({ org, sessionId, id }: CallName) {
        const view = yield* router.look(callAddress(org, sessionId, id))
        if (view === null) return null
        const [row] = yield* titled(directory, org, [callViewOf({ ...view, createdAtMs: madeAtMs(id) })])
        return row!
      })

      const look = Effect.fnUntraced(function* (hub: InboxHub) {
        if (hub.isStale) {
          hub.isStale = false
          const waiting = yield* calls.list(hub.org, { limit: lookedAfterMax, statuses: waitingStatuses })
          for (const call of hub.moved(waiting)) hub.dirty.set(call.id, call)
        }
        const found = [...hub.dirty.values()].sort((one, other) => (one.id < other.id ? -1 : 1))
        hub.dirty.clear()
        const seen = yield* Effect.forEach(found, lookAt, { concurrency: looksAtOnce }).pipe(
          Effect.tapError(() =>
            Effect.sync(() => {
              for (const call of found) hub.dirty.set(call.id, call)
            })
          )
        )
        for (const row of seen) if (row !== null) hub.see(row)
      })

      const persistently = (hub: InboxHub) =>
        look(hub).pipe(
          Effect.tapError(() =>
            Effect.sync(() => {
              hub.isStale = true
            })
          ),
          Effect.retry({ schedule: Schedule.spaced(pauseMs), while: () => hubs.has(hub.org) }),
          Effect.catchCause((cause) => Effect.logError(`inbox of ${hub.org}`, cause))
        )

      const begin = Effect.fnUntraced(function* ({ hub, looking }: Own) {
        if (hub.isReady) return hub
        const rows = yield* rowsOf(hub.org, lookedAfterMax)
        for (const row of rows.toReversed()) hub.remember(row)
        hub.isReady = true
        looking.ask()
        return hub
      })
      const ownOf = (org: string): Own => {
        const known = hubs.get(org)
        if (known !== undefined) return known
        const hub = new InboxHub(org)
        const looking = new Again(
          Effect.suspend(() => persistently(hub)),
          fork
        )
        const own = { hub, looking, beginning: Semaphore.makeUnsafe(1) }
        // There before anything is read, for the news of what happens meanwhile: what was so before is no change.
        hubs.set(org, own)
        return own
      }
      const hubOf = (org: string) =>
        Effect.suspend(() => {
          const own = ownOf(org)
          own.hub.isForgotten = false
          // Of each by itself: another's database may not answer.
          return own.hub.isReady ? Effect.succeed(own.hub) : own.beginning.withPermits(1)(begin(own))
        })

      const heard = ({ hub, looking }: Own, call: CallName | null): void => {
        if (call === null) hub.isStale = true
        else hub.dirty.set(call.id, call)
        if (hub.isReady) looking.ask()
      }
      yield* (yield* CallNews).subscribe((call) => {
        const known = call === null ? undefined : hubs.get(call.org)
        if (known !== undefined) heard(known, call)
        else if (call === null) for (const own of hubs.values()) heard(own, null)
      })
      // What is under way is tried no more.
      yield* Effect.addFinalizer(() => Effect.sync(() => hubs.clear()))
      const lookAgain = Effect.sync(() => {
        for (const own of hubs.values()) if (own.hub.isWatched) heard(own, null)
      })
      yield* Effect.forkScoped(unending("looking for open calls", lookAgain, feedLookMs))
      // Kept for a while for who comes back with a cursor.
      const forget = Effect.sync(() => {
        for (const [org, { hub }] of hubs) {
          if (hub.isForgotten && !hub.isWatched) hubs.delete(org)
          hub.isForgotten = true
        }
      })
      yield* Effect.forkScoped(unending("forgetting inboxes", forget, passivateAfterMs))

      return Inbox.of({
        head: Effect.fn("Inbox.head")(function* ({ organisation }) {
          const { epoch, seq } = yield* hubOf(organisation)
          return { epoch, seq }
        }),
        waiting: Effect.fn("Inbox.waiting")(function* ({ organisation }) {
          const { epoch, seq } = yield* hubOf(organisation)
          const rows = yield* rowsOf(organisation, waitingShownMax + 1)
          return { epoch, seq, calls: rows.slice(0, waitingShownMax), more: rows.length > waitingShownMax }
        }),
        next: Effect.fn("Inbox.next")(function* ({ organisation }, after) {
          const found = hubs.get(organisation)
          if (found === undefined) return { changes: [], gap: { from: after + 1, through: after + 1 } }
          const { hub } = found
          hub.isForgotten = false
          while (hub.seq <= after) yield* hub.changed
          return hub.first > after + 1
            ? { changes: [], gap: { from: after + 1, through: hub.first - 1 } }
            : { changes: hub.after(after), gap: null }
        })
      })
    })
  )
}
