/**
 * What can come apart in the runtime itself, whatever its actors are: a resident that no host holds, a command that nobody runs or
 * that was buried, a timer that did not fire, an actor that was set aside.
 */
import { Effect } from "effect"
import { nameOf } from "./address.ts"
import type { Outcome } from "./drift.ts"
import { Journal, JournalError } from "./journal.ts"
import { Oversight, type WaitingCommand } from "./oversight.ts"
import { forEachPart, Parts } from "./parts.ts"
import type { Mendable, Reconciler } from "./reconcile.ts"
import { commandLateMs, reconcileLooksMax, reconcilePartMs, timerLateMs, unhostedGraceMs } from "./reconcile-limits.ts"
import { type Answer, type AskError, Router } from "./router.ts"

export const applied = (outcome: string): Outcome => ({ result: "applied", outcome })
export const skipped = (outcome: string): Outcome => ({ result: "skipped", outcome })
export const failed = (outcome: string): Outcome => ({ result: "failed", outcome })

/** What came of an event that was sent to an actor. */
export const outcomeOf = (asked: Effect.Effect<Answer, AskError>): Effect.Effect<Outcome> =>
  Effect.match(asked, {
    onSuccess: ({ rev, duplicate }) => applied(duplicate ? `was done before, at revision ${rev}` : `revision ${rev}`),
    onFailure: (error) => {
      switch (error._tag) {
        case "Moved":
          return skipped(`it moved on: revision ${error.meantFor} → ${error.rev}`)
        case "Refused":
          return skipped(error.message)
        case "Absent":
          return skipped("there is no such actor any more")
        case "Quarantined":
          return failed(`it is set aside: ${error.reason}`)
        default:
          return failed(error.message)
      }
    }
  })

/** A list that cannot be read leaves everything of its kind unknown. */
export const orUnknown =
  (kind: string) =>
  <R>(look: Effect.Effect<Effect.Success<Reconciler["look"]>, JournalError, R>) =>
    Effect.catch(look, ({ message }) =>
      Effect.succeed({ judged: [], found: [], unknown: [{ org: null, subject: kind, why: message }], isWhole: false })
    )

type Look = Effect.Effect<Effect.Success<Reconciler["look"]>, JournalError>

/**
 * Looks at each part of the journal by itself, with time of its own: what one does not answer is unknown, and the others are judged.
 * `make` is asked for a look at each.
 */
export const overParts = <R>(kind: string, make: Effect.Effect<Look, never, R>) =>
  Effect.gen(function* () {
    const division = yield* Parts
    const { all: looks } = yield* forEachPart(make)
    if (division === null) return orUnknown(kind)(looks[0]!)
    const inTime = looks.map((look, n) => {
      const { name, trouble } = division.all[n]!
      const unavailable = (message: string) => Effect.fail(new JournalError({ reason: "unavailable", message }))
      return Effect.suspend(() => {
        const now = trouble()
        return now === null ? look : unavailable(now.why)
      }).pipe(
        Effect.timeoutOrElse({
          duration: reconcilePartMs,
          orElse: () => unavailable(`no answer within ${reconcilePartMs / 1_000} s`)
        }),
        Effect.map((seen) => ({ seen, silent: null })),
        Effect.catch(({ message }) =>
          Effect.succeed({ seen: null, silent: { org: null, subject: `${kind} in the cell ${name}`, why: message } })
        )
      )
    })
    return Effect.map(Effect.all(inTime, { concurrency: "unbounded" }), (answers) => {
      const seen = answers.flatMap((answer) => answer.seen ?? [])
      const isSilent = answers.some(({ silent }) => silent !== null)
      return {
        judged: seen.flatMap(({ judged }) => judged),
        found: seen.flatMap(({ found }) => found),
        unknown: [...seen.flatMap(({ unknown }) => unknown), ...answers.flatMap(({ silent }) => silent ?? [])],
        isWhole: seen.length > 0 && seen.every(({ isWhole }) => isWhole),
        isSilentOn: (org: string) => {
          const part = division.known(org)
          return part === null ? isSilent : answers[division.all.indexOf(part)]!.silent !== null
        }
      }
    })
  })

const patient = { graceMs: 0, sightings: 1, isGuarded: false }
const all = (found: ReadonlyArray<Mendable>) => ({
  judged: found.map(({ subject }) => subject),
  found,
  unknown: [],
  isWhole: found.length < reconcileLooksMax
})

