/**
 * The same question every 2 s until Ctrl-C. At a terminal its answer is drawn anew in place, and the last one stays when it ends;
 * elsewhere a line says what came and what went. With `--json` each answer that differs from the one before is one line. A server
 * that starts again is waited for, once it has answered.
 */
import { Effect, Ref } from "effect"
import type { Reply } from "../../api.ts"
import type { Failed } from "../../failure.ts"
import { painted } from "../../output.ts"

const lookEveryMs = 2_000
const [enter, leave, redraw] = ["\u001b[?1049h\u001b[?25l", "\u001b[?25h\u001b[?1049l", "\u001b[H\u001b[J"]

const write = (text: string) => Effect.sync(() => void process.stdout.write(text))

interface Shown<A> {
  readonly json: boolean
  readonly textOf: (value: A) => string
  readonly linesOf: (value: A) => ReadonlyArray<string>
}

/** What fits: a longer picture would scroll its head away. */
const fitted = (text: string): string => {
  const rows = Math.max(2, process.stdout.rows || 24)
  const lines = text.split("\n")
  return lines.length < rows ? text : [...lines.slice(0, rows - 2), `and ${lines.length - rows + 2} more lines`].join("\n")
}

export const watch = <A>(look: Effect.Effect<Reply<A>, Failed>, { json, textOf, linesOf }: Shown<A>) =>
  Effect.gen(function* () {
    const isDrawn = !json && Boolean(process.stdout.isTTY)
    const last = yield* Ref.make<Reply<A> | null>(null)
    let lines: ReadonlySet<string> = new Set()
    let said = ""

    const show = (reply: Reply<A>) => {
      if (isDrawn) return write(`${redraw}${fitted(textOf(reply.value))}\n`)
      if (json) {
        const text = JSON.stringify(reply.json)
        const isNews = text !== said
        said = text
        return isNews ? write(`${text}\n`) : Effect.void
      }
      const now = new Set(linesOf(reply.value))
      const came = [...now].filter((line) => !lines.has(line))
      const went = [...lines].filter((line) => !now.has(line) && !line.startsWith("fixed"))
      lines = now
      return write([...came.map((line) => `${line}\n`), ...went.map((line) => `no more  ${line}\n`)].join(""))
    }

    const looking = Effect.gen(function* () {
      const reply = yield* Effect.catchIf(
        Effect.asSome(look),
        ({ exit }) => exit === "unavailable",
        (failed) =>
          Effect.gen(function* () {
            if ((yield* Ref.get(last)) === null) return yield* failed
            if (isDrawn) yield* write(painted()("yellow", `${failed.what}; trying again\n`))
            return null
          })
      )
      if (reply !== null && reply._tag === "Some") {
        yield* Ref.set(last, reply.value)
        yield* show(reply.value)
      }
      yield* Effect.sleep(lookEveryMs)
    })

    if (isDrawn)
      yield* Effect.acquireRelease(write(enter), () =>
        Effect.flatMap(Ref.get(last), (reply) => write(`${leave}${reply === null ? "" : `${textOf(reply.value)}\n`}`))
      )
    return yield* Effect.forever(looking)
  }).pipe(Effect.scoped)
