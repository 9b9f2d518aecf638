/**
 * Port: calls that wait, shown where people talk, with buttons. Adapter: adapters/actions/slack/board.ts. And what is remembered of
 * it: who there is whom of ours, and where a call was shown. Adapters in adapters/postgres and adapters/memory.
 */
import { Context, type Effect } from "effect"
import type { ActionError, Credential } from "./actions.ts"
import type { DirectoryError } from "./directory.ts"

export interface Shown {
  readonly callId: string
  readonly title: string
  /** What it is about: each line one thing. */
  readonly lines: ReadonlyArray<string>
  /** False: it is decided, and has no buttons any more. */
  readonly open: boolean
}

export class ChatBoard extends Context.Service<
  ChatBoard,
  {
    /** Answers with where it stands. */
    readonly post: (
      credential: Credential,
      channel: string,
      shown: Shown
    ) => Effect.Effect<{ readonly channel: string; readonly ts: string }, ActionError>
    readonly update: (
      credential: Credential,
      at: { readonly channel: string; readonly ts: string },
      shown: Shown
    ) => Effect.Effect<void, ActionError>
  }
>()("proliferate/actors/ports/ChatBoard") {}

export interface ChatNotice {
  readonly org: string
  readonly approvalId: string
  readonly channel: string
  /** Empty: it was to be posted, and nobody knows whether it was. */
  readonly ts: string
}

type Result<A> = Effect.Effect<A, DirectoryError>

export class ChatRecords extends Context.Service<
  ChatRecords,
  {
    readonly link: (person: {
      readonly team: string
      readonly chatUser: string
      readonly org: string
      readonly userId: string
    }) => Result<void>
    /** Whom of which organisation this person is. */
    readonly linked: (team: string, chatUser: string) => Result<ReadonlyArray<{ readonly org: string; readonly userId: string }>>
    /** True for one caller, ever: it may post. */
    readonly claim: (notice: Omit<ChatNotice, "ts">) => Result<boolean>
    readonly posted: (notice: ChatNotice) => Result<void>
    readonly notices: (org: string) => Result<ReadonlyArray<ChatNotice>>
    readonly forget: (org: string, approvalId: string) => Result<void>
  }
>()("proliferate/actors/ports/ChatRecords") {}
