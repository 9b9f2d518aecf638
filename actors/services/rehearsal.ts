/**
 * What a grant or other rules would have done to the calls of the last days, before anybody lends or saves them
 * (machines/rehearsal.ts). Of a call's arguments the shown copy is known: where one that is hidden or cut decides, the answer is
 * `unknown`, with its path. For those who may lend or set, and one at a time in an organisation: each reads thousands of calls.
 */
import { Clock, Context, Effect, Layer, Schema } from "effect"
import type { ApprovalContext } from "../../machines/approval/context.ts"
import { type Grant, GrantDraft } from "../../machines/grants.ts"
import type { Rule } from "../../machines/policy.ts"
import { type Policy, type RecordedCall, type Rehearsed as Replayed, rehearse } from "../../machines/rehearsal.ts"
import { canonical } from "../canonical.ts"
import { notShown } from "../displayed.ts"
import { Providers } from "../ports/actions.ts"
import { type CallRow, Calls } from "../ports/calls.ts"
import type { DirectoryError } from "../ports/directory.ts"
import { Grants } from "../ports/grants.ts"
import { Rules } from "../ports/rules.ts"
import type { Pass } from "./access.ts"
import { ServiceError } from "./error.ts"
import { NewRule } from "./policies.ts"
import { Id } from "./words.ts"

const days = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 90 }))
export const Previewed = Schema.Struct({ draft: GrantDraft, days: Schema.optionalKey(days) })
export const Rehearsed = Schema.Struct({
  /** Rules as they would be set. */
  set: Schema.optionalKey(Schema.Array(NewRule).check(Schema.isMaxLength(100))),
  /** Rules that would be removed. */
  remove: Schema.optionalKey(Schema.Array(Id).check(Schema.isMaxLength(100))),
  days: Schema.optionalKey(days)
})

const dayMs = 24 * 60 * 60_000
const previewDays = 30
const rehearsalDays = 7
/** Calls that are looked at, newest first: more would take longer than a person waits. */
const callsMax = 10_000
const pageCalls = 1_000
const shownMax = 100
/** Live grants that are looked at; an organisation has no more candidates for one call either. */
const grantsMax = 10_000

interface Seen {
  readonly callId: string
  readonly integration: string
  readonly action: string
  readonly status: string
  readonly params: unknown
  readonly createdAtMs: number
}

/** `unknown`: it depends on an argument that was not kept. */
type Answer = Replayed["now"]

interface Looked {
  readonly days: number
  /** Calls that were looked at; `isCut`: there were more, older ones. */
  readonly looked: number
  readonly isCut: boolean
}

export interface Preview extends Looked {
  /** Calls that it would have let run where the rules alone would not, and about how many of them a person was asked. */
  readonly covered: number
  readonly waited: number
  readonly calls: ReadonlyArray<Seen>
  /** Calls that it may have covered. */
  readonly unknown: number
  readonly unknownCalls: ReadonlyArray<Seen & { readonly because: string }>
}

export interface Rehearsal extends Looked {
  readonly changed: number
  /** How many would go from one verdict to another. */
  readonly changes: Readonly<Record<string, number>>
  /** Of how many it cannot be said what would become of them. */
  readonly unknown: number
  /** Those that change; `was`: what was decided then. */
  readonly calls: ReadonlyArray<
    Seen & { readonly was: Answer; readonly before: Answer; readonly after: Answer; readonly because: string }
  >
}

const seen = ({ id, status, createdAtMs, context }: CallRow): Seen => {
  const { integration, action, params } = context as unknown as ApprovalContext
  return { callId: id, integration, action, status, params, createdAtMs }
}

const isFields = (value: unknown): value is RecordedCall["call"]["params"] =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Null: it was never weighed. `isDrifted`: of an action by its name. */
const recordedOf = (
  org: string,
  { id, createdAtMs, context }: CallRow,
  isDrifted: (name: string) => boolean
): RecordedCall | null => {
  const { sessionId, configurationId, automationId, integration, action, risk, params, path } =
    context as unknown as ApprovalContext
  const verdict = path.at(-1)?.outcome
  if (verdict === undefined || verdict === "no") return null
  return {
    approvalId: id,
    atMs: createdAtMs,
    call: {
      ...{ org, sessionId, configurationId, automationId, integration, action, risk, params: isFields(params) ? params : {} },
      drifted: isDrifted(`${integration}.${action}`)
    },
    hidden: isFields(params) ? notShown(params) : [[]],
    verdict
  }
}

interface Known {
  readonly row: CallRow
  readonly call: RecordedCall
}

const lentAs = ({ lastsMs: _, ...draft }: GrantDraft): Grant => ({
  ...draft,
  ...{ id: "proposed", used: 0, createdBy: "", requestId: null, parentId: null, revokedAtMs: null, revision: 0 },
  // As if it had been lent all the time.
  expiresAtMs: Number.MAX_SAFE_INTEGER
})

const subjectOf = ({ integration, action, scope, pins }: Pick<Rule, "integration" | "action" | "scope" | "pins">): string =>
  canonical([integration, action, scope, pins])

