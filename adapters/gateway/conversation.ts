/**
 * One WebSocket from its hello to its end, whatever it is about.
 *
 *   W2  A client that does not keep up is told in fewer frames, then cut; nobody else notices (sender.ts).
 *   W3  A frame is answered in its turn; the 65th that is unanswered cuts, and so do too many in a second.
 *   W4  Silence of 60 s cuts, and so does, within 30 s, a token that is no longer good. A database that is away cuts no one.
 */
import { Cause, type Clock, Effect, type Fiber, Queue } from "effect"
import type { Pass } from "../../actors/services/access.ts"
import type { Coordination } from "../../runtime/coordination.ts"
import { steadyMs, steadyMsOf } from "../../runtime/steady.ts"
import { type Cut, clipped, cut, fatal } from "./cut.ts"
import { received } from "./inbox.ts"
import { requestRate } from "./limits.ts"
import type { Failure } from "./problem.ts"
import { type ClientFrame, frameBytesMax, framesUnansweredMax, helloWithinMs, silenceMs } from "./protocol.ts"
import { inSeconds, waitMsOf } from "./rate.ts"
import type { Sender } from "./sender.ts"
import type { Ear, Wire } from "./transport.ts"

const lookEveryMs = 5_000
const pingEveryMs = 20_000
const recheckEveryMs = 30_000

export interface Around {
  readonly coordination: Coordination["Service"]
  readonly clock: Clock.Clock
  readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
}

type Hello = Extract<ClientFrame, { readonly type: "hello" }>
export type AskFrame = Exclude<ClientFrame, { readonly type: "hello" | "ping" }>

export interface Topic {
  /** For the log. */
  readonly name: string
  readonly pass: Pass
  /** Whether the token is good still, for this. */
  readonly check: Effect.Effect<unknown, Failure>
  /** Answers the hello, and says what it is told from then on. */
  readonly greet: (hello: Hello) => Effect.Effect<Effect.Effect<never, Cut>, Cut>
  readonly ask: (frame: AskFrame) => Effect.Effect<void, Cut>
  readonly left: () => void
}

export const conversation = ({ name, pass, check, greet, ask, left }: Topic, around: Around, sender: Sender, wire: Wire): Ear => {
  const { coordination, clock, fork } = around
  const inbox = Effect.runSync(Queue.bounded<Uint8Array>(framesUnansweredMax))
  let unanswered = 0
  let heardAtMs = steadyMsOf(clock)

  const answer = Effect.fnUntraced(function* (frame: ClientFrame) {
    if (frame.type === "hello") return yield* cut(4400, "hello is said once")
    const waitMs = yield* waitMsOf(coordination, pass)
    if (waitMs > 0)
      return yield* cut(4429, `more than ${requestRate.perSecond} frames a second; come back in ${inSeconds(waitMs)} s`)
    yield* frame.type === "ping" ? sender.tell({ type: "pong", at: frame.at }) : ask(frame)
  })

  const answerAll = Effect.gen(function* () {
    while (true) {
      yield* answer(yield* received(yield* Queue.take(inbox)))
      unanswered -= 1
    }
  })

  const recheck = check.pipe(
    Effect.asVoid,
    Effect.timeoutOrElse({ duration: lookEveryMs, orElse: () => Effect.void }),
    Effect.catch((failure) => fatal(failure) ?? Effect.void)
  )

  const keepWatch = Effect.gen(function* () {
    let pingedAtMs = heardAtMs
    let checkedAtMs = heardAtMs
    while (true) {
      yield* Effect.sleep(lookEveryMs)
      const now = yield* steadyMs
      if (now - heardAtMs >= silenceMs) return yield* cut(4408, `nothing was heard of you for ${silenceMs / 1000} s`)
      if (now - pingedAtMs >= pingEveryMs) {
        wire.ping()
        pingedAtMs = now
      }
      if (now - checkedAtMs >= recheckEveryMs) {
        yield* recheck
        checkedAtMs = now
      }
    }
  })

  const greeted = Effect.gen(function* () {
    const hello = yield* Queue.take(inbox).pipe(
      Effect.timeoutOrElse({
        duration: helloWithinMs,
        orElse: () => cut(4408, `no hello came within ${helloWithinMs / 1000} s`)
      }),
      Effect.flatMap(received)
    )
    if (hello.type !== "hello") return yield* cut(4400, "the first frame must be hello")
    unanswered -= 1
    return yield* greet(hello)
  })

  const talk = greeted.pipe(
    Effect.flatMap((following) => Effect.all([following, answerAll, keepWatch], { concurrency: "unbounded", discard: true })),
    Effect.catchTag("Cut", ({ code, reason }) => Effect.sync(() => wire.end(code, clipped(reason)))),
    Effect.catchCause((cause) =>
      Cause.hasInterruptsOnly(cause)
        ? Effect.void
        : Effect.andThen(
            Effect.logError(`socket of ${name}`, cause),
            Effect.sync(() => wire.end(1011, "our fault; come back with your cursor"))
          )
    ),
    Effect.ensuring(Effect.sync(left))
  )
  const fiber = fork(talk)

  return {
    frame: (bytes, isText) => {
      heardAtMs = steadyMsOf(clock)
      if (bytes.byteLength > frameBytesMax) wire.end(1009, `a frame has at most ${frameBytesMax / 1024} KB`)
      else if (!isText) wire.end(4400, "frames are text")
      else if (unanswered >= framesUnansweredMax || !Queue.offerUnsafe(inbox, bytes)) {
        wire.end(4429, `more than ${framesUnansweredMax} frames are unanswered`)
      } else unanswered += 1
    },
    sign: () => {
      heardAtMs = steadyMsOf(clock)
    },
    drained: sender.drained,
    closed: () => fiber.interruptUnsafe()
  }
}
