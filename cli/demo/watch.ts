/**
 * Watches the demo's session from its first event to its last: prints the transcript, notes when what came, and lets the story wait
 * for something, for a limited time, with a message that says what it waited for and what was seen last.
 */
import { Effect, type Scope } from "effect"
import type { ServerFrame } from "../../adapters/gateway/protocol.ts"
import type { Connection } from "../api.ts"
import { openStream } from "../stream.ts"
import type { Transcript } from "../transcript.ts"
import { blank, fold, type View } from "../view.ts"
import { DemoFailed } from "./failure.ts"

const lastEvents = 8

export type FeedEvent = Extract<ServerFrame, { type: "event" }>

/** What was heard, when: milliseconds of the wall clock, to the microsecond. */
export interface Heard {
  readonly event: FeedEvent
  readonly atMs: number
  /** It came as it was said, not from the store. */
  readonly isLive: boolean
}

export interface Watch {
  readonly heard: ReadonlyArray<Heard>
  readonly view: () => View
  /** The first event, of those after `from`, that `isIt`; fails after `limitMs`. */
  readonly event: (wait: Wait<FeedEvent>) => Effect.Effect<Heard, DemoFailed>
  /** How many events were heard: where a later wait begins. */
  readonly mark: () => number
}

interface Wait<A> {
  readonly failedAt: string
  readonly what: string
  readonly limitMs: number
  readonly from?: number
  readonly isIt: (it: A) => boolean
}

const line = ({ event }: Heard): string => `${event.seq} ${event.kind} ${JSON.stringify(event.body).slice(0, 300)}`

export const watchSession = Effect.fnUntraced(function* (
  connection: Connection,
  sessionId: string,
  told: Transcript,
  print: (text: string) => void
): Effect.fn.Return<Watch, DemoFailed, Scope.Scope> {
  const heard: Array<Heard> = []
  const waiting = new Set<() => void>()
  let view = blank
  let lost: string | null = null
  let isDeaf = false
  const seen = () =>
    [
      `state: ${view.status || "unknown"}`,
      ...(lost === null ? [] : [lost]),
      "last events:",
      ...heard.slice(-lastEvents).map(line)
    ].join("\n")
  const failed = (what: string, failedAt = "stream") => new DemoFailed({ failedAt, what, seen: seen() })

  const stream = yield* openStream(connection, sessionId).pipe(Effect.mapError(({ what }) => failed(what)))
  const listen = Effect.gen(function* () {
    while (true) {
      const it = yield* stream.take
      if (it._tag === "Lost") {
        lost = `the stream was lost: ${it.why}`
        print(told.remark(lost))
      } else if (it._tag === "Frame" && it.frame !== null) {
        const { frame, atMs } = it
        if (frame.type === "event") heard.push({ event: frame, atMs, isLive: view.isLive })
        view = fold(view, frame)
        print(told.write(frame))
        for (const look of waiting) look()
      }
    }
  }).pipe(
    Effect.catch(({ what }) =>
      Effect.sync(() => {
        isDeaf = true
        lost = `the stream ended: ${what}`
        for (const look of waiting) look()
      })
    )
  )
  yield* Effect.forkScoped(listen, { startImmediately: true })

  const event = ({ failedAt, what, limitMs, from = 0, isIt }: Wait<FeedEvent>) =>
    Effect.callback<Heard, DemoFailed>((resume) => {
      let at = from
      const look = () => {
        for (; at < heard.length; at += 1) {
          if (!isIt(heard[at]!.event)) continue
          waiting.delete(look)
          return resume(Effect.succeed(heard[at]!))
        }
        const isOver = view.status === "failed" || view.status === "stopped"
        if (!isOver && !isDeaf) return
        waiting.delete(look)
        const why = isOver
          ? `the session is ${view.status} while ${what} was waited for`
          : `the stream ended while ${what} was waited for`
        resume(Effect.fail(failed(why, failedAt)))
      }
      waiting.add(look)
      look()
      return Effect.sync(() => waiting.delete(look))
    }).pipe(
      Effect.timeoutOrElse({
        duration: limitMs,
        orElse: () => Effect.fail(failed(`${what} did not come within ${limitMs / 1000} s`, failedAt))
      })
    )

  return { heard, view: () => view, event, mark: () => heard.length }
})