export const runtimeReconcilers = Effect.gen(function* () {
  const router = yield* Router

  const unhosted: Reconciler = {
    kind: "actor.unhosted",
    graceMs: unhostedGraceMs,
    sightings: 2,
    isGuarded: false,
    look: yield* overParts(
      "actor.unhosted",
      Effect.map(Oversight, (oversight) => {
        /** Where the next look at residents goes on. */
        let after: string | null = null
        return Effect.gen(function* () {
          const page = yield* oversight.standing(after, reconcileLooksMax)
          const isWhole = after === null && page.length < reconcileLooksMax
          after = page.length < reconcileLooksMax ? null : page.at(-1)!.address.id
          const looked = yield* Effect.forEach(page, (standing) =>
            Effect.map(router.isAttended(standing.address), (isAttended) => ({ ...standing, isAttended }))
          )
          const known = looked.filter(({ isAttended }) => isAttended !== null)
          return {
            judged: known.map(({ address }) => nameOf(address)),
            found: known.flatMap(
              ({ address, rev, isAttended }): ReadonlyArray<Mendable> =>
                isAttended
                  ? []
                  : [
                      {
                        subject: nameOf(address),
                        org: address.org,
                        actor: address,
                        severity: "bad",
                        reason: "something should stand beside it, and nobody has it",
                        desired: { standing: true, rev },
                        observed: { standing: false },
                        fix: { event: "wake", effect: "begins from what is stored", mode: "safe", ifRevision: null },
                        mark: "unhosted",
                        mend: () => Effect.as(router.wake(address), applied("woken"))
                      }
                    ]
            ),
            unknown: looked
              .filter(({ isAttended }) => isAttended === null)
              .map(({ address }) => ({ org: address.org, subject: nameOf(address), why: "its host does not answer" })),
            isWhole
          }
        })
      })
    )
  }

  const about = ({ key, address, name, attempt, error, forMs }: WaitingCommand) => ({
    subject: key,
    org: address.org,
    actor: address,
    desired: { command: name, settled: true },
    observed: { attempt, error, forMs },
    mark: `${key}:${attempt}`
  })

  const stuck: Reconciler = {
    ...patient,
    kind: "outbox.stuck",
    look: yield* overParts(
      "outbox.stuck",
      Effect.map(Oversight, (oversight) =>
        oversight.stuck(commandLateMs, reconcileLooksMax).pipe(
          Effect.map((rows) =>
            all(
              rows.map((row) => ({
                ...about(row),
                severity: "warn",
                reason: "it is due, and nobody runs it",
                fix: { event: "hurry", effect: "the outbox looks again at once", mode: "safe", ifRevision: null },
                mend: () => Effect.as(router.hurry, applied("the outbox was woken"))
              }))
            )
          )
        )
      )
    )
  }

  const dead: Reconciler = {
    ...patient,
    kind: "outbox.dead",
    look: yield* overParts(
      "outbox.dead",
      Effect.map(Oversight, (oversight) =>
        oversight.dead(reconcileLooksMax).pipe(
          Effect.map((rows) =>
            all(
              rows.map((row) => ({
                ...about(row),
                severity: "bad",
                reason: `it was given up: ${row.error ?? "nobody said why"}`,
                fix: { event: "retry", effect: "it runs again, under the same key", mode: "ask", ifRevision: null },
                mend: () =>
                  oversight.exhume(row.address.org, [row.key]).pipe(
                    Effect.tap((due) => (due.length > 0 ? router.hurry : Effect.void)),
                    Effect.map((due) => (due.length > 0 ? applied("it is due again") : skipped("it is not buried any more"))),
                    Effect.catch(({ message }) => Effect.succeed(failed(message)))
                  )
              }))
            )
          )
        )
      )
    )
  }

  const late: Reconciler = {
    ...patient,
    kind: "deadline.late",
    look: yield* overParts(
      "deadline.late",
      Effect.map(Journal, (journal) =>
        journal.dueTimers(-timerLateMs, reconcileLooksMax).pipe(
          Effect.map((timers) =>
            all(
              timers.map((timer) => ({
                subject: `${nameOf(timer.address)}/${timer.timerId}`,
                org: timer.address.org,
                actor: timer.address,
                severity: "bad",
                reason: "its time has come, and it did not fire",
                desired: { timer: timer.timerId, armedAt: timer.rev },
                observed: { lateMs: -timer.inMs },
                fix: { event: "timer", effect: "the deadline passes", mode: "safe", ifRevision: null },
                mark: `${timer.rev}`,
                mend: () => outcomeOf(router.fire(timer))
              }))
            )
          )
        )
      )
    )
  }

  const aside: Reconciler = {
    ...patient,
    kind: "actor.quarantined",
    look: yield* overParts(
      "actor.quarantined",
      Effect.map(Oversight, (oversight) =>
        oversight.quarantined(null, reconcileLooksMax).pipe(
          Effect.map((rows) =>
            all(
              rows.map(({ address, rev, quarantine: { reason, event, atMs } }) => ({
                subject: nameOf(address),
                org: address.org,
                actor: address,
                severity: "bad",
                sinceMs: atMs,
                reason: `it was set aside: ${reason}`,
                desired: { quarantine: null, rev },
                observed: { quarantine: reason, event },
                fix: { event: "release", effect: "it goes on from what is stored", mode: "ask", ifRevision: rev },
                mark: `${atMs}`,
                mend: () =>
                  router.release(address).pipe(
                    Effect.map((released) => (released ? applied("released") : skipped("it was released before"))),
                    Effect.catch(({ message }) => Effect.succeed(failed(message)))
                  )
              }))
            )
          )
        )
      )
    )
  }

  return [unhosted, stuck, late, dead, aside]
})
