/**
 * What a grant or other rules would have done to the calls of the last days, before anybody lends or saves them. Calls are compared by
 * what is kept of their arguments: where something that was hidden or cut decides, a rule's verdict is unknown, and a grant does not fit.
 */
import { Clock, Context, Effect, Layer, Schema } from "effect"
import type { ApprovalContext } from "../../machines/approval/context.ts"
import { covers, GrantDraft } from "../../machines/grants.ts"
import type { CallContext, Rule, Verdict } from "../../machines/policy.ts"
import { type RecordedCall, rehearse } from "../../machines/rehearsal.ts"
import { canonical } from "../canonical.ts"
import { type CallRow, Calls } from "../ports/calls.ts"
import type { DirectoryError } from "../ports/directory.ts"
import { Rules } from "../ports/rules.ts"
import { mark } from "../redaction.ts"
import type { Pass } from "./access.ts"
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

interface Seen {
  readonly callId: string
  readonly integration: string
  readonly action: string
  readonly status: string
  readonly params: unknown
  readonly createdAtMs: number
}

export interface Preview {
  readonly days: number
  /** Calls that were looked at; `isCut`: there were more, older ones. */
  readonly looked: number
  readonly isCut: boolean
  /** Those that it would have let run, and how many of them a person had to decide. */
  readonly covered: number
  readonly waited: number
  readonly calls: ReadonlyArray<Seen>
}

export interface Rehearsal {
  readonly days: number
  readonly looked: number
  readonly isCut: boolean
  readonly changed: number
  /** How many would go from one verdict to another. */
  readonly changes: Readonly<Record<string, number>>
  readonly calls: ReadonlyArray<
    Seen & { readonly before: Verdict | "unknown"; readonly after: Verdict | "unknown"; readonly because: string }
  >
}

const seen = ({ id, status, createdAtMs, context }: CallRow): Seen => {
  const { integration, action, params } = context as unknown as ApprovalContext
  return { callId: id, integration, action, status, params, createdAtMs }
}

const callOf = (org: string, { context }: CallRow): CallContext => {
  const { sessionId, configurationId, automationId, integration, action, risk, params } = context as unknown as ApprovalContext
  const fields = params !== null && typeof params === "object" && !Array.isArray(params) ? params : {}
  return { org, sessionId, configurationId, automationId, integration, action, risk, params: fields as CallContext["params"] }
}

/** Where something was hidden or cut, by its path. */
const hiddenIn = (value: unknown, path: string): ReadonlyArray<string> => {
  if (typeof value === "string") return value.includes(mark) || value.includes("… ") ? [path] : []
  if (value === null || typeof value !== "object") return []
  const escaped = (key: string) => key.replaceAll("\\", "\\\\").replaceAll(".", "\\.")
  return Object.entries(value).flatMap(([key, entry]) =>
    key === "…" ? [path] : hiddenIn(entry, path === "" ? escaped(key) : `${path}.${escaped(key)}`)
  )
}

const recordedOf = (org: string, row: CallRow): RecordedCall => {
  const call = callOf(org, row)
  const { path } = row.context as unknown as ApprovalContext
  const outcome = path.at(-1)?.outcome ?? "ask"
  return {
    approvalId: row.id,
    atMs: row.createdAtMs,
    call,
    hidden: hiddenIn(call.params, "").filter((hidden) => hidden !== ""),
    verdict: outcome === "no" ? "ask" : outcome
  }
}

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
    readonly preview: (pass: Pass<"grants.read">, given: typeof Previewed.Type) => Effect.Effect<Preview, DirectoryError>
    readonly rehearse: (pass: Pass<"rules.read">, given: typeof Rehearsed.Type) => Effect.Effect<Rehearsal, DirectoryError>
  }
>()("proliferate/actors/services/Rehearsals") {
  static readonly layer: Layer.Layer<Rehearsals, never, Calls | Rules> = Layer.effect(
    Rehearsals,
    Effect.gen(function* () {
      const calls = yield* Calls
      const rules = yield* Rules

      const recorded = Effect.fnUntraced(function* (org: string, ofDays: number) {
        const sinceMs = (yield* Clock.currentTimeMillis) - ofDays * dayMs
        const rows: Array<CallRow> = []
        while (rows.length < callsMax) {
          const page = yield* calls.list(org, { limit: pageCalls, sinceMs, before: rows.at(-1)?.id })
          rows.push(...page)
          if (page.length < pageCalls) break
        }
        return { rows: rows.slice(0, callsMax), isCut: rows.length >= callsMax }
      })

      return Rehearsals.of({
        preview: Effect.fn("Rehearsals.preview")(function* ({ organisation: org }, { draft, days = previewDays }) {
          const { rows, isCut } = yield* recorded(org, days)
          const covered = rows.filter((row) => covers(draft, callOf(org, row)))
          const waited = covered.filter(({ context }) => (context as unknown as ApprovalContext).decidedBy !== "policy").length
          return {
            days,
            looked: rows.length,
            isCut,
            covered: covered.length,
            waited,
            calls: covered.slice(0, shownMax).map(seen)
          }
        }),

        rehearse: Effect.fn("Rehearsals.rehearse")(function* ({ organisation: org }, given) {
          const { days = rehearsalDays } = given
          const { rows, isCut } = yield* recorded(org, days)
          const book = (yield* rules.book(org)).rules
          const proposed = changedBook(book, given)
          const recordedCalls = rows.map((row) => recordedOf(org, row))
          const judged = rehearse(recordedCalls, { rules: book, grants: [] }, { rules: proposed, grants: [] })
          const changes: Record<string, number> = {}
          const changed = judged.flatMap(({ differs, now: before, proposed: after, because }, at) => {
            if (!differs) return []
            const way = `${before} → ${after}`
            changes[way] = (changes[way] ?? 0) + 1
            return [{ ...seen(rows[at]!), before, after, because: because.proposed }]
          })
          return { days, looked: rows.length, isCut, changed: changed.length, changes, calls: changed.slice(0, shownMax) }
        })
      })
    })
  )
}
