/**
 * Port: which pending calls are shown in a channel of a chat, where, and who the people are that answer there. A call becomes a
 * notice by the commit that makes it pending, where its organisation's connection names a channel. Adapters in adapters/postgres and
 * adapters/memory; suite test/contract/notices.ts.
 */
import { Context, type Effect } from "effect"
import type { DirectoryError } from "./directory.ts"

/** The integration whose connection names the channel, in its setting `approvals`; the service says its `team`. */
export const chatIntegration = "slack"
export const channelSetting = "approvals"
export const teamSetting = "team"

export interface Notice {
  readonly org: string
  readonly approvalId: string
  readonly channel: string
  /** Of the message there; null: not known to be shown. */
  readonly ts: string | null
  /** How often it was claimed since it was last known how it stands, this time counted. */
  readonly tries: number
  /** Whoever claimed it knows it by this: it is another once the notice was claimed again, or its call has moved. */
  readonly dueAtMs: number | null
  readonly createdAtMs: number
}

/** A user of the chat who is a user of ours. One of a team may be one in each of several organisations. */
export interface ChatPerson {
  readonly org: string
  readonly team: string
  readonly chatUser: string
  readonly userId: string
  readonly createdAtMs: number
}

type Result<A> = Effect.Effect<A, DirectoryError>

export class Notices extends Context.Service<
  Notices,
  {
    /** Those that are due, of no organisation in `without`, for one server alone until `forMs` are over. */
    readonly claim: (limit: number, forMs: number, without: ReadonlyArray<string>) => Result<ReadonlyArray<Notice>>
    /** The message is there. It is due again at once: its call may have moved meanwhile. */
    readonly shown: (notice: Notice, ts: string) => Result<void>
    /** It shows how the call stands, unless that moved since it was claimed. */
    readonly rest: (notice: Notice) => Result<void>
    /** Due again in so long, unless something else happened to it since it was claimed. */
    readonly again: (notice: Notice, inMs: number) => Result<void>
    readonly find: (org: string, approvalId: string) => Result<Notice | null>
    /** Forgets those that rest and are older; at most 1,000. */
    readonly sweep: (olderMs: number) => Result<number>

    /** In the place of whoever that user of the chat was in this organisation. `not-found` if the user is gone. */
    readonly link: (person: Omit<ChatPerson, "createdAtMs">) => Result<void>
    /** The user of ours, or null. */
    readonly person: (org: string, team: string, chatUser: string) => Result<string | null>
    readonly people: (org: string) => Result<ReadonlyArray<ChatPerson>>
    readonly unlink: (org: string, team: string, chatUser: string) => Result<boolean>
  }
>()("proliferate/actors/ports/Notices") {}
