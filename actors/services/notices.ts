/**
 * Shows pending calls in the channel that their organisation chose, and keeps what is shown true: who decided, or that it is over.
 * What is to be shown was written by the commit that made the call pending; whichever server claims it shows it.
 *
 *   N1  One message for a call. A server that cannot know whether an earlier claim wrote it looks for it first, by its mark.
 *   N2  A message shows how the call stands within a few seconds of each change, or as soon as the chat answers again.
 *   N3  What cannot be shown is given up after 12 tries, about three hours, and said so at the connection.
 *   N4  At most 24 are at work at once, of an organisation 4 and a few more: where one's chat hangs, another's need not wait for it.
 */

import { Clock, Context, Effect, Latch, Layer, type Scope } from "effect"
import { steadyMs } from "../../runtime/steady.ts"
import { unending } from "../../runtime/unending.ts"
import { Mail } from "../mail.ts"
import type { ActionError } from "../ports/actions.ts"
import { Calls } from "../ports/calls.ts"
import { Chat, type Place, type Shown } from "../ports/chat.ts"
import { ConnectionRecords } from "../ports/connections.ts"
import { Directory, type DirectoryError } from "../ports/directory.ts"
import { chatIntegration, type Notice, Notices } from "../ports/notices.ts"
import { callAddress } from "./actions.ts"
import { type CallView, callViewOf, madeAtMs } from "./call-view.ts"
import { CredentialsOf } from "./credentials.ts"

/** A call is shown within this, and what is due on no server is looked for this often. */
const lookEveryMs = 1_000
const atWorkMax = 24
const ofOrganisationMax = 4
/** Longer than a call to the chat takes, tries and all. */
const claimMs = 90_000
/** A server that slept between its claim and its message does not send it any more. */
const sendWithinMs = 5_000
const triesMax = 12
const pauseMaxMs = 30 * 60_000
const keptMs = 30 * 24 * 60 * 60_000
const sweepEveryMs = 60 * 60_000

type Needs = Notices | Chat | Calls | Mail | Directory | ConnectionRecords | CredentialsOf

export class ShownCalls extends Context.Service<
  ShownCalls,
  {
    /** Looks now: something may have changed. */
    readonly look: Effect.Effect<void>
  }
