/**
 * Port: the chat that pending calls are shown in, and that answers with what people click and write there. Adapter:
 * adapters/actions/slack/chat.ts. Like a provider it holds no credential; what it hands on was signed by the chat itself.
 */
import { Context, type Effect, Schema } from "effect"
import type { ActionError, Credential } from "./actions.ts"

/** What a notice shows. Nothing of it is secret; all of it is made harmless as mark-up by the adapter. */
export interface Shown {
  /** Comes back with a click. */
  readonly org: string
  readonly approvalId: string
  /** `integration.action` */
  readonly title: string
  readonly risk: string
  /** Redacted arguments, as JSON. */
  readonly params: string
  readonly sessionTitle: string
  /** Who asked, in words. */
  readonly asker: string
  readonly expiresAtMs: number | null
  /** What became of it, in words; null: it waits, and has buttons. */
  readonly outcome: string | null
}

export interface Place {
  readonly credential: Credential
  readonly channel: string
}

/** What came from the chat. `id` is the same each time the same click is delivered. */
export type Heard =
  | {
      readonly _tag: "Click"
      readonly id: string
      readonly team: string
      readonly chatUser: string
      readonly channel: string
      readonly ts: string
      readonly org: string
      readonly approvalId: string
      readonly decision: "approve" | "deny"
    }
  | { readonly _tag: "Command"; readonly team: string; readonly chatUser: string; readonly text: string }
  | { readonly _tag: "Other" }

/** `unset`: this server does not know the chat's signing secret. `unsigned`: the chat did not sign it, or longer ago than 5 min. `unreadable`: it did, and it is of no known shape. */
export class ChatError extends Schema.TaggedError<ChatError>()("ChatError", {
  reason: Schema.Literals(["unset", "unsigned", "unreadable"]),
  message: Schema.String
}) {}

export class Chat extends Context.Service<
  Chat,
  {
    readonly hear: (headers: Readonly<Record<string, string>>, body: Uint8Array) => Effect.Effect<Heard, ChatError>
    /** The message's `ts`. Never repeated by itself once it may have been written. */
    readonly show: (place: Place, shown: Shown) => Effect.Effect<string, ActionError>
    /** The message that `show` wrote since then for this call; null: proven that there is none. */
    readonly find: (place: Place, shown: Shown, sinceMs: number) => Effect.Effect<string | null, ActionError>
    readonly change: (place: Place, ts: string, shown: Shown) => Effect.Effect<void, ActionError>
    /** To one person, for nobody else to see. */
    readonly whisper: (place: Place, chatUser: string, text: string) => Effect.Effect<void, ActionError>
  }
>()("proliferate/actors/ports/Chat") {}
