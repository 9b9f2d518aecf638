/** What a journal in memory holds. It outlives the journal: another one built on it is a restart. */
import type { Address } from "../../runtime/address.ts"
import type { Budget, Projection, Stored } from "../../runtime/journal.ts"
import type { Pause } from "../../runtime/pauses.ts"

export interface ActorRow {
  readonly address: Address
  stored: Omit<Stored, "quarantine" | "snapshot" | "timers"> & { readonly snapshot: string }
  /** JSON of the quarantine, or null. */
  quarantine: string | null
  /** JSON of each row; index 0 is revision 1. */
  readonly journal: Array<string>
  readonly seen: Map<string, number>
  readonly timers: Map<string, { readonly rev: number; readonly dueMs: number; readonly event: string }>
}

export interface CommandRow {
  readonly key: string
  readonly address: Address
  readonly name: string
  readonly params: string
  dueMs: number
  /** Also the token of the claim: whoever claims next has another number. */
  attempt: number
  claimedUntilMs: number
  dead: boolean
  deadAtMs: number
  error: string | null
}

export interface ProjectedRow extends Projection {
  readonly address: Address
  readonly rev: number
  readonly createdAtMs: number
  readonly updatedAtMs: number
}

export interface BudgetRow extends Omit<Budget, "lastsMs"> {
  readonly org: string
  used: number
  readonly expiresAtMs: number
  revokedAtMs: number | null
  revision: number
  readonly createdAtMs: number
}

export interface JournalState {
  readonly actors: Map<string, ActorRow>
  readonly commands: Map<string, CommandRow>
  /** Holder by `org/name/key`. */
  readonly claims: Map<string, string>
  /** By `org/id`. */
  readonly budgets: Map<string, BudgetRow>
  /** Who is in it, by `org/room`. */
  readonly rooms: Map<string, ReadonlyArray<string>>
  /** By `kind/id`. */
  readonly projections: Map<string, ProjectedRow>
  /** By `org/kind`. */
  readonly pauses: Map<string, Pause>
}

export const emptyJournal = (): JournalState => ({
  actors: new Map(),
  commands: new Map(),
  claims: new Map(),
  budgets: new Map(),
  rooms: new Map(),
  projections: new Map(),
  pauses: new Map()
})
