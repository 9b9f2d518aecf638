/**
 * What this process holds of the outbox. Its claims are renewed together, and those that ended with nothing to tell are completed
 * together: a statement of its own for each would be most of what a short command costs.
 *
 * A hand whose claim is lost, or that is at work for more than 10 min, is ended; both are looked for every 3 s.
 */

import { Cause, Clock, Effect, Exit, Fiber } from "effect"
import type { Fact, NotYet } from "./actor.ts"
import type { ClaimedCommand, Journal } from "./journal.ts"
import { commandClaimMs, commandMs, commandRenewMs, completionsMax, outboxPollMs } from "./limits.ts"
import { steadyMs } from "./steady.ts"
import { reasonOf } from "./text.ts"
import { unending } from "./unending.ts"
import { Wakeup } from "./wakeup.ts"

export type Found = Fact | NotYet | void

export class Claims {
  readonly #journal: Journal["Service"]
  readonly #onCompleted: (command: ClaimedCommand) => void
  readonly #held = new Set<Held>()
  /** Ended with nothing to tell, and not completed yet. */
  #ended: Array<Held> = []
  readonly #ending = new Wakeup()

  constructor(journal: Journal["Service"], onCompleted: (command: ClaimedCommand) => void) {
    this.#journal = journal
    this.#onCompleted = onCompleted
  }

  /** So many wait to be completed that no more should be claimed. */
  get isFull(): boolean {
    return this.#ended.length >= completionsMax
  }

  /** From now on the claim is renewed. */
  hold(held: Held): void {
    this.#held.add(held)
  }

  /** Its run is over; the claim of one that is to be completed is held until it is. */
  letGo(held: Held): void {
    if (!held.isEnded) this.#held.delete(held)
  }

  complete(held: Held): void {
    held.isEnded = true
    this.#ended.push(held)
    this.#ending.wake()
  }

  /** A process that slept since it claimed may hold nothing any more. */
  isOurs({ command, claimedAtNanos }: Held) {
    return Effect.gen({ self: this }, function* () {
      const sinceMs = Number((yield* Clock.monotonicTimeNanos) - claimedAtNanos) / 1e6
      return sinceMs < commandRenewMs || (yield* this.#journal.renew([command], commandClaimMs))[0] === true
    })
  }

  /** Runs for ever. */
  get renewing() {
    const once = Effect.gen({ self: this }, function* () {
      yield* Effect.sleep(commandRenewMs)
      const nowMs = yield* steadyMs
      const all = [...this.#held]
      for (const held of all) if (nowMs - held.startedAtMs >= commandMs) yield* held.end("hung")
      if (all.length === 0) return
      // No answer is not a lost claim: only the journal can say so.
      const ours = yield* this.#journal.renew(
        all.map(({ command }) => command),
        commandClaimMs
      )
      for (const [index, held] of all.entries()) if (!ours[index]) yield* held.end("lost")
    }).pipe(Effect.ignore)
    return unending("renewing claims", once)
  }

  /** Runs for ever. */
  get completing() {
    const once = Effect.gen({ self: this }, function* () {
      yield* this.#ending.within(outboxPollMs)
      const batch = this.#ended
      if (batch.length === 0) return
      this.#ended = []
      const completed = yield* Effect.exit(this.#journal.complete(batch.map(({ command }) => command)))
      for (const held of batch) {
        this.#held.delete(held)
        if (completed._tag === "Success") this.#onCompleted(held.command)
      }
      // Their claims run out and they are run again.
      if (completed._tag === "Failure")
        yield* Effect.logWarning(`${batch.length} commands`, reasonOf(Cause.squash(completed.cause)))
    })
    return unending("completing commands", once)
  }
}

/** One claimed command. */
export class Held {
  readonly command: ClaimedCommand
  readonly claimedAtNanos: bigint
  startedAtMs = Number.POSITIVE_INFINITY
  /** With nothing to tell. */
  isEnded = false
  #hand: Fiber.Fiber<Found> | null = null
  #why: "lost" | "hung" | null = null

  constructor(command: ClaimedCommand, claimedAtNanos: bigint) {
    this.command = command
    this.claimedAtNanos = claimedAtNanos
  }

  /** What came of its hand; null if the claim was lost before anything did. */
  work<R>(hand: Effect.Effect<Found, never, R>): Effect.Effect<Exit.Exit<Found> | null, never, R> {
    return Effect.gen({ self: this }, function* () {
      this.startedAtMs = yield* steadyMs
      this.#hand = yield* Effect.forkChild(hand, { startImmediately: true })
      const exit = yield* Fiber.await(this.#hand)
      this.#hand = null
      // What it found out in its last moment is told even so: what it made must not be forgotten.
      if (Exit.isSuccess(exit) || this.#why === null) return exit
      return this.#why === "lost" ? null : Exit.die(new Error(`the hand took more than ${commandMs / 60_000} min`))
    })
  }

  end(why: "lost" | "hung"): Effect.Effect<void> {
    const hand = this.#hand
    if (hand === null) return Effect.void
    this.#why ??= why
    // It may take its time; others are not to wait for it.
    return Effect.asVoid(Effect.forkChild(Fiber.interrupt(hand)))
  }
}
