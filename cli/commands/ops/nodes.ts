/** The servers that host together, as `ops status` shows them. */
import { Schema } from "effect"
import { table } from "../../output.ts"

export const NodeSeen = Schema.Struct({
  name: Schema.String,
  address: Schema.String,
  isAlive: Schema.Boolean,
  shards: Schema.Int,
  homes: Schema.Int
})

export const nodesText = (nodes: ReadonlyArray<typeof NodeSeen.Type>): string =>
  table(
    ["NODE", "AT", "IS", "SHARDS", "SESSIONS"],
    nodes.map(({ name, address, isAlive, shards, homes }) => [
      name,
      address,
      isAlive ? "there" : "gone",
      String(shards),
      String(homes)
    ]),
    ""
  )
