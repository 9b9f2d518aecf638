/** What memory and `jsonb` must agree on, the last word of a transition on each of its claims, and budgets and rooms as the journal keeps them. */
import { nameOf } from "../../runtime/address.ts"
import type { RecordWrite, stepsOf, Transition, Verdict } from "../../runtime/journal.ts"
import type { BudgetRow, JournalState } from "./journal-state.ts"

// `JSON.stringify` escapes exactly NUL and unpaired surrogates this way, and `jsonb` takes neither.
const refused = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/

export const isRefusedByJsonb = (json: string): boolean => refused.test(json)

/** With the revision that says it. */
type Word = RecordWrite & { readonly rev: number }
type Of<Type> = Extract<Word, { readonly type: Type }>

/** A key that is both claimed and released is what was said last. */
export const lastWords = (steps: ReturnType<typeof stepsOf>) => {
  const last = new Map<string, Word>()
  for (const [rev, { records }] of steps)
    for (const record of records) {
      if (record.type === "project") last.set(record.type, { ...record, rev })
      else if (record.type === "claim" || record.type === "release") last.set(`${record.name}/${record.key}`, { ...record, rev })
    }
  const words = [...last.values()]
  return {
    claim: words.filter((record): record is Of<"claim"> => record.type === "claim"),
    release: words.filter((record): record is Of<"release"> => record.type === "release"),
    project: words.find((record): record is Of<"project"> => record.type === "project")
  }
}

type Refusal = Extract<Verdict, { readonly _tag: "Rejected" }>["record"]

const whyNot = (budget: BudgetRow | undefined, nowMs: number): string | null => {
  if (budget === undefined) return "absent"
  if (budget.revokedAtMs !== null) return "revoked"
  return budget.expiresAtMs <= nowMs ? "expired" : null
}

/** The first record of a transition whose condition does not hold. */
export const refusal = (
  { budgets, rooms }: JournalState,
  { address, records }: Pick<Transition, "address" | "records">,
  nowMs: number
): Refusal | null => {
  const lent = new Set<string>()
  for (const record of records) {
    switch (record.type) {
      case "lend": {
        const { id } = record.budget
        if (budgets.has(`${address.org}/${id}`)) return { name: "budget", key: id, holder: "taken" }
        lent.add(id)
        break
      }
      case "reserve":
      case "ensure": {
        const { budgetId } = record
        if (lent.has(budgetId)) break
        const budget = budgets.get(`${address.org}/${budgetId}`)
        const isSpent = record.type === "reserve" && budget?.usesMax != null && budget.used >= budget.usesMax
        const holder = whyNot(budget, nowMs) ?? (isSpent ? "spent" : null)
        if (holder !== null) return { name: "budget", key: budgetId, holder }
        break
      }
      case "occupy": {
        const occupants = rooms.get(`${address.org}/${record.room}`) ?? []
        if (!occupants.includes(nameOf(address)) && occupants.length >= record.max)
          return { name: "room", key: record.room, holder: "full" }
        break
      }
    }
  }
  return null
}

export const applyRecords = (
  { budgets, rooms }: JournalState,
  { address, records }: Pick<Transition, "address" | "records">,
  nowMs: number
): void => {
  const name = nameOf(address)
  for (const record of records) {
    switch (record.type) {
      case "lend": {
        const { lastsMs, about, ...budget } = record.budget
        budgets.set(`${address.org}/${budget.id}`, {
          ...budget,
          about: JSON.parse(JSON.stringify(about)),
          org: address.org,
          used: 0,
          expiresAtMs: nowMs + lastsMs,
          revokedAtMs: null,
          revision: 1,
          createdAtMs: nowMs
        })
        break
      }
      case "reserve":
        budgets.get(`${address.org}/${record.budgetId}`)!.used += 1
        break
      case "refund": {
        const budget = budgets.get(`${address.org}/${record.budgetId}`)
        if (budget && budget.used > 0) budget.used -= 1
        break
      }
      case "occupy":
      case "vacate": {
        const room = `${address.org}/${record.room}`
        const others = (rooms.get(room) ?? []).filter((occupant) => occupant !== name)
        const occupants = record.type === "occupy" ? [...others, name] : others
        if (occupants.length > 0) rooms.set(room, occupants)
        else rooms.delete(room)
        break
      }
    }
  }
}

/** Ends a budget and all that were narrowed from it, and answers with those it ended. */
export const revokeBudget = ({ budgets }: JournalState, org: string, budgetId: string, nowMs: number): ReadonlyArray<string> => {
  const line = new Set([budgetId])
  // A child is younger than its parent, and a map keeps the order of its keys.
  for (const budget of budgets.values()) if (budget.org === org && line.has(String(budget.about["parentId"]))) line.add(budget.id)
  const ended = [...line].sort().flatMap((id) => {
    const budget = budgets.get(`${org}/${id}`)
    return budget === undefined || budget.revokedAtMs !== null ? [] : [budget]
  })
  for (const budget of ended) {
    budget.revokedAtMs = nowMs
    budget.revision += 1
  }
  return ended.map(({ id }) => id)
}