/** The book as it would be. */
const changedBook = (rules: ReadonlyArray<Rule>, { set = [], remove = [] }: typeof Rehearsed.Type): ReadonlyArray<Rule> => {
  const given = set.map(({ ifRevision: _, scope = { type: "organisation" as const }, pins = [], ...rule }, index) => ({
    ...{ id: `proposed_${index + 1}`, scope, pins, revision: 0 },
    ...rule
  }))
  const replaced = new Set(given.map(subjectOf))
  return [...rules.filter((rule) => !remove.includes(rule.id) && !replaced.has(subjectOf(rule))), ...given]
}

export class Rehearsals extends Context.Service<
  Rehearsals,
  {
    readonly preview: (
      pass: Pass<"grants.create">,
      given: typeof Previewed.Type
    ) => Effect.Effect<Preview, ServiceError | DirectoryError>
    readonly rehearse: (
      pass: Pass<"rules.set">,
      given: typeof Rehearsed.Type
    ) => Effect.Effect<Rehearsal, ServiceError | DirectoryError>
  }
>()("proliferate/actors/services/Rehearsals") {
  static readonly layer: Layer.Layer<Rehearsals, never, Calls | Rules | Grants | Providers> = Layer.effect(
    Rehearsals,
    Effect.gen(function* () {
      const calls = yield* Calls
      const rules = yield* Rules
      const grants = yield* Grants
      const providers = yield* Providers

      const busy = new Set<string>()
      const alone = <A, E>(org: string, work: Effect.Effect<A, E>): Effect.Effect<A, E | ServiceError> =>
        Effect.suspend((): Effect.Effect<A, E | ServiceError> => {
          if (busy.has(org))
            return new ServiceError({
              reason: "limit",
              message: "another rehearsal of your organisation is under way; try again"
            })
          busy.add(org)
          return Effect.ensuring(
            work,
            Effect.sync(() => busy.delete(org))
          )
        })

      const recorded = Effect.fnUntraced(function* (org: string, ofDays: number) {
        const sinceMs = (yield* Clock.currentTimeMillis) - ofDays * dayMs
        const drifted = new Set(
          (yield* providers.of(org)).flatMap(({ integration, actions }) =>
            actions.filter((action) => action.drifted).map(({ name }) => `${integration}.${name}`)
          )
        )
        const rows: Array<CallRow> = []
        while (rows.length < callsMax) {
          const page = yield* calls.list(org, { limit: pageCalls, sinceMs, before: rows.at(-1)?.id })
          rows.push(...page)
          if (page.length < pageCalls) break
        }
        const weighed: ReadonlyArray<Known> = rows.slice(0, callsMax).flatMap((row) => {
          const call = recordedOf(org, row, (name) => drifted.has(name))
          return call === null ? [] : [{ row, call }]
        })
        return { calls: weighed, days: ofDays, looked: weighed.length, isCut: rows.length >= callsMax }
      })

      const replayed = (calls: ReadonlyArray<Known>, now: Policy, proposed: Policy) => {
        const known = calls.map(({ call }) => call)
        return rehearse(known, now, proposed).map((answer, at) => ({ row: calls[at]!.row, answer }))
      }

      return Rehearsals.of({
        preview: Effect.fn("Rehearsals.preview")(
          function* ({ organisation: org }, { draft, days = previewDays }) {
            const { calls, ...looked } = yield* recorded(org, days)
            const book = (yield* rules.book(org)).rules
            const both = replayed(calls, { rules: book, grants: [] }, { rules: book, grants: [lentAs(draft)] })
            const differing = both.filter(({ answer }) => answer.differs)
            const covered = differing.filter(({ answer }) => answer.proposed === "run")
            const unknown = differing.filter(({ answer }) => answer.proposed === "unknown")
            const waited = covered.filter(({ answer }) => answer.was === "ask").length
            return {
              ...looked,
              covered: covered.length,
              waited,
              calls: covered.slice(0, shownMax).map(({ row }) => seen(row)),
              unknown: unknown.length,
              unknownCalls: unknown
                .slice(0, shownMax)
                .map(({ row, answer }) => ({ ...seen(row), because: answer.because.proposed }))
            }
          },
          (effect, { organisation }) => alone(organisation, effect)
        ),

        rehearse: Effect.fn("Rehearsals.rehearse")(
          function* ({ organisation: org }, given) {
            const { calls, ...looked } = yield* recorded(org, given.days ?? rehearsalDays)
            const book = (yield* rules.book(org)).rules
            const lent = yield* grants.list(org, { limit: grantsMax, ended: false })
            const both = replayed(calls, { rules: book, grants: lent }, { rules: changedBook(book, given), grants: lent })
            const changes: Record<string, number> = {}
            const changed = both.filter(({ answer }) => answer.differs)
            for (const { answer } of changed) {
              const way = `${answer.now} → ${answer.proposed}`
              changes[way] = (changes[way] ?? 0) + 1
            }
            return {
              ...looked,
              changed: changed.length,
              changes,
              unknown: both.filter(({ answer }) => answer.proposed === "unknown").length,
              calls: changed.slice(0, shownMax).map(({ row, answer: { was, now, proposed, because } }) => ({
                ...seen(row),
                ...{ was, before: now, after: proposed, because: because.proposed }
              }))
            }
          },
          (effect, { organisation }) => alone(organisation, effect)
        )
      })
    })
  )
}
