/**
 * One WebSocket of a session: hello, welcome, then the feed and, beside it, requests. How it is held to its bounds: conversation.ts.
 *
 *   W1  Events come once and in order; what is missing is told as a `gap` (follow.ts). Each request passes the check of its own.
 */
import { Effect } from "effect"
import { type Access, type Pass, userOf } from "../../actors/services/access.ts"
import { homeOf, type Sessions } from "../../actors/services/sessions.ts"
import type { Feeds } from "../../runtime/feeds.ts"
import { type Around, type AskFrame, conversation } from "./conversation.ts"
import { cut, fatal } from "./cut.ts"
import { beginning, follow, reading } from "./follow.ts"
import type { InStep } from "./in-step.ts"
import type { Presence } from "./presence.ts"
import { type Failure, refusalOf } from "./problem.ts"
import { type ServerFrame, version } from "./protocol.ts"
import { senderTo } from "./sender.ts"
import type { Ear, Wire } from "./transport.ts"

export interface Watching {
  readonly pass: Pass<"session.read">
  readonly token: string | null
}

export interface Surroundings extends Around {
  readonly access: Access["Service"]
  readonly sessions: Sessions["Service"]
  readonly feeds: Feeds["Service"]
  readonly presence: Presence
  readonly inStep: InStep
}

/** Who one is, as a welcome says it. */
export const youOf = (pass: Pass) => ({
  user: userOf(pass),
  role: pass.principal.kind === "user" ? pass.principal.user.role : "sandbox"
})

export const converse = ({ pass, token }: Watching, around: Surroundings, wire: Wire): Ear => {
  const { access, sessions, feeds, presence, inStep } = around
  const home = homeOf(pass)
  const sessionId = pass.session.id
  const sender = senderTo(wire)
  let leave = () => {}

  const done = Effect.fnUntraced(function* (frame: AskFrame): Effect.fn.Return<{ rev: number; duplicate: boolean }, Failure> {
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

  const ask = (frame: AskFrame) =>
    done(frame).pipe(
      Effect.map(({ rev, duplicate }): ServerFrame => ({ type: "ack", id: frame.id, rev, duplicate })),
      Effect.catch(
        (failure) =>
          fatal(failure) ?? Effect.succeed<ServerFrame>({ type: "refused", id: frame.id, problem: refusalOf(failure).problem })
      ),
      Effect.flatMap(sender.tell)
    )

  return conversation(
    {
      name: sessionId,
      pass,
      check: access.check(token, "session.read", sessionId),
      greet: Effect.fnUntraced(function* (hello) {
        // The head first: the view is then at least as new as the events that were stored.
        const head = yield* reading(feeds.head(home))
        const session = yield* sessions
          .show(pass)
          .pipe(Effect.catch((failure) => fatal(failure) ?? cut(1011, `${failure.message}; come back with your cursor`)))
        const you = youOf(pass)
        yield* sender.tell({ type: "welcome", v: version, epoch: head.epoch, seq: head.seq, you, session })
        leave = presence.join(`${home.org}/${home.id}`, { user: you.user, tell: (frame) => void wire.send(frame) })
        const { after, gap } = beginning(hello.cursor, head)
        if (gap !== null) yield* sender.tell(gap)
        return follow(feeds, home, after, head.seq, sender, inStep)
      }),
      ask,
      left: () => leave()
    },
    around,
    sender,
    wire
  )
}
