/**
 * What operators ask: what has come apart, what would be done about it, doing it or leaving it for a while, and what was done.
 * Everything is of their own organisation; what the loop does by itself is runtime/reconcile.ts.
 */
import { Clock, Context, Effect, Layer, Schema } from "effect"
import { Coordination } from "../../runtime/coordination.ts"
import type { Drift, Outcome } from "../../runtime/drift.ts"
import { Journal, type JournalError, type Quarantine } from "../../runtime/journal.ts"
import { type FixNote, Oversight } from "../../runtime/oversight.ts"
import { Parts } from "../../runtime/parts.ts"
import { everyKind, type Pause } from "../../runtime/pauses.ts"
import { type KindReport, Reconcile } from "../../runtime/reconcile.ts"
import { planMs } from "../../runtime/reconcile-limits.ts"
import { type Kept, type Passed, type Policy, Retention, type RetentionError } from "../../runtime/retention.ts"
import { type NodeSight, Router, type Unavailable } from "../../runtime/router.ts"
import type { Tree } from "../../runtime/tree.ts"
import { type Pass, userOf } from "./access.ts"
import { ServiceError } from "./error.ts"
import { fixNote, Why } from "./fix-notes.ts"
import { Id } from "./words.ts"

const Item = Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(400))

export const Wanted = Schema.Struct({ kind: Schema.optionalKey(Id), actor: Schema.optionalKey(Id) })
export const Applied = Schema.Struct({
  /** `safe`: what the loop would do by itself. Else rows by their ids, those included that ask for a person. */
  items: Schema.Union([Schema.Literal("safe"), Schema.Array(Item).check(Schema.isMaxLength(200))]),
  why: Why
})
export const Hosted = Schema.Struct({ home: Schema.optionalKey(Id) })
export const Asked = Schema.Struct({ why: Why })
/** No pause without an end: 7 d at most. */
export const Paused = Schema.Struct({
  lastsMs: Schema.Int.check(Schema.isBetween({ minimum: 60_000, maximum: 604_800_000 })),
  why: Why
})
/** `since`: a pass that began then or later will do; the first question leaves it out, a repeat says when that was asked. */
export const PassAsked = Schema.Struct({
  kind: Schema.optionalKey(Id),
  sinceMs: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThan(0)))
})
export const Taken = Schema.Struct({ dryRun: Schema.Boolean })

/** A row as pages, programs and the command line have it: times as people read them. */
export interface DriftRow extends Omit<Drift, "actor" | "org" | "sinceMs" | "ripeAtMs" | "attempts"> {
  readonly actor: string | null
  readonly since: string
  readonly ripeAt: string | null
  readonly attempts: ReadonlyArray<Outcome & { readonly at: string }>
}

const iso = (atMs: number): string => new Date(atMs).toISOString()

const rowOf = ({ org: _, actor, sinceMs, ripeAtMs, attempts, ...rest }: Drift): DriftRow => ({
  ...rest,
  actor: actor === null ? null : actor.id,
  since: iso(sinceMs),
  ripeAt: ripeAtMs === null ? null : iso(ripeAtMs),
  attempts: attempts.map(({ atMs, ...outcome }) => ({ ...outcome, at: iso(atMs) }))
})

export interface Seen {
  readonly drift: ReadonlyArray<DriftRow>
  readonly kinds: ReadonlyArray<KindReport>
}

export interface Handled extends Seen {
  readonly requestedAtMs: number
  /** Null: not yet; ask again with `sinceMs`. */
  readonly handledAtMs: number | null
  /** What was put right since it was asked for. */
  readonly fixes: ReadonlyArray<FixNote & { readonly atMs: number }>
}

const fixesShown = 20
const fixesListed = 100
/** Whoever asks for a pass waits for 25 s; what is left is taken out by the hour. */
const passAskedMs = 15_000
const quarantinedShown = 200

/** What runs in the process that answers, and who is set aside, wherever. */
export interface HostedTree extends Tree {
  readonly quarantined: ReadonlyArray<{ readonly kind: string; readonly id: string; readonly home: string } & Quarantine>
}

/** Which server has which plan. */
const planRoom = (org: string) => `plans/${org}`

