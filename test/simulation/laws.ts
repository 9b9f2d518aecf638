/**
 * What must hold, watched while a simulation runs: at every commit, at every command that is run, at every event that a daemon
 * forgets. What can only be judged in the end is in rest.ts.
 */

import { isDeepStrictEqual } from "node:util"
import type { AnyStateMachine } from "xstate"
import type { DaemonEvent } from "../../actors/ports/daemon.ts"
import type { FeedState } from "../../adapters/memory/feed.ts"
import type { ActorRow, JournalState } from "../../adapters/memory/journal-state.ts"
import { approvalMachine } from "../../machines/approval.ts"
import { sessionMachine } from "../../machines/session.ts"
import { type Address, nameOf } from "../../runtime/address.ts"
import type { FeedEvent } from "../../runtime/feed.ts"
import { type JournalRow, type Step, stepsOf, type Transition } from "../../runtime/journal.ts"
import type { Answer, Message } from "../../runtime/router.ts"
import { restore, step } from "../../runtime/step.ts"
import { keepsInvariants as keepsCallInvariants } from "../support/approval-invariants.ts"
import type { Played as PlayedOf } from "../support/played.ts"
import { keepsInvariants } from "../support/session-invariants.ts"
import { CallLaws } from "./call-laws.ts"

type Event = { readonly type: string }
type Played = PlayedOf<any, Event>
/** Each kind of actor, and what is held against each of its steps. */
const kinds = {
  session: { machine: sessionMachine, keeps: keepsInvariants },
  approval: { machine: approvalMachine, keeps: keepsCallInvariants }
} as unknown as Readonly<
  Record<string, { readonly machine: AnyStateMachine; readonly keeps: (before: Played, event: Event, after: Played) => void }>
>

/** A promise was broken: which, and how. */
export class Violation extends Error {}

export const must = (holds: boolean, law: string): void => {
  if (!holds) throw new Violation(law)
}

export const rowsOf = (actor: ActorRow | undefined): ReadonlyArray<JournalRow> =>
  (actor?.journal ?? []).map((row) => JSON.parse(row) as JournalRow)

/** PostgreSQL keeps what JSON means, not how it was written. */
const isSame = (text: string, value: unknown): boolean =>
  text === JSON.stringify(value) || isDeepStrictEqual(JSON.parse(text), JSON.parse(JSON.stringify(value)))

/** What a daemon tells that the session must hear of before the daemon forgets it. */
const factKinds = new Set(["turn.finished", "question", "question.closed", "agent.exited"])

export class Laws {
  readonly #journal: JournalState
  readonly #feeds: FeedState
  readonly #played = new Map<string, { readonly rev: number; readonly at: Played | null }>()
  readonly #messages = new Map<string, Map<string, number>>()
  /** What people were told: by actor and message id, the revision of the answer. */
  readonly acknowledged = new Map<string, { readonly address: Address; readonly message: Message; readonly rev: number }>()
  readonly #asNew = new Set<string>()
  readonly refused = new Map<string, { readonly address: Address; readonly message: Message }>()
  /** What a network delivers more than once: refused now, it may be taken by and by. */
  readonly #repeated = new Set<string>()
  commits = 0
  /** Steps that needed no commit of their own. */
  folded = 0

  /** Those of action calls. */
  readonly calls: CallLaws

  /** The first promise that was broken. It may be noticed where the program under test would take it for a defect of its own. */
  broken: Violation | null = null

  constructor(journal: JournalState, feeds: FeedState) {
    this.#journal = journal
    this.#feeds = feeds
    this.calls = new CallLaws(journal, (holds, law) => this.#must(holds, law))
  }

  #must(holds: boolean, law: string): void {
    if (holds) return
    this.broken ??= new Violation(law)
    throw this.broken
  }

