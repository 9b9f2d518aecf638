/** The databases that hold organisations, as `ops status` shows them. */
import { Schema } from "effect"
import { ago, oneLine, table } from "../../output.ts"

export const CellSeen = Schema.Struct({
  name: Schema.String,
  trouble: Schema.NullOr(Schema.Struct({ why: Schema.String, since: Schema.String }))
})

export const cellsText = (cells: ReadonlyArray<typeof CellSeen.Type>): string =>
  table(
    ["CELL", "IS", "WHY"],
    cells.map(({ name, trouble }) => [
      name,
      trouble === null ? "there" : `away, ${ago(Date.parse(trouble.since))}`,
      trouble === null ? "" : oneLine(trouble.why, 100)
    ]),
    ""
  )