>()("proliferate/actors/services/ShownCalls") {
  static readonly layer: Layer.Layer<ShownCalls, never, Needs> = Layer.effect(
    ShownCalls,
    Effect.gen(function* () {
      const [notices, chat, calls, mail] = [yield* Notices, yield* Chat, yield* Calls, yield* Mail]
      const [directory, connections, credentials] = [yield* Directory, yield* ConnectionRecords, yield* CredentialsOf]
      const wanted = yield* Latch.make(false)

      const nameOf = Effect.fnUntraced(function* (org: string, id: string | null) {
        if (id === null) return null
        return (yield* directory.users(org)).find((user) => user.id === id)?.name ?? id
      })

      const outcomeOf = Effect.fnUntraced(function* (org: string, call: CallView) {
        const { status, decidedBy, by, reason, message } = call
        if (status === "requested" || status === "pending") return null
        if (status === "expired") return "Expired: nobody decided in time. Nothing was executed."
        const who = decidedBy === "person" ? `by ${(yield* nameOf(org, by)) ?? "somebody"}` : "by the policy"
        if (status === "denied") return `Denied ${who}${message === null ? "" : `: ${message}`}`
        if (status === "revoked")
          return reason === "sessionEnded"
            ? "Over: its session has ended. Nothing was executed."
            : `Withdrawn or revoked${message === null ? "" : `: ${message}`}. Nothing was executed.`
        return decidedBy === null ? `Over: ${message ?? status}` : `Approved ${who}`
      })

      const shownOf = Effect.fnUntraced(function* ({ org, approvalId }: Notice) {
        const home = yield* calls.sessionOf(org, approvalId)
        const view = home === null ? null : yield* mail.look(callAddress(org, home, approvalId))
        if (view === null) return null
        const call = callViewOf({ ...view, createdAtMs: madeAtMs(approvalId) })
        const session = yield* directory.session(org, call.sessionId)
        const owner = yield* nameOf(org, session?.owner ?? null)
        return {
          org,
          approvalId,
          title: `${call.integration}.${call.action}`,
          risk: call.risk,
          params: JSON.stringify(call.params, null, 2),
          sessionTitle: session?.title || call.sessionId,
          asker: owner === null ? "the agent of this session" : `the agent of this session, which ${owner} started`,
          expiresAtMs: call.expiresAtMs,
          outcome: yield* outcomeOf(org, call)
        } satisfies Shown
      })

      /** N1 */
      const first = Effect.fnUntraced(function* (notice: Notice, place: Place, shown: Shown, claimedAtMs: number) {
        const earlier = notice.tries > 1 ? yield* chat.find(place, shown, notice.createdAtMs) : null
        if (earlier !== null) return yield* notices.shown(notice, earlier)
        if (shown.outcome !== null) return yield* notices.rest(notice)
        if ((yield* steadyMs) - claimedAtMs > sendWithinMs) return yield* notices.again(notice, 0)
        yield* notices.shown(notice, yield* chat.show(place, shown))
      })

      const given = Effect.fnUntraced(function* (notice: Notice, message: string) {
        const live = yield* connections.live(notice.org, chatIntegration)
        const reason = `approvals cannot be shown in ${notice.channel}: ${message}`.slice(0, 500)
        if (live?.connection.status === "active") yield* connections.change(notice.org, live.connection.id, { reason })
        yield* Effect.logWarning(`notice of ${notice.approvalId}: ${reason}`)
      })

      const later = Effect.fnUntraced(function* (notice: Notice, { reason, retryAfterMs, message }: ActionError) {
        if (reason === "not-found" || reason === "forbidden" || reason === "needs-reauth") yield* given(notice, message)
        if (notice.tries >= triesMax) return yield* notices.rest(notice)
        yield* notices.again(notice, retryAfterMs ?? Math.min(pauseMaxMs, 1_000 * 2 ** notice.tries))
      })

      const bring = Effect.fnUntraced(
        function* (notice: Notice, claimedAtMs: number) {
          const shown = yield* shownOf(notice)
          if (shown === null) return yield* notices.rest(notice)
          const credential = yield* credentials.usable(notice.org, chatIntegration)
          const place = { credential, channel: notice.channel }
          if (notice.ts === null) return yield* first(notice, place, shown, claimedAtMs)
          // As it was written: it waits still.
          if (shown.outcome !== null) yield* chat.change(place, notice.ts, shown)
          yield* notices.rest(notice)
        },
        (effect, notice) =>
          effect.pipe(
            Effect.catchTags({
              ActionError: (error) => later(notice, error),
              NoCredential: ({ reason }) =>
                notice.tries >= triesMax || reason === "absent"
                  ? notices.rest(notice)
                  : notices.again(notice, Math.min(pauseMaxMs, 1_000 * 2 ** notice.tries))
            }),
            // It is claimed again when its time is over.
            Effect.catchTags({ DirectoryError: () => Effect.void, Unavailable: () => Effect.void }),
            Effect.catchDefect((defect) => Effect.logError(`notice of ${notice.approvalId}`, defect))
          )
      )

      /** By organisation; none is 0. */
      const atWork = new Map<string, number>()
      const count = (org: string, change: 1 | -1) => {
        const now = (atWork.get(org) ?? 0) + change
        if (now === 0) atWork.delete(org)
        else atWork.set(org, now)
      }
      const ended = ({ org }: Notice) =>
        Effect.suspend(() => {
          count(org, -1)
          return wanted.open
        })
      const lookOnce = Effect.gen(function* () {
        const claimedAtMs = yield* steadyMs
        const busy = [...atWork].flatMap(([org, count]) => (count >= ofOrganisationMax ? [org] : []))
        const free = atWorkMax - [...atWork.values()].reduce((sum, count) => sum + count, 0)
        if (free <= 0) return 0
        const claimed = yield* notices.claim(Math.min(free, ofOrganisationMax), claimMs, busy)
        for (const notice of claimed) {
          count(notice.org, 1)
          yield* Effect.forkScoped(Effect.ensuring(bring(notice, claimedAtMs), ended(notice)))
        }
        return claimed.length
      })
      const fruitless = (error: DirectoryError) => Effect.as(Effect.logDebug(`notices: ${error.message}`), 0)

      let sweptAtMs = yield* Clock.currentTimeMillis
      const looking = Effect.gen(function* () {
        yield* wanted.close
        const count = yield* Effect.catch(lookOnce, fruitless)
        const nowMs = yield* Clock.currentTimeMillis
        if (nowMs - sweptAtMs > sweepEveryMs) {
          sweptAtMs = nowMs
          yield* Effect.catch(notices.sweep(keptMs), fruitless)
        }
        if (count === 0) yield* Effect.timeoutOption(wanted.await, lookEveryMs)
      })
      yield* Effect.forkScoped(unending("showing calls", looking)) satisfies Effect.Effect<unknown, never, Scope.Scope>

      return ShownCalls.of({ look: Effect.asVoid(wanted.open) })
    })
  )
}