export class Operations extends Context.Service<
  Operations,
  {
    /** What the looks so far have shown, and what was done last. Asks nobody. */
    readonly status: (pass: Pass<"operations.read">) => Effect.Effect<
      Seen & {
        readonly fixes: ReadonlyArray<FixNote & { readonly atMs: number }>
        readonly nodes: ReadonlyArray<NodeSight>
        /** The databases by organisation; none: there is one for all. */
        readonly cells: ReadonlyArray<{
          readonly name: string
          readonly trouble: { readonly why: string; readonly since: string } | null
        }>
      },
      JournalError
    >
    /** What this process hosts of the organisation, or of one home of it, those in trouble first. */
    readonly tree: (pass: Pass<"operations.read">, wanted: typeof Hosted.Type) => Effect.Effect<HostedTree, JournalError>
    /** Looks now, and says what would be done; `plan` can be applied for 15 min. Changes nothing. */
    readonly plan: (
      pass: Pass<"operations.read">,
      wanted: typeof Wanted.Type
    ) => Effect.Effect<Seen & { readonly plan: string; readonly madeAt: string }, ServiceError | JournalError>
    readonly apply: (
      pass: Pass<"operations.apply">,
      plan: string,
      request: typeof Applied.Type
    ) => Effect.Effect<ReadonlyArray<Outcome & { readonly id: string }>, ServiceError | JournalError>
    /** Has the server that answers look, and put right what is safe, as it does by itself; waits until it has, 20 s at most. */
    readonly pass: (
      pass: Pass<"operations.apply">,
      asked: typeof PassAsked.Type
    ) => Effect.Effect<Handled, ServiceError | JournalError>
    /** Nothing of a kind, or of `all`, is put right by itself until then. */
    readonly pause: (
      pass: Pass<"operations.apply">,
      kind: string,
      request: typeof Paused.Type
    ) => Effect.Effect<Pause, ServiceError | JournalError>
    /** False if it was not paused. */
    readonly resume: (pass: Pass<"operations.apply">, kind: string) => Effect.Effect<boolean, ServiceError | JournalError>
    /** Notes of what was put right, and of what operators did, newest first. */
    readonly audit: (
      pass: Pass<"operations.read">,
      only: { readonly withinMs?: number; readonly by?: string; readonly limit?: number }
    ) => Effect.Effect<ReadonlyArray<FixNote & { readonly atMs: number }>, JournalError>
    /** Lets a quarantined actor go on; false if it was not. */
    readonly release: (
      pass: Pass<"operations.apply">,
      kind: string,
      id: string,
      why: string
    ) => Effect.Effect<boolean, ServiceError | JournalError | Unavailable>
    /** What of this organisation is older than is kept, before and after a pass over all; no pass where it is `dryRun`: then null. */
    readonly retention: (
      pass: Pass<"operations.apply">,
      request: typeof Taken.Type
    ) => Effect.Effect<
      {
        readonly days: Policy
        readonly old: Readonly<Record<Kept, number>>
        readonly left: Readonly<Record<Kept, number>> | null
        readonly finished: Passed["finished"]
      },
      RetentionError
    >
  }
