/**
 * The loop that looks at what is stored and at what is there, and puts right what has come apart. Level-triggered: it goes by what
 * it sees now, never by what has happened, so that nothing it missed stays wrong.
 *
 *   R1  A fix is an event to the actor at the revision it was planned on, or a call that may be made twice; never a write. Planned
 *       twice, by two hosts or a host and a person, it is one.
 *   R2  What does not answer is unknown: shown, and nothing else (drift.ts, with what makes trouble ripe and what holds it).
 *   R3  Safe fixes are made by themselves, 32 in a round at most; the others when a person names them.
 *   R4  A round every 30 s, give or take a fifth; one at a time in a process, each kind looked for in 10 s at most.
 *   R5  Every fix that was tried leaves a note, with who, on which revision, and what came of it; also where whoever asked for it
 *       did not wait for that.
 *   R6  What an organisation has paused (pauses.ts) is not put right by itself; nor is anything while nobody can say what is paused.
 */

import { Clock, Context, Effect, Fiber, Layer, Random, Semaphore } from "effect"
import { newId } from "./address.ts"
import { type Drift, Drifts, type Finding, isRipe, type Observation, type Outcome, type Patience, type Unknown } from "./drift.ts"
import { Inspector } from "./inspection.ts"
import type { JournalError } from "./journal.ts"
import { Oversight } from "./oversight.ts"
import { type Pause, pauseOf, pauseText } from "./pauses.ts"
import {
  passWaitMs,
  planMs,
  plansMax,
  reconcileCallsMax,
  reconcileEveryMs,
  reconcileFixesMax,
  reconcileLookMs,
  reconcileMendMs
} from "./reconcile-limits.ts"
import { reasonOf } from "./text.ts"
import { unending } from "./unending.ts"

/** Something in trouble, and what puts it right: under `id`, for whoever asks. */
export interface Mendable extends Finding {
  readonly mend: (id: string, by: string | null) => Effect.Effect<Outcome>
}

/** One kind of trouble: how it is looked for, and how sure one must be. */
export interface Reconciler extends Patience {
  readonly kind: string
  readonly look: Effect.Effect<Observation<Mendable>>
}

export interface KindReport {
  readonly kind: string
  readonly lookedAtMs: number | null
  readonly judged: number
  readonly drift: number
  readonly held: string | null
  readonly paused: Pause | null
  readonly unknown: ReadonlyArray<Unknown>
}

export interface Plan {
  readonly id: string
  readonly madeAtMs: number
  readonly rows: ReadonlyArray<Drift>
}

export interface Mended extends Outcome {
  readonly drift: Drift
}

interface Only {
  readonly org: string
  readonly kind?: string | undefined
  /** Its id. */
  readonly actor?: string | undefined
}

interface KeptPlan extends Plan {
  readonly org: string
  readonly mends: ReadonlyMap<string, Mendable["mend"]>
}

export class Reconcile extends Context.Service<
  Reconcile,
  {
    /** What is known from the looks so far, without another. */
    readonly known: (
      org: string
    ) => Effect.Effect<{ readonly kinds: ReadonlyArray<KindReport>; readonly rows: ReadonlyArray<Drift> }, JournalError>
    /** Looks now, and keeps what it would do for 15 min. Changes nothing. */
    readonly plan: (only: Only) => Effect.Effect<Plan, JournalError>
    /** Null: there is no such plan, it is too old, or it lacks one of the items; then nothing is done. `items`: ids of rows, or what is safe, ripe and not held. */
    readonly apply: (
      org: string,
      planId: string,
      items: "safe" | ReadonlyArray<string>,
      by: { readonly user: string | null; readonly why: string }
    ) => Effect.Effect<ReadonlyArray<Mended> | null, JournalError>
    /**
     * A round of one kind, or of all, as the loop makes it, that began at `sinceMs` or later: one that did, or another now. Waits for
     * its end, 20 s at most; false: it is not over yet.
     */
    readonly pass: (kind: string | null, sinceMs: number) => Effect.Effect<boolean>
    /** What it looks for. */
    readonly kinds: ReadonlyArray<string>
  }
>()("proliferate/runtime/Reconcile") {
  static readonly layer = <R>(
    reconcilers: Effect.Effect<ReadonlyArray<Reconciler>, never, R>
  ): Layer.Layer<Reconcile, never, R | Oversight> => Layer.effect(Reconcile, make(reconcilers))
}

