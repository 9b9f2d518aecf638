/**
 * How records that are not alive are read and written in PostgreSQL. While no server answers, a call that has certainly not been
 * heard, and any read, is tried again for 5 s: long enough for a server that is started again.
 */
import { Effect, Schedule } from "effect"
import type postgres from "postgres"
import { DirectoryError } from "../../actors/ports/directory.ts"

const retryPauseMs = 100
const retryForMs = 5_000
const violations: Readonly<Record<string, string>> = {
  users_email: "a user with this email is there already",
  repositories_name: "a repository of this name is there already",
  configurations_name: "a configuration of this name is there already",
  tokens_user: "the user that it names is not there",
  configuration_repositories_repository: "a repository that it names is not there",
  connectors_slug: "a connector of this name is there already"
}
const uniqueViolation = "23505"
const foreignKeyViolation = "23503"
/** Starting or ending, out of connections, no disk, the connection gone, the statement given up. */
const passing = /^(57P|53|08|58|40|55P03|57014|CONNECT|E[A-Z]+$)/
/** Of those, what is said before a statement is heard. */
const unheard = /^(57P03|53300|CONNECT_TIMEOUT|ECONNREFUSED|ENOENT)$/

const asDirectoryError = (cause: unknown): Effect.Effect<never, DirectoryError> => {
  const { code = "", message, constraint_name } = cause as postgres.PostgresError
  if (code === uniqueViolation || code === foreignKeyViolation) {
    const isTaken = code === uniqueViolation
    const said = violations[constraint_name ?? ""] ?? (isTaken ? "its id is taken already" : "the organisation is not there")
    return Effect.fail(new DirectoryError({ reason: isTaken ? "conflict" : "not-found", message: said }))
  }
  if (passing.test(code)) return Effect.fail(new DirectoryError({ reason: "unavailable", message: `the database: ${message}` }))
  return Effect.die(cause)
}

export const call = <A>(mayRepeat: boolean, statement: () => Promise<A>): Effect.Effect<A, DirectoryError> =>
  Effect.tryPromise({ try: statement, catch: (cause) => cause as { readonly code?: string } }).pipe(
    Effect.retry({
      while: ({ code = "" }) => (mayRepeat ? passing : unheard).test(code),
      schedule: Schedule.spaced(retryPauseMs).pipe(Schedule.upTo({ duration: retryForMs }))
    }),
    Effect.catch(asDirectoryError)
  )

type Rows<A> = () => PromiseLike<ReadonlyArray<A>>

export const list = <A>(rows: Rows<A>) => call(true, async (): Promise<ReadonlyArray<A>> => [...(await rows())])
export const find = <A>(rows: Rows<A>) => call(true, async () => (await rows())[0] ?? null)
export const add = <A>(rows: Rows<A>) => call(false, async () => (await rows())[0]!)
export const remove = (rows: () => PromiseLike<postgres.RowList<any>>) => call(false, async () => (await rows()).count > 0)