>()("proliferate/actors/services/Operations") {
  /** `server`: what people call this one, where there are several. */
  static readonly layer = (
    server: string
  ): Layer.Layer<Operations, never, Reconcile | Oversight | Journal | Router | Retention | Coordination> =>
    Layer.effect(
      Operations,
      Effect.gen(function* () {
        const coordination = yield* Coordination
        const [reconcile, oversight, journal, router] = [yield* Reconcile, yield* Oversight, yield* Journal, yield* Router]
        const [retention, division] = [yield* Retention, yield* Parts]

        const noted = (...said: Parameters<typeof fixNote>) => Effect.flatMap(fixNote(...said), oversight.note)

        const known = Effect.fnUntraced(function* (kind: string | undefined) {
          if (kind === undefined || reconcile.kinds.includes(kind)) return
          const message = `kind: nothing is looked for under ${kind}, but under ${reconcile.kinds.join(", ")}`
          return yield* new ServiceError({ reason: "invalid", message })
        })

        return Operations.of({
          status: Effect.fn("Operations.status")(function* ({ organisation }) {
            const { kinds, rows } = yield* reconcile.known(organisation)
            return {
              drift: rows.map(rowOf),
              kinds,
              fixes: yield* oversight.notes(organisation, fixesShown),
              nodes: yield* router.nodes,
              cells: (division?.all ?? []).map(({ name, trouble }) => {
                const now = trouble()
                return { name, trouble: now && { why: now.why, since: iso(now.sinceMs) } }
              })
            }
          }),

          tree: Effect.fn("Operations.tree")(function* ({ organisation }, { home = null }) {
            const aside = yield* oversight.quarantined(organisation, quarantinedShown)
            return {
              ...(yield* router.tree(organisation, home)),
              quarantined: aside
                .filter(({ address }) => home === null || address.home === home)
                .map(({ address: { kind, id, home }, quarantine }) => ({ kind, id, home, ...quarantine }))
            }
          }),

          plan: Effect.fn("Operations.plan")(function* ({ organisation }, { kind, actor }) {
            yield* known(kind)
            const plan = yield* reconcile.plan({ org: organisation, kind, actor })
            const { kinds } = yield* reconcile.known(organisation)
            yield* coordination.enter(planRoom(organisation), { who: plan.id, says: server }, planMs)
            return { plan: plan.id, madeAt: iso(plan.madeAtMs), drift: plan.rows.map(rowOf), kinds }
          }),

          apply: Effect.fn("Operations.apply")(function* (pass, plan, { items, why }) {
            const mended = yield* reconcile.apply(pass.organisation, plan, items, { user: userOf(pass), why })
            if (mended === null) {
              const made = (yield* coordination.present(planRoom(pass.organisation))).find(({ who }) => who === plan)
              if (made !== undefined && made.says !== server) {
                const message = `the plan ${plan} was made by the server ${made.says}, which alone can apply it, and this is ${server}; nothing was done: ask that one by its own address, or make another plan and apply it at the same server`
                return yield* new ServiceError({ reason: "refused", message })
              }
              const message = `there is no plan ${plan}, it is older than 15 min, or it does not hold all of these items; nothing was done: make another with \`proliferate ops reconcile --dry-run\``
              return yield* new ServiceError({ reason: "refused", message })
            }
            return mended.map(({ drift: { id }, result, outcome }) => ({ id, result, outcome }))
          }),

          pass: Effect.fn("Operations.pass")(function* ({ organisation }, { kind, sinceMs }) {
            yield* known(kind)
            const nowMs = yield* Clock.currentTimeMillis
            // Nobody waits for a pass of the future.
            const requestedAtMs = Math.min(sinceMs ?? nowMs, nowMs)
            const isHandled = yield* reconcile.pass(kind ?? null, requestedAtMs)
            const answeredAtMs = yield* Clock.currentTimeMillis
            const { kinds, rows } = yield* reconcile.known(organisation)
            const isWanted = (one: { readonly kind: string }) => kind === undefined || one.kind === kind
            const fixes = yield* oversight.notes(organisation, fixesListed, {
              withinMs: Math.max(1, answeredAtMs - requestedAtMs)
            })
            return {
              requestedAtMs,
              handledAtMs: isHandled ? answeredAtMs : null,
              kinds: kinds.filter(isWanted),
              drift: rows.filter(isWanted).map(rowOf),
              fixes: fixes.filter(isWanted)
            }
          }),

          pause: Effect.fn("Operations.pause")(function* (pass, kind, { lastsMs, why }) {
            if (kind !== everyKind) yield* known(kind)
            const paused = yield* oversight.pause({ org: pass.organisation, kind, by: userOf(pass), why, lastsMs })
            const outcome = `until ${iso(paused.untilMs)}`
            yield* noted(pass, why, { kind, subject: kind, fix: "pause", result: "applied", outcome })
            return paused
          }),

          resume: Effect.fn("Operations.resume")(function* (pass, kind) {
            if (kind !== everyKind) yield* known(kind)
            const wasPaused = yield* oversight.resume(pass.organisation, kind)
            const outcome = "it is put right by itself again"
            if (wasPaused) yield* noted(pass, null, { kind, subject: kind, fix: "resume", result: "applied", outcome })
            return wasPaused
          }),

          audit: Effect.fn("Operations.audit")(({ organisation }, { withinMs, by, limit = fixesListed }) =>
            oversight.notes(organisation, limit, { withinMs, by })
          ),

          release: Effect.fn("Operations.release")(function* (pass, kind, id, why) {
            const address = yield* journal.find(pass.organisation, kind, id)
            if (address === null)
              return yield* new ServiceError({ reason: "not-found", message: `there is no ${kind} ${id} in your organisation` })
            const released = yield* router.release(address)
            if (released) {
              const done = { kind: "actor.quarantined", subject: `${kind}/${id}`, fix: "release", outcome: "released" }
              yield* noted(pass, why, { ...done, result: "applied" })
            }
            return released
          }),

          retention: Effect.fn("Operations.retention")(function* ({ organisation }, { dryRun }) {
            const old = yield* retention.due(organisation)
            if (dryRun) return { days: retention.policy, old, left: null, finished: true }
            const { finished } = yield* retention.pass(passAskedMs)
            return { days: retention.policy, old, left: yield* retention.due(organisation), finished }
          })
        })
      })
    )
}
