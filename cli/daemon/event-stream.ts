/**
 * The event stream's one reader: first a head that says what there is, then every event from where it asks, then as they come. Silence
 * is broken by heartbeats. A reader that does not read stops only itself; a new reader takes the old one's place.
 */
import type { ServerResponse } from "node:http"
import { Effect, Exit, type Fiber, FiberHandle, Option } from "effect"
import type { StreamHead } from "../../actors/ports/daemon.ts"
import { Events } from "./events.ts"
import { Limits } from "./limits.ts"
import { badInput, stale } from "./refusal.ts"

const heartbeat = "{}\n"

export const makeEventStream = Effect.gen(function* () {
  const events = yield* Events
  const { heartbeatMs } = yield* Limits
  const reader = yield* FiberHandle.make<void>()
  const fork = yield* FiberHandle.runtime(reader)<never>()

  const send = Effect.fnUntraced(function* (response: ServerResponse, after: number) {
    yield* Effect.addFinalizer(() => Effect.sync(() => response.destroy()))
    response.writeHead(200, { "content-type": "application/x-ndjson", "cache-control": "no-store" })
    const head: typeof StreamHead.Type = { daemonId: events.daemonId, firstSeq: events.firstSeq(), lastSeq: events.lastSeq() }
    yield* write(response, `${JSON.stringify(head)}\n`)
    for (let seq = after; ; ) {
      const news = Option.getOrNull(yield* Effect.timeoutOption(events.after(seq), heartbeatMs))
      yield* write(response, news === null ? heartbeat : news.lines.join(""))
      if (news !== null) seq = news.lastSeq
    }
  }, Effect.scoped)

  /** Answers at once; the stream goes on until its response is closed or replaced. */
  return Effect.fnUntraced(function* (response: ServerResponse, asked: string | null) {
    const after = Number(asked ?? "0")
    if (!Number.isSafeInteger(after) || after < 0 || asked === "") {
      return yield* badInput(`after must be the number of an event, not ${JSON.stringify(asked).slice(0, 100)}`)
    }
    if (after > events.lastSeq())
      return yield* stale(`there is no event ${after} of daemon ${events.daemonId}: the newest is ${events.lastSeq()}`)
    const fiber: Fiber.Fiber<void> = fork(send(response, after))
    response.on("close", () => fiber.interruptUnsafe())
  })
})

/** Waits until the response takes more. */
const write = (response: ServerResponse, text: string) =>
  Effect.callback<void>((resume) => {
    if (response.write(text)) return resume(Exit.void)
    const drained = () => resume(Exit.void)
    response.once("drain", drained)
    return Effect.sync(() => response.off("drain", drained))
  })
