/** What the server that answers hosts: homes, their actors, what stands beside each; crashes, what was given up, who is set aside. */
import { Effect, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { ask } from "../../api.ts"
import { ago, answer, oneLine } from "../../output.ts"

const Crash = { reason: Schema.String, atMs: Schema.Finite }
const child = {
  id: Schema.String,
  state: Schema.String,
  crashes: Schema.Int,
  crash: Schema.NullOr(Schema.Struct(Crash))
}
const Standing = Schema.Struct(child)
const Actor = Schema.Struct({
  ...child,
  kind: Schema.String,
  waiting: Schema.Int,
  handling: Schema.NullOr(Schema.String),
  standing: Schema.Array(Standing),
  givenUp: Schema.Array(Schema.Struct({ id: Schema.String, ...Crash }))
})
const Tree = Schema.Struct({
  homesTotal: Schema.Int,
  homes: Schema.Array(
    Schema.Struct({ home: Schema.String, strategy: Schema.String, actorsTotal: Schema.Int, actors: Schema.Array(Actor) })
  ),
  quarantined: Schema.Array(Schema.Struct({ kind: Schema.String, id: Schema.String, ...Crash }))
})

interface Node {
  readonly text: string
  readonly below: ReadonlyArray<Node>
}

const draw = ({ text, below }: Node, indent = ""): ReadonlyArray<string> => [
  text,
  ...below.flatMap((node, at) => {
    const isLast = at === below.length - 1
    const [first, ...rest] = draw(node, `${indent}${isLast ? "   " : "│  "}`)
    return [`${indent}${isLast ? "└─ " : "├─ "}${first}`, ...rest]
  })
]

const whyOf = ({ reason, atMs }: { readonly reason: string; readonly atMs: number }): string =>
  `${oneLine(reason, 100)} (${ago(atMs)})`

const stateOf = ({ state, crashes, crash }: typeof Standing.Type): string =>
  [
    state,
    ...(crash === null ? [] : [`${crashes} ${crashes === 1 ? "crash" : "crashes"} in the last minute, ${whyOf(crash)}`])
  ].join("; ")

const actorNode = (actor: typeof Actor.Type): Node => ({
  text: [
    `${actor.kind} ${actor.id}: ${stateOf(actor)}`,
    ...(actor.handling === null ? [] : [`decides on ${actor.handling}`]),
    ...(actor.waiting === 0 ? [] : [`${actor.waiting} waiting`])
  ].join("; "),
  below: [
    ...actor.standing.map((standing) => ({ text: `${standing.id}: ${stateOf(standing)}`, below: [] })),
    ...actor.givenUp.map((given) => ({ text: `${given.id}: given up, ${whyOf(given)}`, below: [] }))
  ]
})

const hidden = (shown: number, total: number, what: string): ReadonlyArray<string> =>
  shown < total ? [`and ${total - shown} more ${what}, not in trouble or behind these`] : []

const textOf = ({ homes, homesTotal, quarantined }: typeof Tree.Type): string =>
  [
    ...(homes.length === 0 ? ["Nothing is in memory here."] : []),
    ...homes.flatMap(({ home, strategy, actors, actorsTotal }) => [
      ...draw({ text: `${home}  ${strategy}`, below: actors.map(actorNode) }),
      ...hidden(actors.length, actorsTotal, "actors")
    ]),
    ...hidden(homes.length, homesTotal, "homes"),
    ...(quarantined.length === 0 ? [] : ["", "set aside, until `proliferate ops release`:"]),
    ...quarantined.map(({ kind, id, ...crash }) => `   ${kind} ${id}: ${whyOf(crash)}`)
  ].join("\n")

export const tree = Command.make(
  "tree",
  { home: Flag.String("home").pipe(Flag.withDescription("Only this home, such as ses_01"), Flag.withDefault("")) },
  Effect.fn("cli.ops.tree")(function* ({ home }) {
    const query = home === "" ? "" : `?home=${encodeURIComponent(home)}`
    const { json, value } = yield* ask("GET", `/v1/operations/tree${query}`, Tree)
    yield* answer(json, () => textOf(value))
  })
).pipe(
  Command.withDescription(
    "What the server that answers keeps running, those in trouble first: actors, what stands beside them, their crashes, what was given up and who is set aside"
  )
)
