import { Effect, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { type ServerFrame, StoredEvent } from "../../../adapters/gateway/protocol.ts"
import { call, ownConnection } from "../../api.ts"
import { hasColour, Json, paint, remark } from "../../output.ts"
import type { From } from "../../stream.ts"
import { transcript } from "../../transcript.ts"
import { attachTo } from "./attach.ts"
import { pathOf, sessionId } from "./session.ts"

const pageEvents = 1_000

const Page = Schema.Struct({
  epoch: Schema.Int,
  head: Schema.Int,
  events: Schema.Array(StoredEvent),
  gap: Schema.NullOr(Schema.Struct({ from: Schema.Int, through: Schema.Int }))
})

export const logs = Command.make(
  "logs",
  {
    id: sessionId,
    after: Flag.Int("after").pipe(Flag.withDescription("Only events after this number"), Flag.withDefault(0)),
    follow: Flag.Boolean("follow").pipe(
      Flag.withAlias("f"),
      Flag.withDescription("Then show what comes, until it is stopped"),
      Flag.withDefault(false)
    )
  },
  Effect.fn("cli.sessions.logs")(function* ({ id, after, follow }) {
    const [connection, json] = [yield* ownConnection, yield* Json]
    const told = transcript({ paint: paint(hasColour(process.stdout)), columns: null })
    const page = (after: number) => call(connection, "GET", pathOf(id, `/events?after=${after}&limit=${pageEvents}`), Page)
    if (follow) {
      const from: From = after === 0 ? "start" : { epoch: (yield* page(after)).value.epoch, seq: after }
      return yield* attachTo(connection, id, { from, json, exitWhen: "stopped", takesInput: false })
    }
    const show = (frame: ServerFrame) => process.stdout.write(json ? `${JSON.stringify(frame)}\n` : told.write(frame))
    let isAny = false
    let seen = after
    while (true) {
      const { value } = yield* page(seen)
      if (value.gap !== null) show({ type: "gap", ...value.gap, reason: "no longer stored" })
      isAny ||= value.events.length > 0
      for (const event of value.events) show({ type: "event", ...event })
      const last = value.events.at(-1)?.seq ?? value.gap?.through ?? seen
      if (last === seen || last >= value.head) break
      seen = last
    }
    if (json) return
    process.stdout.write(told.close())
    if (!isAny) yield* remark(after === 0 ? "Nothing has been said yet." : "Nothing was said after that.")
  })
).pipe(
  Command.withShortDescription("What was said and done in a session"),
  Command.withDescription(
    "Shows every stored event of the session, oldest first; with --json each is one line, as the stream has it."
  ),
  Command.withExamples([
    { command: "proliferate sessions logs ses_01 --follow", description: "All of it, then live" },
    { command: "proliferate sessions logs ses_01 --json --after 120", description: "What came after event 120, for a program" }
  ])
)
