/** What changed among the calls of one organisation that concern people, numbered by this process, and who waits for more. */
import { randomBytes } from "node:crypto"
import type { Effect } from "effect"
import { Waiters } from "../runtime/waiters.ts"
import type { CallName } from "./call-news.ts"
import type { InboxRow } from "./services/inbox-row.ts"

/** `asked`: it waits for a person. `decided`: it waits no more, or runs. `expired`, `settled`: it is over. */
export type ChangeKind = "asked" | "decided" | "expired" | "settled"
export interface Change {
  readonly seq: number
  readonly change: ChangeKind
  /** As it stands; what it went through on the way is not told. */
  readonly call: InboxRow
}

/** Changes kept for who comes back or does not keep up: more than people decide in an hour. */
const ringChangesMax = 1_024
/** Calls of which it is known what was told; of more, those that are over are forgotten first. */
const knownMax = 4_096

const kinds: Readonly<Record<string, ChangeKind>> = {
  pending: "asked",
  outcomeUnknown: "asked",
  approved: "decided",
  executing: "decided",
  denied: "decided",
  expired: "expired"
}
const kindOf = (status: string): ChangeKind => kinds[status] ?? "settled"
const isOver = (status: string): boolean => kindOf(status) !== "asked" && status !== "approved" && status !== "executing"

interface Known {
  readonly status: string
  readonly rev: number
  readonly sessionId: string
}

export class InboxHub {
  readonly org: string
  /** No two hubs have the same. */
  readonly epoch = randomBytes(6).readUIntBE(0, 6)
  seq = 0
  /** To be looked at. */
  readonly dirty = new Map<string, CallName>()
  /** What waits is to be listed: something may have been missed. */
  isStale = false
  /** It knows what there was when it began. */
  isReady = false
  /** Nobody has asked since the last look over all hubs. */
  isForgotten = false
  readonly #known = new Map<string, Known>()
  readonly #waiters = new Waiters()
  #ring: Array<Change> = []

  constructor(org: string) {
    this.org = org
  }

  get isWatched(): boolean {
    return this.#waiters.areThere
  }

  /** Oldest change that is kept. */
  get first(): number {
    return this.seq - this.#ring.length + 1
  }

  after(seq: number): ReadonlyArray<Change> {
    return this.#ring.slice(Math.max(0, seq + 1 - this.first))
  }

  /** Waits for the next change. */
  get changed(): Effect.Effect<void> {
    return this.#waiters.changed
  }

  /** Calls that a look at all that wait has to look at: those that moved, and those that wait no more. */
  moved(
    waiting: ReadonlyArray<{ readonly id: string; readonly sessionId: string; readonly rev: number }>
  ): ReadonlyArray<CallName> {
    const { org } = this
    const now = new Set(waiting.map(({ id }) => id))
    const gone = [...this.#known].filter(([id, { status }]) => !isOver(status) && !now.has(id))
    const come = waiting.filter(({ id, rev }) => (this.#known.get(id)?.rev ?? -1) < rev)
    return [...come, ...gone.map(([id, { sessionId }]) => ({ id, sessionId }))].map(({ id, sessionId }) => ({
      org,
      sessionId,
      id
    }))
  }

  /** Known from the start, and so no change. */
  remember({ id, status, rev, sessionId }: InboxRow): void {
    this.#known.delete(id)
    this.#known.set(id, { status, rev, sessionId })
    if (this.#known.size <= knownMax) return
    for (const [known, { status }] of this.#known) {
      if (this.#known.size <= knownMax / 2) return
      if (isOver(status)) this.#known.delete(known)
    }
  }

  /** A call that was looked at: told where it is news, and concerns people. */
  see(call: InboxRow): void {
    const known = this.#known.get(call.id)
    if (known !== undefined && known.rev >= call.rev) return
    const change = kindOf(call.status)
    const concerns = known !== undefined || change === "asked" || change === "expired" || call.decidedBy === "person"
    if (!concerns) return
    this.remember(call)
    if (known !== undefined && kindOf(known.status) === change && (change !== "asked" || known.status === call.status)) return
    this.seq += 1
    this.#ring.push({ seq: this.seq, change, call })
    if (this.#ring.length > ringChangesMax) this.#ring = this.#ring.slice(-ringChangesMax)
    this.#waiters.wake()
  }
}
