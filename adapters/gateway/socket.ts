/**
 * One WebSocket of a session: hello, welcome, then the feed and, beside it, requests.
 *
 *   W1  Events come once and in order; what is missing is told as a `gap` (follow.ts).
 *   W2  A client that does not keep up is told in fewer frames, then cut; nobody else notices (sender.ts).
 *   W3  A frame is answered in its turn; the 65th that is unanswered cuts, and so do too many in a second. Each request passes the check of its own.
 *   W4  Silence of 60 s cuts, and so does, within 30 s, a token that is no longer good. A database that is away cuts no one.
 */
import { Cause, type Clock, Effect, type Fiber, Queue } from "effect"
import { type Access, type Pass, userOf } from "../../actors/services/access.ts"
import { homeOf, type Sessions } from "../../actors/services/sessions.ts"
import type { Coordination } from "../../runtime/coordination.ts"
import type { Feeds } from "../../runtime/feeds.ts"
import { steadyMs, steadyMsOf } from "../../runtime/steady.ts"
import { clipped, cut, fatal } from "./cut.ts"
import { beginning, follow, reading } from "./follow.ts"
import type { InStep } from "./in-step.ts"
import { received } from "./inbox.ts"
import { requestRate } from "./limits.ts"
import type { Presence } from "./presence.ts"
import { type Failure, refusalOf } from "./problem.ts"
import {
  type ClientFrame,
  frameBytesMax,
  framesUnansweredMax,
  helloWithinMs,
  type ServerFrame,
  silenceMs,
  version
} from "./protocol.ts"
import { inSeconds, waitMsOf } from "./rate.ts"
import { senderTo } from "./sender.ts"
import type { Ear, Wire } from "./transport.ts"

const lookEveryMs = 5_000
const pingEveryMs = 20_000
const recheckEveryMs = 30_000

export interface Watching {
  readonly pass: Pass<"session.read">
  readonly token: string | null
}

export interface Surroundings {
  readonly access: Access["Service"]
  readonly sessions: Sessions["Service"]
  readonly feeds: Feeds["Service"]
  readonly presence: Presence
  readonly inStep: InStep
  readonly coordination: Coordination["Service"]
  readonly clock: Clock.Clock
  readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
}

type AskFrame = Exclude<ClientFrame, { readonly type: "hello" | "ping" }>

export const converse = ({ pass, token }: Watching, around: Surroundings, wire: Wire): Ear => {
  const { access, sessions, feeds, presence, inStep, coordination, clock, fork } = around
  const home = homeOf(pass)
  const sessionId = pass.session.id
  const sender = senderTo(wire)
  const inbox = Effect.runSync(Queue.bounded<Uint8Array>(framesUnansweredMax))
  let unanswered = 0
  let heardAtMs = steadyMsOf(clock)
  let leave = () => {}

  const ask = Effect.fnUntraced(function* (frame: AskFrame): Effect.fn.Return<{ rev: number; duplicate: boolean }, Failure> {
    switch (frame.type) {
      case "prompt":
        return yield* sessions.prompt(yield* access.check(token, "session.prompt", sessionId), { id: frame.id, text: frame.text })
      case "unqueue":
        return yield* sessions.unqueue(yield* access.check(token, "session.unqueue", sessionId), frame.promptId, frame.id)
      case "interrupt":
        return yield* sessions.steer(yield* access.check(token, "session.interrupt", sessionId), "interrupt", frame.id)
      case "answer": {
        const { questionId, optionId, id } = frame
        return yield* sessions.answer(yield* access.check(token, "session.answer", sessionId), questionId, optionId, id)
      }
    }
  })

  const answer = Effect.fnUntraced(function* (frame: ClientFrame) {
    if (frame.type === "hello") return yield* cut(4400, "hello is said once")
    const waitMs = yield* waitMsOf(coordination, pass)
    if (waitMs > 0)
      return yield* cut(4429, `more than ${requestRate.perSecond} frames a second; come back in ${inSeconds(waitMs)} s`)
    if (frame.type === "ping") return yield* sender.tell({ type: "pong", at: frame.at })
    const { id } = frame
    yield* ask(frame).pipe(
      Effect.map(({ rev, duplicate }): ServerFrame => ({ type: "ack", id, rev, duplicate })),
      Effect.catch(
        (failure) => fatal(failure) ?? Effect.succeed<ServerFrame>({ type: "refused", id, problem: refusalOf(failure).problem })
      ),
      Effect.flatMap(sender.tell)
    )
  })

  const answerAll = Effect.gen(function* () {
    while (true) {
      yield* answer(yield* received(yield* Queue.take(inbox)))
      unanswered -= 1
    }
  })

  const recheck = access.check(token, "session.read", sessionId).pipe(
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

  const greet = Effect.gen(function* () {
    const hello = yield* Queue.take(inbox).pipe(
      Effect.timeoutOrElse({
        duration: helloWithinMs,
        orElse: () => cut(4408, `no hello came within ${helloWithinMs / 1000} s`)
      }),
      Effect.flatMap(received)
    )
    if (hello.type !== "hello") return yield* cut(4400, "the first frame must be hello")
    unanswered -= 1
    // The head first: the view is then at least as new as the events that were stored.
    const head = yield* reading(feeds.head(home))
    const session = yield* sessions
      .show(pass)
      .pipe(Effect.catch((failure) => fatal(failure) ?? cut(1011, `${failure.message}; come back with your cursor`)))
    const { principal } = pass
    const you = { user: userOf(pass), role: principal.kind === "user" ? principal.user.role : "sandbox" }
    yield* sender.tell({ type: "welcome", v: version, epoch: head.epoch, seq: head.seq, you, session })
    leave = presence.join(`${home.org}/${home.id}`, { user: you.user, tell: (frame) => void wire.send(frame) })
    const { after, gap } = beginning(hello.cursor, head)
    if (gap !== null) yield* sender.tell(gap)
    return follow(feeds, home, after, head.seq, sender, inStep)
  })

  const talk = greet.pipe(
    Effect.flatMap((following) => Effect.all([following, answerAll, keepWatch], { concurrency: "unbounded", discard: true })),
    Effect.catchTag("Cut", ({ code, reason }) => Effect.sync(() => wire.end(code, clipped(reason)))),
    Effect.catchCause((cause) =>
      Cause.hasInterruptsOnly(cause)
        ? Effect.void
        : Effect.andThen(
            Effect.logError(`socket of ${sessionId}`, cause),
            Effect.sync(() => wire.end(1011, "our fault; come back with your cursor"))
          )
    ),
    Effect.ensuring(Effect.sync(() => leave()))
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
