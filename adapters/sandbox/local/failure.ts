/**
 * How things go wrong here, in the four words of the port. `attempt` is the one door to promises: whatever the operating
 * system says becomes a SandboxError whose message says what to change.
 */
import { Effect } from "effect"
import { SandboxError } from "../../../actors/ports/sandboxes.ts"

export const provider = "local"

export const failed = (reason: SandboxError["reason"], message: string) => new SandboxError({ reason, provider, message })

export const diskFull = (what: string) =>
  failed("quota", `The disk is full: could not ${what}. Free some space on it, or point PROLIFERATE_DATA at another disk.`)

const codeOf = (cause: unknown): string => {
  const code = typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined
  return typeof code === "string" ? code : ""
}

/** What the operating system's code means for whoever asked to `what`. */
export const failureOf = (what: string, cause: unknown): SandboxError => {
  if (cause instanceof SandboxError) return cause
  const message = cause instanceof Error ? cause.message : String(cause)
  switch (codeOf(cause)) {
    case "ENOSPC":
    case "EDQUOT":
      return diskFull(what)
    case "EMFILE":
    case "ENFILE":
    case "EAGAIN":
    case "ENOMEM":
      return failed("quota", `This host has too little left of files, processes or memory: could not ${what} (${message}).`)
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return failed("rejected", `This process may not ${what}: ${message}. Make the data directory writable for it.`)
    default:
      return failed("unreachable", `Could not ${what}: ${message}`)
  }
}

/** `what` completes "could not …". */
export const attempt = <A>(what: string, run: (signal: AbortSignal) => Promise<A>): Effect.Effect<A, SandboxError> =>
  Effect.tryPromise({ try: run, catch: (cause) => failureOf(what, cause) })

export const within =
  (limitMs: number, what: string) =>
  <A, R>(effect: Effect.Effect<A, SandboxError, R>): Effect.Effect<A, SandboxError, R> =>
    Effect.timeoutOrElse(effect, {
      duration: limitMs,
      orElse: () => Effect.fail(failed("unreachable", `Could not ${what} within ${limitMs / 1_000} s.`))
    })