const make = <R>(reconcilers: Effect.Effect<ReadonlyArray<Reconciler>, never, R>) =>
  Effect.gen(function* () {
    const oversight = yield* Oversight
    const inspect = yield* Inspector
    const kinds = (yield* reconcilers).map((reconciler) => ({
      reconciler,
      drifts: new Drifts(reconciler.kind, reconciler),
      mends: new Map<string, Mendable["mend"]>(),
      /** When the last round of it began. */
      begunAtMs: Number.NEGATIVE_INFINITY
    }))
    type Kind = (typeof kinds)[number]
    const plans = new Map<string, KeptPlan>()
    const one = yield* Semaphore.make(1)
    const scope = yield* Effect.scope

    const lookFor = Effect.fnUntraced(function* ({ reconciler, drifts, mends }: Kind) {
      const silent = (why: string) => ({
        judged: [],
        found: [],
        unknown: [{ org: null, subject: reconciler.kind, why }],
        isWhole: false
      })
      const observation = yield* reconciler.look.pipe(
        Effect.timeoutOrElse({
          duration: reconcileLookMs,
          orElse: () => Effect.succeed(silent(`no answer within ${reconcileLookMs / 1_000} s`))
        }),
        Effect.catchDefect((defect) => Effect.succeed(silent(reasonOf(defect))))
      )
      drifts.note(observation, yield* Clock.currentTimeMillis)
      for (const { subject, mend } of observation.found) mends.set(subject, mend)
      const open = new Set(drifts.rows.map(({ subject }) => subject))
      for (const subject of mends.keys()) if (!open.has(subject)) mends.delete(subject)
      if (drifts.held !== null) inspect({ type: "drift.held", kind: reconciler.kind, why: drifts.held })
    })

    const mendOne = Effect.fnUntraced(function* (
      drift: Drift,
      mend: Mendable["mend"],
      by: { readonly user: string | null; readonly why: string | null }
    ) {
      // The same trouble at the same revision is the same fix, whoever makes it.
      const { id, kind, subject, org, fix } = drift
      const outcome = yield* mend(`reconcile:${id}:${fix.ifRevision ?? "-"}`, by.user).pipe(
        Effect.timeoutOrElse({
          duration: reconcileMendMs,
          orElse: () => Effect.succeed<Outcome>({ result: "failed", outcome: "no answer in time; it may still be done" })
        }),
        Effect.catchDefect((defect) => Effect.succeed<Outcome>({ result: "failed", outcome: reasonOf(defect) }))
      )
      const nowMs = yield* Clock.currentTimeMillis
      kinds.find((one) => one.reconciler.kind === kind)?.drifts.tried(subject, outcome, nowMs)
      inspect({ type: "drift.fixed", kind, subject, ...outcome })
      const noted = { id: yield* newId("fix"), org, kind, subject, fix: fix.event, plannedRev: fix.ifRevision, ...outcome }
      yield* oversight
        .note({ ...noted, by: by.user, why: by.why })
        .pipe(
          Effect.catch(({ message }) =>
            Effect.logWarning(`${fix.event} for ${subject} was ${outcome.result} and is not noted: ${message}`)
          )
        )
      return { drift, ...outcome }
    })

    const round = Effect.fnUntraced(
      function* (chosen: ReadonlyArray<Kind>) {
        const begunAtMs = yield* Clock.currentTimeMillis
        for (const kind of chosen) kind.begunAtMs = begunAtMs
        yield* Effect.forEach(chosen, lookFor, { concurrency: "unbounded", discard: true })
        const pauses = yield* oversight.pauses(null)
        const nowMs = yield* Clock.currentTimeMillis
        const ripe = chosen.flatMap(({ drifts, mends }) =>
          drifts
            .ripe(nowMs)
            .filter(({ org, kind }) => pauseOf(pauses, org, kind) === null)
            .map((drift) => ({ drift, mend: mends.get(drift.subject)! }))
        )
        yield* Effect.forEach(
          ripe.slice(0, reconcileFixesMax),
          ({ drift, mend }) => mendOne(drift, mend, { user: null, why: null }),
          { concurrency: reconcileCallsMax, discard: true }
        )
      },
      Effect.catchTag("JournalError", ({ message }) =>
        Effect.logWarning(`nothing is put right while the pauses cannot be read: ${message}`)
      )
    )

    const pass = (chosen: ReadonlyArray<Kind>, sinceMs: number) =>
      one.withPermits(1)(
        Effect.suspend(() => (chosen.every(({ begunAtMs }) => begunAtMs >= sinceMs) ? Effect.void : round(chosen)))
      )

    const isWithin = ({ org, kind, actor }: Only, drift: Drift): boolean =>
      drift.org === org && (kind === undefined || drift.kind === kind) && (actor === undefined || drift.actor?.id === actor)

    const rowsOf = (only: Only) => kinds.flatMap(({ drifts }) => drifts.rows.filter((drift) => isWithin(only, drift)))

    const underPauses =
      (pauses: ReadonlyArray<Pause>) =>
      (drift: Drift): Drift => {
        const pause = pauseOf(pauses, drift.org, drift.kind)
        return pause === null ? drift : { ...drift, held: pauseText(pause) }
      }

    const unknownOf = ({ unknown }: Drifts, org: string) => unknown.filter((one) => one.org === null || one.org === org)

    const rounds = Random.nextIntBetween(reconcileEveryMs * 0.8, reconcileEveryMs * 1.2).pipe(
      Effect.flatMap(Effect.sleep),
      Effect.andThen(one.withPermits(1)(round(kinds)))
    )
    yield* Effect.forkScoped(unending("reconciling", rounds))

    return Reconcile.of({
      kinds: kinds.map(({ reconciler: { kind } }) => kind),

      pass: Effect.fnUntraced(function* (kind, sinceMs) {
        const chosen = kinds.filter(({ reconciler }) => kind === null || reconciler.kind === kind)
        // It goes on where nobody waits for it any more.
        const passing = yield* Effect.forkIn(pass(chosen, sinceMs), scope)
        return (yield* Effect.timeoutOption(Fiber.await(passing), passWaitMs))._tag === "Some"
      }),

      known: (org) =>
        Effect.map(oversight.pauses(org), (pauses) => {
          const rows = rowsOf({ org }).map(underPauses(pauses))
          const report = ({ reconciler: { kind }, drifts }: Kind): KindReport => ({
            kind,
            lookedAtMs: drifts.lookedAtMs,
            judged: drifts.judged,
            drift: rows.filter((row) => row.kind === kind).length,
            held: drifts.held,
            paused: pauseOf(pauses, org, kind),
            unknown: unknownOf(drifts, org)
          })
          return { kinds: kinds.map(report), rows }
        }),

      plan: Effect.fnUntraced(function* (only) {
        yield* one.withPermits(1)(
          Effect.forEach(
            kinds.filter(({ reconciler: { kind } }) => only.kind === undefined || only.kind === kind),
            lookFor,
            { concurrency: "unbounded", discard: true }
          )
        )
        const madeAtMs = yield* Clock.currentTimeMillis
        const rows = rowsOf(only).map(underPauses(yield* oversight.pauses(only.org)))
        const mends = new Map(
          rows.map((row) => [row.id, kinds.find(({ reconciler }) => reconciler.kind === row.kind)!.mends.get(row.subject)!])
        )
        const plan: KeptPlan = { id: yield* newId("pln"), org: only.org, madeAtMs, rows, mends }
        plans.set(plan.id, plan)
        for (const oldest of plans.keys()) if (plans.size > plansMax) plans.delete(oldest)
        return { id: plan.id, madeAtMs, rows }
      }),

      apply: Effect.fnUntraced(function* (org, planId, items, by) {
        const plan = plans.get(planId)
        const nowMs = yield* Clock.currentTimeMillis
        if (plan === undefined || plan.org !== org || nowMs - plan.madeAtMs > planMs) return null
        if (items !== "safe" && items.some((item) => !plan.mends.has(item))) return null
        // Paused since it was planned, or no more.
        const pauses = items === "safe" ? yield* oversight.pauses(org) : []
        const isPaused = ({ kind }: Drift) => pauseOf(pauses, org, kind) !== null
        const chosen = plan.rows.filter((row) =>
          items === "safe" ? isRipe(row, nowMs) && !isPaused(row) : items.includes(row.id)
        )
        const mending = Effect.forEach(chosen, (drift) => mendOne(drift, plan.mends.get(drift.id)!, by), {
          concurrency: reconcileCallsMax
        })
        return yield* Fiber.join(yield* Effect.forkIn(one.withPermits(1)(mending), scope))
      })
    })
  })
