/** `ops pause` and `ops resume`: what puts right by itself leaves a kind of trouble, or all, alone for a while. */
import { Effect, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { ask } from "../../api.ts"
import { durationMs } from "../../duration.ts"
import { answer } from "../../output.ts"
import { given, Pause, pauseText, reasonFlag } from "./shared.ts"

const kind = Argument.String("kind").pipe(
  Argument.withDescription("A kind as `ops status` shows it, such as sandbox.stray, or all")
)
const pathOf = (kind: string, verb: string) => `/v1/operations/kinds/${encodeURIComponent(kind)}/${verb}`

export const pause = Command.make(
  "pause",
  {
    kind,
    for: Flag.String("for").pipe(Flag.withDescription("How long: 30m, 8h or 2d; 1 min to 7 d")),
    reason: reasonFlag
  },
  Effect.fn("cli.ops.pause")(function* ({ kind, for: lasts, reason }) {
    const why = yield* given(reason, "a kind is paused", "the provider is being moved")
    const body = { lastsMs: yield* durationMs("--for", lasts), why }
    const { json, value } = yield* ask("POST", pathOf(kind, "pause"), Pause, { body })
    yield* answer(json, () => `${kind}: ${pauseText(value)}`)
  })
).pipe(
  Command.withShortDescription("Leave a kind of trouble alone for a while"),
  Command.withDescription(
    "Nothing of this kind, in your organisation, is put right by itself until then, by any server. It is still looked for and shown, and what you name is still applied. There is no pause without an end."
  ),
  Command.withExamples([
    { command: 'proliferate ops pause sandbox.stray --for 30m --reason "moving hosts"', description: "One kind" },
    { command: 'proliferate ops pause all --for 2h --reason "provider incident"', description: "All of them" }
  ])
)

export const resume = Command.make(
  "resume",
  { kind },
  Effect.fn("cli.ops.resume")(function* ({ kind }) {
    const { json, value } = yield* ask("POST", pathOf(kind, "resume"), Schema.Struct({ resumed: Schema.Boolean }))
    yield* answer(json, () => (value.resumed ? `${kind} is put right by itself again.` : `${kind} was not paused.`))
  })
).pipe(Command.withDescription("Ends a pause before its time: of one kind, or the one of all"))
