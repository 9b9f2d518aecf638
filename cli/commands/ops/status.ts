/** `ops status`: what is known without a look, once or for as long as it is watched. */
import { Effect, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { ask } from "../../api.ts"
import { ago, answer, Json, oneLine, table } from "../../output.ts"
import { CellSeen, cellsText } from "./cells.ts"
import { NodeSeen, nodesText } from "./nodes.ts"
import { exitWith, Kind, Note, notesText, pauseText, Row, unknownText } from "./shared.ts"
import { watch } from "./watch.ts"

export const Status = Schema.Struct({
  drift: Schema.Array(Row),
  kinds: Schema.Array(Kind),
  fixes: Schema.Array(Note),
  nodes: Schema.Array(NodeSeen),
  cells: Schema.Array(CellSeen)
})

const textOf = ({ kinds, nodes, cells, fixes }: typeof Status.Type): string =>
  [
    table(
      ["KIND", "LOOKED", "AT", "DRIFT", "HELD"],
      kinds.map(({ kind, lookedAtMs, judged, drift, held, paused }) => [
        kind,
        lookedAtMs === null ? "not yet" : ago(lookedAtMs),
        String(judged),
        String(drift),
        paused === null ? (held ?? "") : pauseText(paused)
      ]),
      "Nothing is looked after."
    ),
    ...unknownText(kinds),
    ...(nodes.length === 0 ? [] : ["", nodesText(nodes)]),
    ...(cells.length === 0 ? [] : ["", cellsText(cells)]),
    "",
    notesText(fixes, "Nothing had to be put right.")
  ].join("\n")

/** What stands, line by line: those that come and go are what changed. */
const linesOf = ({ drift, kinds, fixes, nodes, cells }: typeof Status.Type): ReadonlyArray<string> => [
  ...fixes
    .toReversed()
    .map(
      ({ atMs, subject, fix, by, result, outcome }) =>
        `fixed    ${new Date(atMs).toISOString()}  ${subject}: ${fix} by ${by ?? "itself"}, ${result}: ${oneLine(outcome, 80)}`
    ),
  ...kinds.flatMap(({ kind, held, paused }) => [
    ...(paused === null ? [] : [`paused   ${kind}: ${pauseText(paused)}`]),
    ...(held === null ? [] : [`held     ${kind}: ${held}`])
  ]),
  ...unknownText(kinds),
  ...drift.map(({ id, reason }) => `drift    ${id}: ${oneLine(reason, 100)}`),
  ...nodes.map(({ name, isAlive }) => `node     ${name} is ${isAlive ? "there" : "gone"}`),
  ...cells.map(
    ({ name, trouble }) => `cell     ${name} ${trouble === null ? "is there" : `cannot be used: ${oneLine(trouble.why, 100)}`}`
  )
]

export const status = Command.make(
  "status",
  {
    watch: Flag.Boolean("watch").pipe(
      Flag.withAlias("w"),
      Flag.withDescription("Stay and look again every 2 s until Ctrl-C; without a terminal, a line for what comes and what goes"),
      Flag.withDefault(false)
    )
  },
  Effect.fn("cli.ops.status")(function* ({ watch: stays }) {
    const look = ask("GET", "/v1/operations", Status)
    if (stays) return yield* watch(look, { json: yield* Json, textOf, linesOf })
    const { json, value } = yield* look
    yield* answer(json, () => textOf(value))
    if (value.drift.length > 0) yield* exitWith("drift")
  })
).pipe(
  Command.withDescription(
    "What is looked after, what was found and held at the last look, what is paused, and what was put right; asks no provider"
  ),
  Command.withExamples([{ command: "proliferate ops status --watch", description: "Stay and see it change" }])
)
