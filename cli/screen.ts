/**
 * Where a transcript goes: straight to stdout, or, at a terminal, above a line that a person types on. There the last, still
 * unfinished line of output is kept and drawn anew above the input whenever more of it comes.
 */
import { stripVTControlCharacters } from "node:util"
import { Effect, Queue } from "effect"

export type Typed = { readonly _tag: "Line"; readonly text: string } | { readonly _tag: "Interrupt" } | { readonly _tag: "End" }

export interface Screen {
  readonly write: (text: string) => void
  /** What a person typed; never answers where nobody can type. */
  readonly typed: Effect.Effect<Typed>
}

export const plainScreen: Screen = {
  write: (text) => {
    if (text !== "") process.stdout.write(text)
  },
  typed: Effect.never
}

const rowsOf = (line: string, columns: number): number =>
  Math.max(1, Math.ceil(stripVTControlCharacters(line).length / Math.max(1, columns)))

/** A screen with an input line, until its scope ends. */
export const inputScreen = Effect.fnUntraced(function* (label: string) {
  const readline = yield* Effect.promise(() => import("node:readline"))
  const typed = yield* Queue.bounded<Typed>(64)
  const { stdin, stdout } = process
  let unfinished = ""

  const input = yield* Effect.acquireRelease(
    Effect.sync(() =>
      readline.createInterface({ input: stdin, output: stdout, prompt: label, terminal: true, historySize: 200 })
    ),
    (open) =>
      Effect.sync(() => {
        const { rows } = open.getCursorPos()
        open.close()
        readline.moveCursor(stdout, 0, -rows)
        readline.cursorTo(stdout, 0)
        readline.clearScreenDown(stdout)
        stdin.unref?.()
      })
  )
  const clearInput = () => {
    readline.moveCursor(stdout, 0, -input.getCursorPos().rows)
    readline.cursorTo(stdout, 0)
    readline.clearScreenDown(stdout)
  }
  input.on("line", (text) => {
    // The line comes back as an event of the session: what was typed is taken off the screen.
    readline.moveCursor(stdout, 0, -rowsOf(label + text, stdout.columns))
    readline.cursorTo(stdout, 0)
    readline.clearScreenDown(stdout)
    input.prompt()
    if (text.trim() !== "") Queue.offerUnsafe(typed, { _tag: "Line", text: text.trim() })
  })
  input.on("SIGINT", () => {
    clearInput()
    input.write(null, { ctrl: true, name: "u" })
    input.prompt()
    Queue.offerUnsafe(typed, { _tag: "Interrupt" })
  })
  input.on("close", () => Queue.offerUnsafe(typed, { _tag: "End" }))
  input.prompt()

  const write = (text: string) => {
    if (text === "") return
    clearInput()
    if (unfinished !== "") {
      readline.moveCursor(stdout, 0, -rowsOf(unfinished, stdout.columns))
      readline.clearScreenDown(stdout)
    }
    const whole = unfinished + text
    unfinished = whole.slice(whole.lastIndexOf("\n") + 1)
    stdout.write(unfinished === "" ? whole : `${whole}\n`)
    input.prompt(true)
  }
  const screen: Screen = { write, typed: Queue.take(typed) }
  return screen
})
