/**
 * The link of a running session to its daemon: hears what the daemon numbers, stores it, tells the session what concerns it.
 *
 *   L1  An event is acknowledged to the daemon when it is stored and, if it is a fact, committed. Not before. What was not
 *       acknowledged is heard again on the next connection, and what of it is a repeat is dropped by feed and journal.
 *   L2  A link that breaks is dialled again, 0.25 s doubling to 5 s; a broken link is never by itself a dead sandbox.
 *   L3  Only the provider's own word makes a sandbox stopped or gone; no answer means unknown, and changes nothing. That one is
 *       gone it must say for 2 s: one wrong answer costs nobody a disk.
 *   L4  While it is linked a sandbox is in use, and told so to its provider each minute. One that nevertheless ends within five
 *       minutes is told to its session, again each minute: it may have been unable to hear.
 */

import { Clock, Effect, Option, Stream } from "effect"
import type { SessionFact } from "../machines/session/events.ts"
import type { Voice } from "../runtime/actor.ts"
import type { FeedEvent } from "../runtime/feed.ts"
import { steadyMs } from "../runtime/steady.ts"
import { unending } from "../runtime/unending.ts"
import type { DaemonEvent } from "./ports/daemon.ts"
import { DaemonError, Daemons } from "./ports/daemons.ts"
import { Sandboxes } from "./ports/sandboxes.ts"

export interface LinkParams {
  readonly sandboxId: string
  readonly boot: number
}

const redialMs = 250
const redialMaxMs = 5_000
/** The provider is asked beside the dialling, and must not hold it up. */
const statusMs = 5_000
/** Between two answers that a sandbox is gone. */
export const surelyGoneMs = 2_000
const extendEveryMs = 60_000
const expiringMs = 300_000

const sourceOf = (daemonId: string) => `daemon/${daemonId}`

const feedEventOf = (daemonId: string, { seq, at, kind, agent, parent, body }: DaemonEvent): FeedEvent => ({
  source: sourceOf(daemonId),
  sourceSeq: seq,
  kind,
  agent,
  parent,
  rev: null,
  at,
  body
})

/** What the session must know of, or nothing. */
const factOf = (sandboxId: string, { kind, body }: DaemonEvent): SessionFact | null => {
  const text = (key: string) => String(body[key] ?? "")
  switch (kind) {
    case "turn.finished":
      return {
        type: "turn.finished",
        turnId: text("turnId"),
        stopReason: text("stopReason"),
        ...(body["message"] !== undefined && { message: text("message") })
      }
    case "question":
      return { type: "question.asked", turnId: text("turnId"), questionId: text("questionId") }
    case "question.closed":
      return { type: "question.closed", turnId: text("turnId"), questionId: text("questionId") }
    case "agent.exited":
      return { type: "agent.exited", boot: Number(body["boot"]), sandboxId, reason: text("reason"), message: text("message") }
    default:
      return null
  }
}

/** Runs until it is interrupted. */
export const holdLink = Effect.fnUntraced(function* ({ sandboxId, boot }: LinkParams, voice: Voice) {
  const [daemons, sandboxes] = [yield* Daemons, yield* Sandboxes]
  const now = Clock.currentTimeMillis
  /** What the session was last told of this link. */
  let told: "connected" | "lost" | null = null
  let connectedAtMs: number | null = null
  /** Since when its provider says that the sandbox is gone. */
  let goneSinceMs: number | null = null
  /** The daemon that answered first. */
  let known: string | null = null

  const tell = Effect.fnUntraced(function* (fact: SessionFact) {
    yield* voice.tell(`link:${sandboxId}:${boot}:${fact.type}:${yield* now}`, fact)
  })

  const connected = Effect.fnUntraced(function* (daemonId: string) {
    if (connectedAtMs !== null) return
    connectedAtMs = yield* steadyMs
    goneSinceMs = null
    if (told !== "connected") yield* tell({ type: "link.connected", sandboxId })
    told = "connected"
    if (known !== null && known !== daemonId) {
      const message = "the daemon was started anew, and its agent went with it"
      yield* tell({ type: "agent.exited", boot, sandboxId, reason: "crashed", message })
    }
    known = daemonId
  })

  const hear = daemons
    .events(sandboxId, () => 0)
    .pipe(
      Stream.runForEach(({ daemonId, events }) =>
        Effect.gen(function* () {
          yield* connected(daemonId)
          const last = events.at(-1)
          if (last === undefined) return
          yield* voice.publish(events.map((event) => feedEventOf(daemonId, event)))
          for (const event of events) {
            const fact = factOf(sandboxId, event)
            if (fact !== null) yield* voice.tell(`${sourceOf(daemonId)}:${event.seq}`, fact)
          }
          yield* Effect.ignore(daemons.ack(sandboxId, daemonId, last.seq))
        })
      ),
      Effect.andThen(Effect.fail(new DaemonError({ reason: "unreachable", final: false, message: "the event stream ended" })))
    )

  const lookAfter = Effect.fnUntraced(function* (message: string) {
    if (told !== "lost") yield* tell({ type: "link.lost", sandboxId, reason: "unreachable", message })
    told = "lost"
    const status = yield* Effect.option(sandboxes.status(sandboxId)).pipe(
      Effect.timeoutOption(statusMs),
      Effect.map(Option.flatten)
    )
    if (Option.contains(status, "stopped")) yield* tell({ type: "sandbox.stopped", sandboxId })
    if (!Option.contains(status, "gone")) {
      if (Option.isSome(status)) goneSinceMs = null
      return
    }
    goneSinceMs ??= yield* steadyMs
    if ((yield* steadyMs) - goneSinceMs >= surelyGoneMs) yield* tell({ type: "sandbox.gone", sandboxId })
  })

  const stayInUse = Effect.gen(function* () {
    const leftMs = yield* Effect.orElseSucceed(sandboxes.extend(sandboxId), () => null)
    if (leftMs !== null && leftMs <= expiringMs) yield* tell({ type: "sandbox.expiring", sandboxId })
    yield* Effect.sleep(extendEveryMs)
  })
  yield* Effect.forkChild(unending("keeping a sandbox in use", stayInUse))

  for (let pauseMs = redialMs; ; pauseMs = Math.min(pauseMs * 2, redialMaxMs)) {
    connectedAtMs = null
    const { message } = yield* Effect.flip(hear)
    // One that broke at once is not dialled faster for having been there.
    if (connectedAtMs !== null && (yield* steadyMs) - connectedAtMs >= redialMaxMs) pauseMs = redialMs
    yield* lookAfter(message)
    yield* Effect.sleep(pauseMs)
  }
})
