/** What a statement that failed says about what it wrote, for every port whose rows live in PostgreSQL. */
import { AssertionError } from "node:assert"
import { Effect } from "effect"
import postgres from "postgres"

/** A little more than the server grants a statement (pool.ts): whoever is silent for longer has lost the connection. */
const answerTimeoutMs = 35_000
/** Deadlocks and lost races end a statement with nothing written; a second try nearly always passes. */
const conflictTriesMax = 5

/**
 * `refused`: for what the statement holds. `unavailable`: nothing was written, another time may do. `unknown`: the connection broke,
 * and what was sent may have been written.
 */
export interface Failure {
  readonly reason: "refused" | "unavailable" | "unknown"
  readonly message: string
}

/** Data that does not fit its type, breaks a constraint, stands twice, or is too large. */
const ofItsContent = /^(21|22|23|54)/
/** The server ended the connection, perhaps after the commit and before its answer. Any other error of its own it rolled back. */
const ended = /^(08|57P01|57P02)/
/** The connection was never made, or the pool is closed. */
const unheard = /^(ECONNREFUSED|ENOENT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|CONNECT_TIMEOUT|CONNECTION_ENDED)$/

const codeOf = (cause: unknown): string => (cause as { readonly code?: string }).code ?? ""

const reasonOf = (cause: unknown): Failure["reason"] => {
  const code = codeOf(cause)
  // What JSON cannot say, such as a cycle.
  if (cause instanceof TypeError) return "refused"
  if (!(cause instanceof postgres.PostgresError)) return unheard.test(code) ? "unavailable" : "unknown"
  if (ofItsContent.test(code)) return "refused"
  return ended.test(code) ? "unknown" : "unavailable"
}

const failureOf = (cause: unknown): Failure => {
  const code = codeOf(cause)
  return { reason: reasonOf(cause), message: `PostgreSQL: ${(cause as Error).message}${code ? ` (${code})` : ""}` }
}

const untilItPasses = async <A>(run: () => PromiseLike<A>): Promise<A> => {
  for (let tries = 1; ; tries++) {
    try {
      return await run()
    } catch (cause) {
      if (!codeOf(cause).startsWith("40") || tries === conflictTriesMax) throw cause
    }
  }
}

/** A broken assertion is our mistake and no answer of the server's: it dies. */
export const ask = <A>(run: () => PromiseLike<A>): Effect.Effect<A, Failure> =>
  Effect.tryPromise({ try: () => untilItPasses(run), catch: (cause) => cause }).pipe(
    Effect.catch((cause) => (cause instanceof AssertionError ? Effect.die(cause) : Effect.fail(failureOf(cause)))),
    Effect.timeoutOrElse({
      duration: answerTimeoutMs,
      orElse: () => Effect.fail<Failure>({ reason: "unknown", message: `PostgreSQL: no answer within ${answerTimeoutMs} ms` })
    })
  )
