/**
 * The short way from a commit to a hand: where one is free for them, the commands that a commit asks for are claimed by that very
 * commit, and begun as soon as it is written. The long way, through a claim of the outbox, is for all others, and for those whose
 * process dies in between: their claim runs out.
 */
import { Clock, Context, Effect } from "effect"
import type { Address } from "./address.ts"
import { type ClaimedCommand, type CommandRequest, stepsOf, type Transition } from "./journal.ts"
import { commandClaimMs } from "./limits.ts"

/** The outbox of this process, as those see it who commit. */
export interface Taker {
  /** Keeps hands free for so many, until they are taken or given up. False: there are none to spare. */
  readonly reserve: (org: string, count: number) => boolean
  readonly giveUp: (org: string, count: number) => void
  readonly take: (commands: ReadonlyArray<ClaimedCommand>, claimedAtNanos: bigint) => void
}

/** By organisation; null: there is none, yet. */
export const Handover = Context.Reference<(org: string) => Taker | null>("proliferate/runtime/Handover", {
  defaultValue: () => () => null
})

const asStored = (params: unknown): unknown => JSON.parse(JSON.stringify(params ?? null))

const claimedOf = (address: Address, rev: number, { name, params }: CommandRequest, index: number): ClaimedCommand => ({
  key: `${address.kind}:${address.id}:${rev}:${index}`,
  address,
  name,
  params: asStored(params),
  attempt: 1,
  claim: "1"
})

const bornOf = (transition: Transition): ReadonlyArray<ClaimedCommand> =>
  stepsOf(transition).flatMap(([rev, { commands }]) =>
    commands.map((command, index) => claimedOf(transition.address, rev, command, index))
  )

type Begun<A> = A & { readonly begin?: () => void }

/** Writes a transition, with a claim on its commands where there are hands for them: then `begin` begins them. */
export const handingOver = <A extends { readonly _tag: string }, E, R>(
  transition: Transition,
  write: (transition: Transition) => Effect.Effect<A, E, R>
): Effect.Effect<Begun<A>, E, R> => {
  const count = stepsOf(transition).reduce((sum, [, { commands }]) => sum + commands.length, 0)
  if (count === 0) return write(transition)
  return Effect.gen(function* () {
    const { org } = transition.address
    const taker = (yield* Handover)(org)
    if (taker === null || !taker.reserve(org, count)) return yield* write(transition)
    const claimedAtNanos = yield* Clock.monotonicTimeNanos
    const claimed = { ...transition, claimMs: commandClaimMs }
    const written: A = yield* Effect.onError(write(claimed), () => Effect.sync(() => taker.giveUp(org, count)))
    if (written._tag === "Won") return { ...written, begin: () => taker.take(bornOf(claimed), claimedAtNanos) }
    taker.giveUp(org, count)
    return written
  })
}
