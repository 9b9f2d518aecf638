/**
 * Runs committed commands: claims them, lends them hands, brings their facts home.
 *
 *   O1  At least once, under the key fixed at commit; its fact is accepted once, in the commit that ends the command. Should two
 *       runs of it come to know different things, the actor is told of both, the second under an id of its own.
 *   O2  A claim is renewed until its fact is home (claims.ts); a run that lost its claim is not begun, or interrupted, and ends
 *       nothing. One that has ended by then still tells what it found out.
 *   O3  A hand that crashes, or takes more than 10 min, is tried again, 5 times, 0.5 s apart and doubling, and no more than 50 a
 *       second of an organisation; then its actor is told, and the command buried. One that cannot tell yet is asked again at the same pace, at least every 30 s.
 *   O4  Begun by the commit that asked, where a hand is free (handover.ts), else claimed and woken by it; the poll every second is a
 *       safety net.
 *   O5  Organisations share the hands and take turns (hands.ts): what one has piled up, and what hangs, keeps no other waiting.
 */

import { Cause, Clock, Effect, Equal, Exit, Schedule } from "effect"
import { type ActorDefinition, type Fact, NotYet } from "./actor.ts"
import type { Address } from "./address.ts"
import { Claims, type Found, Held } from "./claims.ts"
import type { Taker } from "./handover.ts"
import { Hands } from "./hands.ts"
import { Inspector } from "./inspection.ts"
import { type ClaimedCommand, Journal, type Versions } from "./journal.ts"
import {
  commandClaimMs,
  commandRetryMaxMs,
  commandRetryMs,
  commandTriesMax,
  outboxPollMs,
  restartEveryMs,
  restartsAtOnceMax,
  retriesInFlightMax
} from "./limits.ts"
import { Pace } from "./pace.ts"
import type { Answer, AskError } from "./router.ts"
import { steadyMs, steadyMsOf } from "./steady.ts"
import { reasonOf, storable } from "./text.ts"
import type { Delivery } from "./transition.ts"
import { Turnstile } from "./turnstile.ts"
import { unending } from "./unending.ts"
import { Wakeup } from "./wakeup.ts"

export type Deliver = (address: Address, delivery: Delivery) => Effect.Effect<Answer, AskError>

const pauseMs = (tries: number): number => Math.min(commandRetryMs * 2 ** (tries - 1), commandRetryMaxMs)