  /** After a statement of the journal: what did it write? */
  committed(batch: ReadonlyArray<Transition>): ReadonlyArray<Transition> {
    return batch.filter((transition) => this.#writtenBy(transition))
  }

  #writtenBy(transition: Transition): boolean {
    const name = nameOf(transition.address)
    const actor = this.#journal.actors.get(name)
    const known = this.#played.get(name) ?? { rev: 0, at: null }
    if (actor === undefined || actor.journal.length === known.rev) return false
    const row: JournalRow = JSON.parse(actor.journal.at(-1)!)
    if (row.messageId !== transition.messageId) return false
    this.commits += 1
    const steps = stepsOf(transition)
    this.folded += steps.length - 1
    this.#must(
      actor.journal.length === known.rev + steps.length,
      `J1: ${name} was written ${actor.journal.length - known.rev} times in ${steps.length} steps`
    )
    this.#must(actor.stored.rev === row.rev, `J2: ${name} stands at ${actor.stored.rev}, its journal at ${row.rev}`)
    const messages = this.#messages.get(name) ?? new Map<string, number>()
    this.#messages.set(name, messages)
    let at = known.at
    for (const [rev, one] of steps) {
      const written: JournalRow = JSON.parse(actor.journal[rev - 1]!)
      const { messageId } = written
      this.#must(
        written.rev === rev && rev > known.rev,
        `J2: ${name} was committed at ${written.rev} when it stood at ${known.rev}`
      )
      this.#must(messageId === one.messageId, `J2: ${name} was to take ${one.messageId} at ${rev} and took ${messageId}`)
      const firstRev = messages.get(messageId)
      this.#must(firstRev === undefined, `J3: ${name} took ${messageId} at ${firstRev} and again at ${rev}`)
      messages.set(messageId, rev)
      at = this.#step(name, at, one, rev === row.rev ? transition : null)
    }
    this.#played.set(name, { rev: row.rev, at })
    this.calls.committed(transition)
    return true
  }

  #step(whose: string, before: Played | null, transition: Step, whole: Transition | null): Played {
    const { notices, taken, commands, timers, records } = transition
    const { machine, keeps } = kinds[whose.slice(0, whose.indexOf("/"))]!
    // Of those before the last nothing but their journal is stored: what the machine makes of them is what the last began from.
    const snapshot =
      whole === null
        ? step(machine, before!.snapshot, transition.event as Event).snapshot
        : restore(machine, JSON.parse(JSON.stringify(whole.snapshot)))
    const { sandboxId } = snapshot.context
    for (const [name, other] of this.#played)
      if (sandboxId != null && name !== whose)
        this.#must(other.at?.context.sandboxId !== sandboxId, `I5: ${whose} and ${name} both hold ${sandboxId}`)
    const armed = new Map(before?.armed)
    for (const [id, timer] of timers) {
      if (timer === null) armed.delete(id)
      else armed.set(id, timer.event as Event)
    }
    const last = {
      snapshot,
      taken,
      commands,
      timers,
      notices: notices.filter(({ kind }) => kind !== "state"),
      records: records.filter(({ type }) => type !== "project")
    }
    const after: Played = { snapshot, context: snapshot.context, armed, last, commands, notices }
    if (before === null) return after
    const event = taken.some((way) => way.includes("-record.rejected->")) ? { type: "record.rejected" } : transition.event
    try {
      keeps(before, event as Event, after)
    } catch (failure) {
      this.#must(false, (failure as Error).message)
    }
    return after
  }

  /** Before a hand runs. */
  runs(name: string, key: string, params: unknown): void {
    const [kind, id, rev, index] = key.split(":")
    const actor = this.#journal.actors.get(`${kind}/${id}`)
    const row = actor?.journal[Number(rev) - 1]
    this.#must(row !== undefined, `I9: ${name} runs under ${key}, which was not committed`)
    const { effects }: JournalRow = JSON.parse(row!)
    this.#must(effects[Number(index)] === name, `I9: ${name} runs under ${key}, which was committed as ${effects[Number(index)]}`)
    const command = this.#journal.commands.get(key)
    if (command !== undefined) this.#must(isSame(command.params, params), `I9: ${name} runs under ${key} with other params`)
  }

  /** When a daemon drops an event because it was acknowledged (L1). */
  forgets(sessionId: string, org: string, daemonId: string, { seq, kind }: DaemonEvent): void {
    const reached = this.#feeds.get(`${org}/${sessionId}`)?.head.sources[`daemon/${daemonId}`] ?? 0
    this.#must(reached >= seq, `L1: event ${seq} of ${daemonId} was acknowledged before it was stored`)
    if (!factKinds.has(kind)) return
    const told = this.#messages.get(`session/${sessionId}`)?.has(`daemon/${daemonId}:${seq}`) ?? false
    this.#must(told, `L1: event ${seq} of ${daemonId}, a ${kind}, was acknowledged before its session had committed it`)
  }

  answered(address: Address, message: Message, { rev, duplicate }: Answer): void {
    const name = nameOf(address)
    const key = `${name} ${message.id}`
    const at = this.#messages.get(name)?.get(message.id)
    this.#must(at !== undefined, `G1: ${key} was acknowledged and is not in the journal`)
    this.#must(at === rev, `M1: ${key} was acknowledged at ${rev} and is in the journal at ${at}`)
    // Asked twice at once, the answer to the repeat may be the first to arrive.
    if (!duplicate) this.#must(!this.#asNew.has(key), `M1: ${key} was acknowledged twice as new`)
    if (!duplicate) this.#asNew.add(key)
    this.acknowledged.set(key, { address, message, rev })
    this.refused.delete(key)
  }

  repeated(name: string, { id }: Message): void {
    this.#repeated.add(`${name} ${id}`)
    this.refused.delete(`${name} ${id}`)
  }

  turnedAway(address: Address, message: Message): void {
    const name = nameOf(address)
    if (this.#repeated.has(`${name} ${message.id}`)) return
    this.#must(!this.#messages.get(name)?.has(message.id), `M3: ${name} ${message.id} was refused and is in the journal`)
    this.refused.set(`${name} ${message.id}`, { address, message })
  }

  /** It may have been taken, though one of the same id was refused before. */
  unanswered(address: Address, message: Message): void {
    this.refused.delete(`${nameOf(address)} ${message.id}`)
  }

  /** What a watcher was given must be what is stored. */
  seen(home: string, seq: number, event: FeedEvent): void {
    const feed = this.#feeds.get(home)
    const stored = feed?.events[seq - feed.head.first]
    if (feed !== undefined && seq < feed.head.first) return
    this.#must(stored !== undefined, `F1: a watcher of ${home} saw event ${seq}, which is not stored`)
    this.#must(
      isSame(stored!, { ...event, seq }),
      `F1: a watcher of ${home} saw another event ${seq} than is stored: ${JSON.stringify(event)}, not ${stored}`
    )
  }
}
