/**
 * Old rows leave the database by policy: archived, then dropped. Once an hour, give or take a fifth, in one server of all.
 *
 *   D1  The rows of a living actor stay, however old: a repeat of any message of it is known for what it is (J3). Those of one that
 *       is at rest for good (no deadline, no open command, nothing standing) go when it has not changed for so many days; with those
 *       of a call goes what says that it was sent.
 *   D2  Nothing is dropped that is not in a file that was written whole, synced and named by its manifest. Where it ends in the
 *       middle, the same batch is written again under the same name; what is dropped is what was written, counted in the drop.
 *   D3  Rows are taken out in the order of ids, that is of time: pages of tables and indexes are emptied whole and used again.
 *   D4  A pass is bounded in time, a batch in rows; what is left waits for the next.
 */

import { Clock, Context, Effect, Layer, Random, Schema } from "effect"
import { newId } from "./address.ts"
import { reasonOf } from "./text.ts"
import { unending } from "./unending.ts"

const dayMs = 86_400_000
const passEveryMs = 3_600_000
/** A pass on its own; at 20,000 rows in about a second that is more than ten million rows a day. */
const passMs = 600_000
/** Rows of one batch: a file of about a megabyte, and a drop that holds its rows for less than a second. */
export const batchRowsMax = 20_000
/** Days below which a repeat might be taken for new: senders of webhooks try again for days. */
export const retentionDaysMin = 7

export type Kept = "journal" | "feed" | "commands"
export const keptKinds: ReadonlyArray<Kept> = ["journal", "feed", "commands"]

/** Days after which rows go; 0: never. */
export type Policy = Readonly<Record<Kept, number>>

/** What is taken out together: rows that no one changes any more, and how far they reach. */
export interface OldBatch {
  readonly id: string
  readonly what: Kept
  readonly cuts: unknown
}

/** A file that was written whole. */
export interface Archived {
  readonly file: string
  readonly rows: number
  readonly bytes: number
  readonly sha256: string
}

/** `database`, `archive`: that one does not do it now; nothing was dropped. */
export class RetentionError extends Schema.TaggedError<RetentionError>()("RetentionError", {
  reason: Schema.Literals(["database", "archive"]),
  message: Schema.String
}) {}

type Answer<A> = Effect.Effect<A, RetentionError>

/** Where old rows are: adapters/postgres/retention.ts. */
export class OldRows extends Context.Service<
  OldRows,
  {
    /** Runs it unless another server is at it: then null. */
    readonly alone: <A, E>(work: Effect.Effect<A, E>) => Effect.Effect<A | null, E | RetentionError>
    /** Rows of an organisation that are old enough, and the oldest of them that would be taken out. */
    readonly due: (org: string, what: Kept, keptMs: number) => Answer<number>
    /** A batch that was begun and not dropped. */
    readonly begun: Answer<OldBatch | null>
    /** Notes what is taken out next, past `after`, under `id`; null: nothing is old enough. `next` is where to go on. */
    readonly begin: (
      id: string,
      what: Kept,
      keptMs: number,
      after: string | null
    ) => Answer<{ readonly batch: OldBatch; readonly next: string } | null>
    /** Its rows as lines of JSON, some at a time. */
    readonly rows: (batch: OldBatch) => AsyncIterable<ReadonlyArray<string>>
    /** Drops what was archived, in one transaction; false, and nothing dropped, if that is not what is there. */
    readonly drop: (batch: OldBatch, archived: Archived) => Answer<boolean>
  }
>()("proliferate/runtime/OldRows") {}

/** Where they go: adapters/archive/files.ts. */
export class Archive extends Context.Service<
  Archive,
  {
    /** Returns when it would survive the machine. Under the same id it takes the place of what was there. */
    readonly write: (
      batch: Pick<OldBatch, "id" | "what">,
      rows: AsyncIterable<ReadonlyArray<string>>,
      atMs: number
    ) => Answer<Archived>
  }
>()("proliferate/runtime/Archive") {}

export interface Passed {
  /** False: another server is at it, or there was no time for all. */
  readonly finished: boolean
  readonly rows: Readonly<Record<Kept, number>>
  readonly files: number
}

const none = { journal: 0, feed: 0, commands: 0 }

export class Retention extends Context.Service<
  Retention,
  {
    readonly policy: Policy
    readonly due: (org: string) => Answer<Readonly<Record<Kept, number>>>
    readonly pass: (limitMs: number) => Answer<Passed>
  }
>()("proliferate/runtime/Retention") {
  static readonly layer = (policy: Policy): Layer.Layer<Retention, never, OldRows | Archive> =>
    Layer.effect(Retention, retentionOf(policy))
}

/** Takes old rows out of one place, by the hour and when it is asked. */
export const retentionOf = Effect.fnUntraced(function* (policy: Policy) {
  const [oldRows, archive] = [yield* OldRows, yield* Archive]

  const takeOut = Effect.fnUntraced(function* (batch: OldBatch) {
    const archived = yield* archive.write(batch, oldRows.rows(batch), yield* Clock.currentTimeMillis)
    if (yield* oldRows.drop(batch, archived)) return archived.rows
    const message = `${batch.what} ${batch.id}: what is there is not what was archived; it is archived again at the next pass`
    return yield* new RetentionError({ reason: "database", message })
  })

  const passOnce = Effect.fnUntraced(function* (limitMs: number) {
    const endsAtMs = (yield* Clock.currentTimeMillis) + limitMs
    const rows = { ...none }
    let files = 0
    const done = function* (batch: OldBatch) {
      rows[batch.what] += yield* takeOut(batch)
      files += 1
    }
    for (let left = yield* oldRows.begun; left !== null; left = yield* oldRows.begun) yield* done(left)
    for (const what of keptKinds) {
      if (policy[what] === 0) continue
      let after: string | null = null
      while (true) {
        if ((yield* Clock.currentTimeMillis) >= endsAtMs) return { finished: false, rows, files }
        const begun: { readonly batch: OldBatch; readonly next: string } | null = yield* oldRows.begin(
          yield* newId("arc"),
          what,
          policy[what] * dayMs,
          after
        )
        if (begun === null) break
        yield* done(begun.batch)
        after = begun.next
      }
    }
    return { finished: true, rows, files }
  })

  const pass = (limitMs: number) =>
    Effect.map(oldRows.alone(passOnce(limitMs)), (passed): Passed => passed ?? { finished: false, rows: none, files: 0 })

  const later = Random.nextBetween(0.8 * passEveryMs, 1.2 * passEveryMs).pipe(
    Effect.flatMap(Effect.sleep),
    Effect.andThen(pass(passMs)),
    Effect.catch((error) => Effect.logWarning("old rows stay for now", reasonOf(error)))
  )
  yield* Effect.forkScoped(unending("taking out old rows", later))

  return Retention.of({
    policy,
    due: (org) =>
      Effect.map(
        Effect.forEach(keptKinds, (what) =>
          policy[what] === 0 ? Effect.succeed(0) : oldRows.due(org, what, policy[what] * dayMs)
        ),
        ([journal = 0, feed = 0, commands = 0]) => ({ journal, feed, commands })
      ),
    pass
  })
})
