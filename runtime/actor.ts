/** What the runtime needs to know of a kind of actor to host it. It knows no kind by name. */
import type { Effect, Schema } from "effect"
import type { AnyMachineSnapshot, AnyStateMachine } from "xstate"
import type { Address } from "./address.ts"
import type { FeedEvent, FeedHead } from "./feed.ts"
import type { Notice, Projection } from "./journal.ts"

/** Names one command for ever, so that a provider can recognise a repeat: `kind:id:rev:index`, fixed at commit. */
export type CommandKey = string

/** What a machine may tell. */
export interface Fact {
  readonly type: string
}

/**
 * The answer of a hand that cannot tell yet: it is asked again under the same key, 0.5 s later doubling to 30 s, as long as it
 * takes. For what must neither be given up nor guessed while the world does not answer.
 */
export class NotYet {
  readonly reason: string

  constructor(reason: string) {
    this.reason = reason
  }
}

/**
 * Runs at least once under its key and answers with the fact it established, or nothing. Its error channel is `never`: an
 * expected failure is a fact too, anything else is a defect and the supervisor's business.
 */
export type Hand<Params, R> = (params: Params, key: CommandKey, address: Address) => Effect.Effect<Fact | NotYet | void, never, R>

/** Long-lived work that a state wants beside it, such as holding a link. Ends by being no longer wanted, or by crashing. */
export interface Standing {
  /** Same id, same work: it is left running across steps. */
  readonly id: string
  readonly name: string
  readonly params: unknown
}

/** How standing work speaks to its own actor and its own feed. */
export interface Voice {
  readonly address: Address
  /** Delivers a fact under `messageId` and returns when it is committed (or was before). Waits out a journal outage. */
  readonly tell: (messageId: string, fact: Fact) => Effect.Effect<void>
  /** Stores feed events in order and returns when they are stored. Repeats are dropped. */
  readonly publish: (events: ReadonlyArray<FeedEvent>) => Effect.Effect<void>
  readonly head: Effect.Effect<FeedHead>
}

export type Activity<Params, R> = (params: Params, voice: Voice) => Effect.Effect<void, never, R>

/** A snapshot as it is stored. */
export interface PlainSnapshot {
  readonly value: unknown
  readonly context: any
}

export interface ActorDefinition<R = never> {
  readonly kind: string
  readonly machine: AnyStateMachine
  /** Version of the machine that snapshots are stored under. */
  readonly version: number
  /** From version N, by its number, to N + 1: what is stored to what is to be stored. Pure, and total over all that N could reach. */
  readonly upgrades: Readonly<Record<number, (stored: PlainSnapshot) => PlainSnapshot>>
  /** Every event from outside is decoded by this before a step sees it. */
  readonly event: Schema.Codec<any, any>
  /** Types of the events that are requests: refused, before any acknowledgement, in a state that does not take them. */
  readonly requests: ReadonlySet<string>
  /** Why a request is refused, where its state alone does not say. Pure. */
  readonly whyNot: (snapshot: AnyMachineSnapshot, event: { readonly type: string }) => string | null
  readonly commands: Readonly<Record<string, Hand<any, R>>>
  /** What stands beside the actor in this state. Pure. */
  readonly standing: (snapshot: AnyMachineSnapshot) => ReadonlyArray<Standing>
  readonly activities: Readonly<Record<string, Activity<any, R>>>
  /** The row that lists show. Pure. */
  readonly project: (snapshot: AnyMachineSnapshot) => Projection
  /** What watchers are told when its state has changed. Pure. */
  readonly announce: (snapshot: AnyMachineSnapshot) => Notice | null
  /** Standing work that crashed too often becomes this fact. Pure. */
  readonly crashed: (standing: Standing, reason: string) => Fact
  /** A command given up after its last try becomes this fact; the outbox tells it before it buries the command. Pure. */
  readonly buried: (name: string, params: unknown, reason: string) => Fact | null
}

/** What its hands need. */
export type HandsOf<Definition> = Definition extends ActorDefinition<infer R> ? R : never
