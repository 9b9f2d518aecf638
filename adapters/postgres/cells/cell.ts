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
import { migrate } from "../migrate.ts"
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

interface Mark {
  readonly name: string
  readonly installation: string
}

/** What a database says of itself. */
export const readMark = async (sql: postgres.Sql): Promise<Mark | null> => {
  const [mark] = await sql<Array<Mark>>`select name, installation from cell`
  return mark ?? null
}

/** Marks a database that has no mark yet, and reads what it is. A cell has no people: one that has is somebody's home. */
export const mark = async (sql: postgres.Sql, { name, installation }: Mark, isHome: boolean): Promise<Mark | null> => {
  await sql`
    insert into cell (name, installation) select ${name}, ${installation}
    where ${isHome} or not exists (select from users) on conflict do nothing`
  return await readMark(sql)
}

const asked = <A>(run: () => PromiseLike<A>) =>
  Effect.tryPromise({ try: run, catch: (cause) => new CellError({ message: (cause as Error).message }) })

/** Prepares the cell as soon as it answers, and watches it; answers when the first attempt is over, whatever came of it. */
export const watched = Effect.fnUntraced(function* (name: string, url: string, installation: string) {
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

  const mustBeOurs = (found: Mark | null) => {
    if (found?.name === name && found.installation === installation) return Effect.void
    const ofOurs = found?.installation === installation ? "" : ", of another installation"
    const what = found === null ? "has people of its own, so it is no cell" : `is the cell ${found.name}${ofOurs}`
    return Effect.fail(new CellError({ message: `its database ${what}: correct DATABASE_CELLS` }))
  }

  const prepare = migrate(pools.sql).pipe(
    Effect.andThen(asked(() => mark(pools.sql, { name, installation }, false))),
    Effect.flatMap(mustBeOurs),
    Effect.tap(
      Effect.sync(() => {
        isPrepared = true
      })
    )
  )
  const answers = asked(() => readMark(watcher)).pipe(
    Effect.timeoutOrElse({
      duration: answerMs,
      orElse: () => new CellError({ message: `no answer within ${answerMs / 1_000} s` })
    }),
    Effect.flatMap(mustBeOurs)
  )

  const succeeded = Effect.gen(function* () {
    heardAtMs = yield* Clock.currentTimeMillis
    if (trouble !== null && Deferred.isDoneUnsafe(ready)) yield* Effect.logInfo(`the cell ${name} can be used again`)
    trouble = null
    yield* Deferred.succeed(ready, undefined)
  })
  const failed = Effect.fnUntraced(function* ({ message: why }: { readonly message: string }) {
    const nowMs = yield* Clock.currentTimeMillis
    if (nowMs - heardAtMs < patienceMs) return
    if (trouble?.why !== why) yield* Effect.logWarning(`the cell ${name} cannot be used: ${why}`)
    trouble = { why, sinceMs: trouble?.sinceMs ?? nowMs }
  })

  yield* Effect.suspend(() => (isPrepared ? answers : prepare)).pipe(
    Effect.matchEffect({ onSuccess: () => succeeded, onFailure: failed }),
    Effect.andThen(Deferred.succeed(tried, undefined)),
    Effect.andThen(Effect.sleep(lookEveryMs)),
    Effect.forever,
    Effect.forkScoped
  )
  yield* Deferred.await(tried).pipe(Effect.timeoutOption(patienceMs))
  return { name, pools, trouble: () => trouble, ready: Deferred.await(ready) } satisfies Cell as Cell
})
