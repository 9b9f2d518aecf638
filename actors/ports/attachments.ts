/**
 * Port: files that people attach to prompts, kept on the host until the prompt's turn: bytes have no place in a journal. Adapter:
 * adapters/files.
 */
import { Context, type Effect, Schema } from "effect"

/** `invalid`: it breaks a bound, which the message names. `missing`: it is not there, or not whole. `unavailable`: the disk. */
export class AttachmentError extends Schema.TaggedError<AttachmentError>()("AttachmentError", {
  reason: Schema.Literals(["invalid", "missing", "unavailable"]),
  message: Schema.String
}) {}

/** One file: a screenshot, a log, a small archive. Larger things belong into a repository. */
export const attachmentBytesMax = 8 * 1_048_576
/** More than anyone means to show at once. */
export const attachmentsMax = 10
/** All that one session has attached, ever. */
export const sessionBytesMax = 128 * 1_048_576
/** One piece on its way: as base64 it fits a request body of 1 MB. */
export const pieceBytesMax = 700_000

export interface Owner {
  readonly org: string
  readonly sessionId: string
}

export interface Attached {
  readonly id: string
  readonly name: string
  /** Its media type. */
  readonly type: string
  readonly bytes: number
}

export class Attachments extends Context.Service<
  Attachments,
  {
    /** Keeps the bytes at `offset`, at most where the last ones ended; the same again is the same. Answers how many there are. */
    readonly put: (
      owner: Owner,
      file: Attached,
      offset: number,
      bytes: Uint8Array
    ) => Effect.Effect<{ readonly received: number }, AttachmentError>
    /** Only whole ones. */
    readonly find: (owner: Owner, id: string) => Effect.Effect<Attached, AttachmentError>
    readonly read: (owner: Owner, id: string, offset: number, bytesMax: number) => Effect.Effect<Uint8Array, AttachmentError>
  }
>()("proliferate/actors/ports/Attachments") {}
