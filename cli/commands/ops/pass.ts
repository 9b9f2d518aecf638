/** `ops reconcile --now`: a pass is asked for, and asked after, under the time of the first question, until it has been made. */
import { Clock, Effect, Schema } from "effect"
import { ask } from "../../api.ts"
import { Failed } from "../../failure.ts"
import { answer } from "../../output.ts"
import { exitWith, Kind, Note, notesText, Row, rowsText, unknownText } from "./shared.ts"

const Handled = Schema.Struct({
  requestedAtMs: Schema.Finite,
  handledAtMs: Schema.NullOr(Schema.Finite),
  kinds: Schema.Array(Kind),
  drift: Schema.Array(Row),
  fixes: Schema.Array(Note)
})

export const passed = Effect.fnUntraced(function* (kind: string, waitMs: number) {
  const untilMs = (yield* Clock.currentTimeMillis) + waitMs
  let sinceMs: number | undefined
  while (true) {
    const body = { ...(kind !== "" && { kind }), ...(sinceMs !== undefined && { sinceMs }) }
    const { json, value } = yield* ask("POST", "/v1/operations/passes", Handled, { body })
    sinceMs = value.requestedAtMs
    if (value.handledAtMs !== null) {
      yield* answer(json, () =>
        [
          rowsText(value.drift),
          ...unknownText(value.kinds),
          ...(value.fixes.length === 0 ? [] : ["", notesText(value.fixes, "")])
        ].join("\n")
      )
      return yield* value.drift.length > 0 ? exitWith("drift") : Effect.void
    }
    if ((yield* Clock.currentTimeMillis) >= untilMs)
      return yield* new Failed({
        exit: "pending",
        what: "the pass is not over yet",
        todo: "It goes on; `proliferate ops status` shows what it finds, and --wait waits longer."
      })
  }
})
