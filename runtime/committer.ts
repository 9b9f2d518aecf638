/**
 * Group commit: the transitions of many actors in one statement.
 *
 * What arrives while a statement is under way rides in the next one, at most 64 of them on 4 connections; a lone one leaves at
 * once. The caller has at most one transition of an actor in flight (J4).
 *
 *   K0  Organisations take turns, and none has more in flight than its share beside others (turns.ts): one that floods the
 *       committer costs the others little.
 *   K1  A connection that broke leaves the commit unknown: the same batch is sent again, never halved; a transition that was
 *       written after all comes back as `Duplicate`, and its actor reads what is stored.
 *   K2  A refused batch is halved until the bad row stands alone: one poison never fails its neighbours. A batch that the journal
 *       itself fails on is taken for refused.
 *   K3  Each part of the journal (parts.ts) has batches and connections of its own.
 */
import { Clock, Context, Effect, Layer, Schedule, Schema } from "effect"
import { Inspector } from "./inspection.ts"
import { Journal, JournalError, type Transition, type Verdict } from "./journal.ts"
import { batchesInFlightMax, batchTransitionsMax, commitRetryMs, commitTriesMax } from "./limits.ts"
import { forEachPart } from "./parts.ts"
import { steadyMsOf } from "./steady.ts"
import { reasonOf } from "./text.ts"
import { Turns } from "./turns.ts"

/** `unavailable`: the journal did not answer; whether it was written is known to it alone. `refused`: it cannot be written. */
export class CommitFailed extends Schema.TaggedError<CommitFailed>()("CommitFailed", {
  reason: Schema.Literals(["unavailable", "refused"]),
  message: Schema.String
}) {}

interface Waiting {
  readonly transition: Transition
  readonly resume: (answer: Effect.Effect<Verdict, CommitFailed>) => void
}

type Submit = (transition: Transition) => Effect.Effect<Verdict, CommitFailed>

export class Committer extends Context.Service<Committer, { readonly submit: Submit }>()("proliferate/runtime/Committer") {
  static readonly layer = Layer.effect(
    Committer,
    Effect.gen(function* () {
      const { of, find } = yield* forEachPart(makeSubmit)
      const found = (org: string) =>
        Effect.mapError(find(org), ({ message }) => new CommitFailed({ reason: "unavailable", message }))
      return Committer.of({
        submit: (transition) => {
          const { org } = transition.address
          return of(org)?.(transition) ?? Effect.flatMap(found(org), (submit) => submit(transition))
        }
      })
    })
  )
}

/** The group commit of one journal. */
const makeSubmit = Effect.gen(function* () {
  const journal = yield* Journal
  const inspect = yield* Inspector
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const clock = yield* Clock.Clock
  const waiting = new Turns<Waiting>(() => steadyMsOf(clock))
  let inFlight = 0

  const attempt = (batch: ReadonlyArray<Waiting>) =>
    journal.commit(batch.map(({ transition }) => transition)).pipe(
      Effect.catchDefect((defect) => Effect.fail(new JournalError({ reason: "refused", message: reasonOf(defect) }))),
      Effect.tapError(({ reason }) => Effect.sync(() => inspect({ type: "commit.retried", reason }))),
      Effect.retry({
        times: commitTriesMax - 1,
        while: ({ reason }) => reason !== "refused",
        schedule: Schedule.spaced(commitRetryMs)
      })
    )

  const answer = ({ transition, resume }: Waiting, verdict: Effect.Effect<Verdict, CommitFailed>): void => {
    waiting.giveBack(transition.address.org)
    resume(verdict)
  }

  const settle = (batch: ReadonlyArray<Waiting>): Effect.Effect<void> =>
    Effect.matchEffect(attempt(batch), {
      onSuccess: (verdicts) =>
        Effect.sync(() => {
          inspect({ type: "batch.committed", transitions: batch.length })
          for (const [index, one] of batch.entries()) answer(one, Effect.succeed(verdicts[index]!))
        }),
      onFailure: ({ reason, message }) => {
        if (reason === "refused" && batch.length > 1) {
          inspect({ type: "batch.halved", transitions: batch.length, reason: message })
          const half = batch.length >> 1
          return Effect.andThen(settle(batch.slice(0, half)), settle(batch.slice(half)))
        }
        const failed = new CommitFailed({ reason: reason === "refused" ? "refused" : "unavailable", message })
        return Effect.sync(() => {
          for (const one of batch) answer(one, Effect.fail(failed))
        })
      }
    })

  const pump = (): void => {
    if (inFlight >= batchesInFlightMax || waiting.size === 0) return
    inFlight += 1
    let isIdle = false
    fork(
      // A turn of the loop lets a burst gather before it leaves.
      Effect.yieldNow.pipe(
        Effect.andThen(
          Effect.suspend(() => {
            const batch = waiting.take(batchTransitionsMax)
            isIdle = batch.length === 0
            return isIdle ? Effect.void : settle(batch)
          })
        ),
        Effect.ensuring(
          Effect.sync(() => {
            inFlight -= 1
            // What waits has to wait for what is in flight, which comes by here.
            if (!isIdle) pump()
          })
        )
      )
    )
  }

  const submit: Submit = (transition) =>
    Effect.callback((resume) => {
      waiting.push(transition.address.org, { transition, resume })
      pump()
    })
  return submit
})
