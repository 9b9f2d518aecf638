/** Old rows of several cells: each is looked after by itself, and one that is away keeps its rows until it is back. */
import { Effect, Layer } from "effect"
import {
  type Archive,
  OldRows,
  type Passed,
  type Policy,
  Retention,
  RetentionError,
  retentionOf
} from "../../../runtime/retention.ts"
import { Cells } from "../cells.ts"
import { postgresOldRows } from "../retention.ts"
import { awayText, type Cell } from "./cell.ts"

const nothing: Passed = { finished: false, rows: { journal: 0, feed: 0, commands: 0 }, files: 0 }

const both = (one: Passed, other: Passed): Passed => ({
  finished: one.finished && other.finished,
  rows: {
    journal: one.rows.journal + other.rows.journal,
    feed: one.rows.feed + other.rows.feed,
    commands: one.rows.commands + other.rows.commands
  },
  files: one.files + other.files
})

export const layer = (policy: Policy): Layer.Layer<Retention, never, Cells | Archive> =>
  Layer.effect(
    Retention,
    Effect.gen(function* () {
      const { all, find } = yield* Cells
      const each = new Map<Cell, Retention["Service"]>()
      const away = (cell: Cell) => new RetentionError({ reason: "database", message: awayText(cell) })
      for (const cell of all) {
        const oldRows = postgresOldRows(cell.pools)
        // Every pass begins with it.
        const alone: (typeof oldRows)["alone"] = (work) =>
          Effect.suspend(() => (cell.trouble() === null ? oldRows.alone(work) : Effect.fail(away(cell))))
        each.set(cell, yield* Effect.provideService(retentionOf(policy), OldRows, { ...oldRows, alone }))
      }

      return Retention.of({
        policy,
        due: (org) =>
          find(org).pipe(
            Effect.mapError(({ message }) => new RetentionError({ reason: "database", message })),
            Effect.flatMap((cell) => each.get(cell)!.due(org))
          ),
        pass: (limitMs) =>
          Effect.forEach(all, (cell) => Effect.orElseSucceed(each.get(cell)!.pass(limitMs), () => nothing), {
            concurrency: "unbounded"
          }).pipe(Effect.map((passed) => passed.reduce(both, { ...nothing, finished: true })))
      })
    })
  )