/** Runs for ever; one per process. */
export const runOutbox = Effect.fnUntraced(function* <R>(options: {
  readonly definitions: ReadonlyMap<string, ActorDefinition<R>>
  readonly versions: Versions
  readonly deliver: Deliver
  readonly wakeup: Wakeup
  /** Told how to hand over what a commit has claimed; null: not any more. */
  readonly onTaker: (taker: Taker | null) => void
}) {
  const { definitions, versions, deliver, wakeup, onTaker } = options
  const journal = yield* Journal
  const inspect = yield* Inspector
  /** Crashes seen by this process, by key: tries that only could not tell yet are none. */
  const crashes = new Map<string, number>()

  /** There may be commands that were not claimed for want of a hand, or for those that were. */
  let mayBeMore = true

  const done = ({ key, address }: ClaimedCommand) => {
    crashes.delete(key)
    inspect({ type: "command.done", key })
    // Claiming may have waited for it.
    if (mayBeMore) wakeup.wake(address.org)
  }
  const clock = yield* Clock.Clock
  const givingBack = new Turnstile(retriesInFlightMax, () => steadyMsOf(clock))
  const retries = new Pace(restartsAtOnceMax, restartEveryMs, () => steadyMsOf(clock))
  const claims = new Claims(journal, done)

  /** When the next of those that we gave back is due. */
  let dueAtMs = Number.POSITIVE_INFINITY

  const giveBack = Effect.fnUntraced(function* (command: ClaimedCommand, delayMs: number, reason: string) {
    yield* givingBack.pass(command.address.org, journal.retry(command, delayMs, reason))
    dueAtMs = Math.min(dueAtMs, (yield* steadyMs) + delayMs)
    // It sleeps no longer than until then.
    wakeup.wake(command.address.org)
  })

  const again = (command: ClaimedCommand, reason: string) => {
    inspect({ type: "command.postponed", key: command.key, reason })
    return giveBack(command, pauseMs(command.attempt), reason)
  }

  /** The fact of another run was accepted, at `rev`: is ours news? Nobody else knows it, so it is told however long that takes. */
  const tellApart = ({ address, key, attempt }: ClaimedCommand, rev: number, fact: Fact) =>
    Effect.gen(function* () {
      const [row] = yield* journal.history(address, rev - 1, 1)
      if (Equal.equals(row?.event, JSON.parse(JSON.stringify(storable(fact))))) return
      yield* deliver(address, { id: `late:${key}:${attempt}`, event: fact, by: null })
    }).pipe(
      Effect.retry({
        while: ({ _tag }) => _tag === "Unavailable" || _tag === "JournalError",
        schedule: Schedule.spaced(commandRetryMs)
      })
    )

  /** Delivers what a hand found out. What cannot be delivered now is run again later, under the same key. */
  const bringHome = Effect.fnUntraced(function* (held: Held, fact: Fact | NotYet | undefined) {
    const { command } = held
    if (fact === undefined) return claims.complete(held)
    if (fact instanceof NotYet) return yield* again(command, fact.reason)
    const { address, key, claim } = command
    const told = yield* Effect.result(deliver(address, { id: `fact:${key}`, event: fact, by: null, completes: { key, claim } }))
    if (told._tag === "Failure") {
      if (told.failure._tag !== "Absent") return yield* again(command, told.failure._tag)
      return claims.complete(held)
    }
    if (told.success.duplicate) yield* tellApart(command, told.success.rev, fact)
    done(command)
  })

  const giveUp = Effect.fnUntraced(function* (command: ClaimedCommand, reason: string) {
    inspect({ type: "command.buried", key: command.key, reason })
    const fact = definitions.get(command.address.kind)!.buried(command.name, command.params, reason)
    // Told first: a crash between the two tells it again, and the actor knows the message.
    if (fact !== null) yield* deliver(command.address, { id: `buried:${command.key}`, event: fact, by: null })
    yield* journal.bury(command, reason)
    crashes.delete(command.key)
  })

  const conclude = Effect.fnUntraced(function* (held: Held, exit: Exit.Exit<Found>) {
    if (Exit.isSuccess(exit)) return yield* bringHome(held, exit.value ?? undefined)
    const { command } = held
    const reason = reasonOf(Cause.squash(exit.cause))
    inspect({ type: "command.crashed", key: command.key, reason })
    const crashed = (crashes.get(command.key) ?? 0) + 1
    crashes.set(command.key, crashed)
    if (crashed >= commandTriesMax) yield* giveUp(command, reason)
    else yield* giveBack(command, Math.max(pauseMs(crashed), retries.next(command.address.org)), reason)
  })

  const run = Effect.fnUntraced(function* (held: Held) {
    const { command } = held
    const hand = definitions.get(command.address.kind)?.commands[command.name]
    if (hand === undefined) return yield* journal.bury(command, `this program has no hand for ${command.name}`)
    // Another's by now: not begun.
    if (!(yield* claims.isOurs(held))) return
    inspect({ type: "command.started", key: command.key, attempt: command.attempt })
    claims.hold(held)
    const ended = yield* held.work(Effect.suspend(() => hand(command.params, command.key, command.address)))
    if (ended !== null) yield* conclude(held, ended)
  })

  /** Begun as soon as a hand is free. Claims are not renewed before: should all hands hang, others take them. */
  const hands = new Hands<Held>()

  const worker = (first: Held) =>
    Effect.gen(function* () {
      for (let held: Held | undefined = first; held !== undefined; held = hands.begin()) {
        const { key, address } = held.command
        yield* run(held).pipe(
          // The claim runs out and the command is run again.
          Effect.catchCause((cause) => Effect.logWarning("command", key, reasonOf(Cause.squash(cause))))
        )
        claims.letGo(held)
        hands.end(address.org)
        if (mayBeMore) wakeup.wake(address.org)
      }
    })

  const beginAll = Effect.gen(function* () {
    for (let held = hands.begin(); held !== undefined; held = hands.begin()) yield* Effect.forkChild(worker(held))
  })

  const born = new Wakeup()
  const taker: Taker = {
    reserve: (org, count) => !claims.isFull && hands.reserve(org, count),
    giveUp: (org, count) => {
      hands.giveUp(org, count)
      // Another may have been refused them.
      born.wake()
    },
    take: (commands, claimedAtNanos) => {
      const { org } = commands[0]!.address
      hands.giveUp(org, commands.length)
      for (const command of commands) hands.push(org, new Held(command, claimedAtNanos))
      born.wake()
    }
  }
  const beginBorn = Effect.andThen(born.within(outboxPollMs), beginAll)

  const loop = Effect.gen(function* () {
    const claimedAtNanos = yield* Clock.monotonicTimeNanos
    hands.drop((held) => Number(claimedAtNanos - held.claimedAtNanos) / 1e6 > commandClaimMs)
    const names = wakeup.takeNames()
    const { max, shares } = hands.room()
    const shareOf = (org: string) => shares.of[org] ?? shares.each
    // Woken for those alone who have all that they may have: they wait for their own hands. The poll, which is for nobody, looks.
    const isVain = names !== null && names.size > 0 && [...names].every((org) => shareOf(org) === 0)
    const isLooking = max > 0 && !isVain && !claims.isFull
    const claimed = isLooking ? yield* journal.claim(max, commandClaimMs, versions, shares) : []
    mayBeMore = !isLooking || claimed.length > 0 || Object.values(shares.of).some((share) => share <= 0)
    for (const command of claimed) hands.push(command.address.org, new Held(command, claimedAtNanos))
    yield* beginAll
    // Cut short in the midst of several: there is more of them.
    if (claimed.length === max && claimed.some(({ address }) => address.org !== claimed[0]!.address.org)) return
    const leftMs = dueAtMs - (yield* steadyMs)
    if (leftMs <= 0) dueAtMs = Number.POSITIVE_INFINITY
    yield* wakeup.within(leftMs > 0 ? Math.min(leftMs, outboxPollMs) : outboxPollMs)
  })

  yield* Effect.forkChild(unending("beginning what was born", beginBorn))
  onTaker(taker)
  yield* Effect.forkChild(claims.renewing)
  yield* Effect.forkChild(claims.completing)
  const turn = Effect.catchTag(loop, "JournalError", () => Effect.sleep(outboxPollMs))
  return yield* Effect.ensuring(
    unending("the outbox", turn),
    Effect.sync(() => onTaker(null))
  )
})
