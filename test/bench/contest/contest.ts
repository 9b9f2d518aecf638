/** Contestants in turns, A B C A B C, each in its own process, on one PostgreSQL; the first round warms all up and is not counted. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { startEmbedded } from "../../../adapters/postgres/embedded.ts"
import { migrate } from "../../../adapters/postgres/migrate.ts"
import { connect } from "../../../adapters/postgres/pool.ts"
import { type Contestant, contestant, type Figures } from "./child.ts"

/** A fresh server with our tables, for contestants; its URL. */
export const freshServer = Effect.gen(function* () {
  const dataDir = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "proliferate-contest-"))),
    (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
  )
  const { url } = yield* startEmbedded({ dataDir })
  const { sql } = yield* connect(url, { sqlMax: 1, committerMax: 1 })
  yield* migrate(sql)
  for (const setting of ["fsync", "synchronous_commit"]) {
    const [row] = yield* Effect.promise(() => sql.unsafe(`show ${setting}`))
    if (row?.[setting] !== "on") return yield* Effect.die(new Error(`${setting} is ${row?.[setting]}: no figure would count`))
  }
  return url
})

export interface Side {
  readonly name: string
  /** Of this folder's parent. */
  readonly file: string
  readonly input: unknown
}

export const contestants = (sides: ReadonlyArray<Side>) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const all: Array<Contestant> = []
      for (const { file, input } of sides) all.push(await contestant(file, input))
      return all
    }),
    (all) => Effect.promise(() => Promise.all(all.map((one) => one.end())))
  )

/** What each measured, by round; `line` is what they are asked in a round, `look` sees what came of it. */
export const inTurns = async (
  all: ReadonlyArray<Contestant>,
  rounds: number,
  line: (round: number, index: number) => unknown,
  look: (figures: Figures, index: number) => number
): Promise<ReadonlyArray<ReadonlyArray<number>>> => {
  const measured = all.map((): Array<number> => [])
  for (let round = 0; round <= rounds; round++)
    for (const [index, one] of all.entries()) {
      const figure = look(await one.round(line(round, index)), index)
      if (round > 0) measured[index]!.push(figure)
    }
  return measured
}
