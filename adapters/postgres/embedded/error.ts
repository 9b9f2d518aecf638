/** Why the embedded PostgreSQL does not run. Every message says what to change, and that `DATABASE_URL` is the way around it. */
import { Schema } from "effect"

/**
 * `unsupported`: no binaries for this platform, or nobody to run them as. `directory`: the data directory cannot be used.
 * `disk-full`. `in-use`: another server, or what an earlier one left, still has it. `failed`: the server said why, in the log.
 */
export class EmbeddedError extends Schema.TaggedError<EmbeddedError>()("EmbeddedError", {
  reason: Schema.Literals(["unsupported", "directory", "disk-full", "in-use", "failed"]),
  message: Schema.String
}) {}

export const embeddedError = (reason: EmbeddedError["reason"], problem: string): EmbeddedError =>
  new EmbeddedError({
    reason,
    message: `the embedded PostgreSQL cannot start: ${problem}. Or set DATABASE_URL to a PostgreSQL of your own, 15 or newer.`
  })

/** What a failed file operation on the data directory means. */
export const fileError = (directory: string, cause: unknown): EmbeddedError => {
  const { code, message } = cause as NodeJS.ErrnoException
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
      return embeddedError("disk-full", `the disk of ${directory} is full; free at least 100 MB there`)
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return embeddedError("directory", `${directory} is not writable (${code}); change its permissions or PROLIFERATE_DATA`)
    case "EEXIST":
    case "ENOTDIR":
      return embeddedError("directory", `${directory}, or what it is in, is a file; move it away or change PROLIFERATE_DATA`)
    case undefined:
      // Not of the file system: a fault of ours.
      throw cause
    default:
      return embeddedError("failed", message)
  }
}
