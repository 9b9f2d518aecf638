/**
 * Port: from an address to its actor. Implemented by runtime/local-router.ts in one process, and by adapters/cluster in
 * several. Correctness never depends on it: two owners at once are resolved by the epoch.
 */
import { Context, type Effect, Schema } from "effect"
import type { Address } from "./address.ts"
import type { DueTimer, Quarantine } from "./journal.ts"
import type { Tree } from "./tree.ts"

export interface Message {
  /** Journaled once per actor; a repeat is answered as the first was. */
  readonly id: string
  readonly event: { readonly type: string }
  /** Who asks: a user's id, or null for the system. */
  readonly by: string | null
  /** Taken at this revision of the actor alone: whoever decided it looked at that one. */
  readonly ifRev?: number
}

export interface Answer {
  readonly rev: number
  readonly duplicate: boolean
}

/** An actor as it is stored, seen without waking it. */
export interface View {
  readonly address: Address
  readonly rev: number
  readonly epoch: number
  readonly machineVersion: number
  readonly status: string
  readonly value: unknown
  readonly context: Readonly<Record<string, unknown>>
  /** Requests that this state takes. */
  readonly accepts: ReadonlyArray<string>
  readonly quarantine: Quarantine | null
  readonly updatedAtMs: number
}

/** The state does not take this request; nothing was written. */
export class Refused extends Schema.TaggedError<Refused>()("Refused", {
  state: Schema.String,
  accepts: Schema.Array(Schema.String),
  message: Schema.String
}) {}

/** There is no such actor. */
export class Absent extends Schema.TaggedError<Absent>()("Absent", { kind: Schema.String, id: Schema.String }) {}

/** `busy`: the mailbox is full. `draining`: this host, or the actor's place in it, is going away. `journal`: the database does not answer. `version`: a newer server stored it, and hosts it. Nothing was taken; try again. `unreachable`: its host does not answer, and may have taken it; a repeat is taken once. */
export class Unavailable extends Schema.TaggedError<Unavailable>()("Unavailable", {
  reason: Schema.Literals(["busy", "draining", "journal", "version", "unreachable"]),
  message: Schema.String
}) {}

export const unavailable = ({ message }: { readonly message: string }) =>
  new Unavailable({ reason: "journal", message: `the database does not answer (${message}); try again` })

/** Set aside after crashing too often, which is recorded; an operator releases it. */
export class Quarantined extends Schema.TaggedError<Quarantined>()("Quarantined", { reason: Schema.String }) {}

/** The message made the actor crash; it was not written. */
export class Crashed extends Schema.TaggedError<Crashed>()("Crashed", { message: Schema.String }) {}

/** The actor is past the revision that the message was meant for; nothing was written. */
export class Moved extends Schema.TaggedError<Moved>()("Moved", { rev: Schema.Number, meantFor: Schema.Number }) {}

export type AskError = Refused | Absent | Unavailable | Quarantined | Crashed | Moved

/** A server that hosts together with others. */
export interface NodeSight {
  readonly name: string
  readonly address: string
  readonly isAlive: boolean
  /** Of the homes' shards. */
  readonly shards: number
  /** In memory, as it said last. */
  readonly homes: number
}

export class Router extends Context.Service<
  Router,
  {
    /** Answers once the event is committed (G1). The event is already decoded. A `create` makes the actor. */
    readonly ask: (address: Address, message: Message) => Effect.Effect<Answer, AskError>
    /** Null if there is none. Never activates: viewing wakes nobody. */
    readonly look: (address: Address) => Effect.Effect<View | null, Unavailable>
    /** Whether some host has anything stand beside the actor; null: this process cannot know. */
    readonly isAttended: (address: Address) => Effect.Effect<boolean | null>
    /** What this process hosts of an organisation, or of one home of it. */
    readonly tree: (org: string, home: string | null) => Effect.Effect<Tree>
    /** The name of the server that hosts the actor; null: none does at the moment, or homes are not spread. */
    readonly holder: (address: Address) => Effect.Effect<string | null>
    /** The servers among which homes are spread; none: this one hosts them all. */
    readonly nodes: Effect.Effect<ReadonlyArray<NodeSight>>
    /** Begins from what is stored, whatever is remembered, where the actor belongs, with what should stand beside it. Writes nothing. */
    readonly wake: (address: Address) => Effect.Effect<void>
    /** Fires a timer whose time has come; a repeat is answered as the first was, a stale one changes nothing. */
    readonly fire: (timer: DueTimer) => Effect.Effect<Answer, AskError>
    /** Looks at once for commands and timers that are due. */
    readonly hurry: Effect.Effect<void>
    /** Lifts a quarantine; false if there was none. */
    readonly release: (address: Address) => Effect.Effect<boolean, Unavailable>
    /** Stops taking messages, lets what is in flight commit, and stops every supervisor. */
    readonly drain: Effect.Effect<void>
  }
>()("proliferate/runtime/Router") {}
