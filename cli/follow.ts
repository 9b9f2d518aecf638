/**
 * Follows a session's stream on a screen until what was waited for has come: `attach`, and every `--wait`. A connection that is
 * lost shows one line, and one when it is back. With `--json` each server frame is one line on stdout and nothing else is.
 */
import { randomUUID } from "node:crypto"
import { Effect } from "effect"
import type { ServerFrame } from "../adapters/gateway/protocol.ts"
import type { Connection } from "./api.ts"
import { Failed } from "./failure.ts"
import { hasColour, paint, remark } from "./output.ts"
import { inputScreen, plainScreen, type Screen, type Typed } from "./screen.ts"
import { type From, type Heard, openStream, type SessionStream } from "./stream.ts"
import { transcript } from "./transcript.ts"
import { blank, fold, type View } from "./view.ts"

const columnsMax = 100

export interface Following {
  readonly from: From
  readonly json: boolean
  /** Whether a frame is shown, by what was known before it; all are if this is not given. */
  readonly shows?: (frame: ServerFrame, view: View) => boolean
  readonly until: (view: View) => boolean
  /** A person may type: lines are prompts, a number answers a question, Ctrl-C interrupts the turn, then detaches. */
  readonly takesInput?: boolean
  /** Runs once the stream is open, before anything is shown. */
  readonly first?: Effect.Effect<unknown, Failed>
}

export interface Followed {
  readonly view: View
  /** Ended by the person, with Ctrl-C (`interrupted`) or Ctrl-D. */
  readonly detached: "interrupted" | "ended" | null
}

export const newId = (): string => `cli_${randomUUID()}`

const isInteractive = (): boolean => Boolean(process.stdin.isTTY && process.stdout.isTTY)

/** What a typed line means now; null: a number without a question, which nobody means as a prompt. */
const meaning = ({ question }: View, line: string) => {
  if (!/^\d{1,3}$/.test(line)) return { type: "prompt", id: newId(), text: line } as const
  const option = question?.options[Number(line) - 1]
  return question && option
    ? ({ type: "answer", id: newId(), questionId: question.questionId, optionId: option.optionId } as const)
    : null
}

export const follow = Effect.fnUntraced(function* (
  connection: Connection,
  sessionId: string,
  { from, json, shows, until, takesInput = false, first }: Following
): Effect.fn.Return<Followed, Failed> {
  return yield* Effect.scoped(
    Effect.gen(function* () {
      const stream: SessionStream = yield* openStream(connection, sessionId, from)
      if (first !== undefined) yield* first
      const colour = paint(hasColour(process.stdout))
      const screen: Screen =
        takesInput && !json && isInteractive() ? yield* inputScreen(colour(["bold", "cyan"], "❯ ")) : plainScreen
      const told = transcript({
        paint: colour,
        columns: process.stdout.isTTY ? Math.min(process.stdout.columns || 80, columnsMax) : null
      })
      const note = (line: string) => (json ? remark(line) : Effect.sync(() => screen.write(told.remark(line))))

      let view = blank
      let isLost = false
      let interruptedTurn: string | null = null

      const hear = Effect.fnUntraced(function* (heard: Heard) {
        switch (heard._tag) {
          case "Lost":
            if (!isLost) yield* note(`connection lost (${heard.why}); trying again`)
            isLost = true
            return
          case "Back":
            isLost = false
            return yield* note("connected again")
          case "Frame": {
            const { frame, text } = heard
            const isShown = frame === null || shows === undefined || shows(frame, view)
            if (frame !== null) view = fold(view, frame)
            if (!isShown) return
            if (json) process.stdout.write(`${text}\n`)
            else if (frame !== null) screen.write(told.write(frame))
          }
        }
      })

      const type = Effect.fnUntraced(function* (typed: Typed) {
        switch (typed._tag) {
          case "Line": {
            const frame = meaning(view, typed.text)
            if (frame === null) yield* note(view.question === null ? "nothing is asked now" : "there is no such option")
            else yield* stream.send(frame).pipe(Effect.catch(({ what, todo }) => note(`${what}. ${todo}`)))
            return null
          }
          case "Interrupt":
            if (view.turnId === null || view.turnId === interruptedTurn) return "interrupted" as const
            interruptedTurn = view.turnId
            yield* stream.send({ type: "interrupt", id: newId() }).pipe(Effect.ignore)
            yield* note("interrupting the turn; Ctrl-C again leaves")
            return null
          case "End":
            return "ended" as const
        }
      })

      const watching = Effect.gen(function* () {
        while (!until(view)) yield* hear(yield* stream.take)
        return null
      })
      const typing = Effect.gen(function* () {
        while (true) {
          const detached = yield* type(yield* screen.typed)
          if (detached !== null) return detached
        }
      })
      const detached = yield* Effect.raceFirst(watching, typing)
      if (!json) screen.write(told.close())
      return { view, detached }
    })
  )
})

/** The failure that a session's end is for somebody who waited for something else. */
export const endedInstead = (sessionId: string, { status, reason }: View): Failed =>
  new Failed({
    exit: "failure",
    what: `session ${sessionId} is ${status}${reason === null ? "" : `: ${reason}`}`,
    todo:
      status === "failed"
        ? `\`proliferate sessions show ${sessionId}\` says why; \`proliferate sessions resume ${sessionId}\` tries again.`
        : "A stopped session is not started again: create another."
  })
