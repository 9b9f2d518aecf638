/**
 * One database of several, and whether it can be used.
 *
 *   X1  A cell is used only once it has all migrations and says of itself that it is this cell of this installation: a URL that leads
 *       elsewhere is found out before anything is written there, and each second from then on.
 *   X2  A cell that does not answer for 5 s is taken to be away: whoever asks for something in it hears so at once. It is used again
 *       as soon as it answers.
 */

import { Clock, Deferred, Effect, Schema } from "effect"
import type postgres from "postgres"
import { unending } from "../../../runtime/unending.ts"
import { type MigrationError, migrate } from "../migrate.ts"
import { client, open, type Postgres } from "../pool.ts"

const lookEveryMs = 1_000
/** A busy server answers the smallest of questions within this. */
const answerMs = 2_000
/** As long as records wait for a server that is started again (records.ts). */
const patienceMs = 5_000

export interface Cell {
  readonly name: string
  readonly pools: Postgres["Service"]
  /** Why it cannot be used, and since when; null: it can. */
  readonly trouble: () => { readonly why: string; readonly sinceMs: number } | null
  /** Done when it can be used for the first time. */
  readonly ready: Effect.Effect<void>
}

/** For whoever asks for something in it; why it is so is in the log and for operators. */
export const awayText = ({ name }: Cell): string =>
  `the database of this organisation, the cell ${name}, cannot be used at the moment; try again`

export class CellError extends Schema.TaggedError<CellError>()("CellError", { message: Schema.String }) {}

/** Another database answers than should: nothing more is written to it. */
class Foreign extends Schema.TaggedError<Foreign>()("Foreign", { message: Schema.String }) {}

interface Mark {
  readonly name: string
  readonly installation: string
}

/** What a database says of itself. */
export const readMark = async (sql: postgres.Sql): Promise<Mark | null> => {
  const [mark] = await sql<Array<Mark>>`select name, installation from cell`
  return mark ?? null
}

/** Marks a database that has no mark yet, and reads what it is. */
export const mark = async (sql: postgres.Sql, { name, installation }: Mark): Promise<Mark | null> => {
  await sql`insert into cell (name, installation) values (${name}, ${installation}) on conflict do nothing`
  return await readMark(sql)
}

/** Why a database is not this cell; null: it is, or nothing as yet and may become it. */
const objection = async (
  sql: postgres.Sql,
  { name, installation }: Mark,
  isInUse: () => Promise<boolean>
): Promise<string | null> => {
  const [has] = await sql<Array<{ readonly marks: boolean; readonly users: boolean }>>`
    select to_regclass('public.cell') is not null as marks, to_regclass('public.users') is not null as users`
  const found = has!.marks ? await readMark(sql) : null
  if (found !== null) {
    if (found.name === name && found.installation === installation) return null
    return `is the cell ${found.name}${found.installation === installation ? "" : ", of another installation"}`
  }
  // Of a cell they are at home.
  if (has!.users && (await sql`select from users limit 1`).length > 0) return "has people of its own, so it is no cell"
  return (await isInUse()) ? "does not know that it is, though organisations live in this cell" : null
}

const asked = <A>(run: () => PromiseLike<A>) =>
  Effect.tryPromise({ try: run, catch: (cause) => new CellError({ message: (cause as Error).message }) })

/**
 * Prepares the cell as soon as it answers, and watches it; answers when the first attempt is over, whatever came of it. `isInUse`:
 * organisations live in it.
 */
export const watched = Effect.fnUntraced(function* (own: Mark, url: string, isInUse: () => Promise<boolean>) {
  const { name } = own
  const pools = yield* open(url)
  // Of its own: that all the others are busy says nothing about the server.
  const watcher = yield* Effect.acquireRelease(
    Effect.sync(() => client(url, { max: 1 })),
    (sql) => Effect.promise(() => sql.end({ timeout: 1 }))
  )
  const [ready, tried] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
  let trouble: ReturnType<Cell["trouble"]> = { why: "it has not answered yet", sinceMs: yield* Clock.currentTimeMillis }
  let heardAtMs = Number.NEGATIVE_INFINITY
  let isPrepared = false

  const mustBeOurs = (sql: postgres.Sql) =>
    asked(() => objection(sql, own, isInUse)).pipe(
      Effect.flatMap((why) =>
        why === null ? Effect.void : Effect.fail(new Foreign({ message: `its database ${why}: correct DATABASE_CELLS` }))
      )
    )
  const prepare = mustBeOurs(pools.sql).pipe(
    Effect.andThen(migrate(pools.sql)),
    Effect.andThen(asked(() => mark(pools.sql, own))),
    Effect.andThen(mustBeOurs(pools.sql)),
    Effect.tap(
      Effect.sync(() => {
        isPrepared = true
      })
    )
  )
  const answers = mustBeOurs(watcher).pipe(
    Effect.timeoutOrElse({
      duration: answerMs,
      orElse: () => Effect.fail(new CellError({ message: `no answer within ${answerMs / 1_000} s` }))
    })
  )

  const succeeded = Effect.gen(function* () {
    heardAtMs = yield* Clock.currentTimeMillis
    if (trouble !== null && Deferred.isDoneUnsafe(ready)) yield* Effect.logInfo(`the cell ${name} can be used again`)
    trouble = null
    yield* Deferred.succeed(ready, undefined)
  })
  const failed = Effect.fnUntraced(function* ({ _tag, message: why }: CellError | Foreign | MigrationError) {
    const nowMs = yield* Clock.currentTimeMillis
    if (_tag !== "Foreign" && nowMs - heardAtMs < patienceMs) return
    if (trouble?.why !== why) yield* Effect.logWarning(`the cell ${name} cannot be used: ${why}`)
    trouble = { why, sinceMs: trouble?.sinceMs ?? nowMs }
  })

  const look = Effect.suspend(() => (isPrepared ? answers : prepare)).pipe(
    Effect.matchEffect({ onSuccess: () => succeeded, onFailure: failed }),
    Effect.ensuring(Deferred.succeed(tried, undefined))
  )
  yield* Effect.forkScoped(unending(`looking at the cell ${name}`, look, lookEveryMs))
  yield* Deferred.await(tried).pipe(Effect.timeoutOption(patienceMs))
  return { name, pools, trouble: () => trouble, ready: Deferred.await(ready) } satisfies Cell as Cell
})
