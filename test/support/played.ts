/**
 * An actor in a test: where its story has come to. `player` plays a machine from its creation, through JSON between any two steps as
 * the journal would, and holds every step to the invariants that it is given.
 */
import type { AnyMachineSnapshot, AnyStateMachine } from "xstate"
import type { SessionContext } from "../../machines/session/context.ts"
import type { SessionEvent } from "../../machines/session/events.ts"
import { begin as beginStep, type Decision, persist, restore, step } from "../../runtime/step.ts"

/** An actor at rest: as it is stored, with the timers that are armed. */
export interface Played<Context = SessionContext, Event = SessionEvent> {
  readonly snapshot: AnyMachineSnapshot
  readonly context: Context
  /** Armed deadlines: what fires, by timer id. */
  readonly armed: ReadonlyMap<string, Event>
  readonly last: Decision
  /** Every command and notice since the actor was created. */
  readonly commands: Decision["commands"]
  readonly notices: Decision["notices"]
}

/** An event, or what it is at this point of the story: a deadline, or the answer to what is being waited for. */
export type Move<Context = SessionContext, Event = SessionEvent> = Event | ((at: Played<Context, Event>) => Event)

const armedAfter = <Event>(armed: ReadonlyMap<string, Event>, timers: Decision["timers"]): ReadonlyMap<string, Event> => {
  const next = new Map(armed)
  for (const [id, timer] of timers) {
    if (timer === null) next.delete(id)
    else next.set(id, timer.event as Event)
  }
  return next
}

/** The states it is in, innermost. */
export const leavesOf = (snapshot: AnyMachineSnapshot): Array<string> =>
  snapshot._nodes
    .filter((node) => Object.keys(node.states).length === 0)
    .map((node) => node.path.join("."))
    .sort()

export const player = <Context, Event extends { readonly type: string }>(
  machineOf: () => AnyStateMachine,
  keepsInvariants: (before: Played<Context, Event>, event: Event, after: Played<Context, Event>) => void
) => {
  type At = Played<Context, Event>
  const stored = (snapshot: AnyMachineSnapshot) => restore(machineOf(), JSON.parse(JSON.stringify(persist(snapshot))))

  const begin = (create: Event): At => {
    const last = beginStep(machineOf(), create)
    const snapshot = stored(last.snapshot)
    return {
      snapshot,
      context: snapshot.context,
      armed: armedAfter<Event>(new Map(), last.timers),
      last,
      commands: last.commands,
      notices: last.notices
    }
  }

  const send = (at: At, event: Event): At => {
    const last = step(machineOf(), at.snapshot, event)
    const snapshot = last.taken.length === 0 ? last.snapshot : stored(last.snapshot)
    // A timer that fired is spent, unless this very step armed it anew.
    const waiting = new Map([...at.armed].filter(([, timer]) => timer.type !== event.type))
    const next: At = {
      snapshot,
      context: snapshot.context,
      armed: armedAfter(waiting, last.timers),
      last,
      commands: [...at.commands, ...last.commands],
      notices: [...at.notices, ...last.notices]
    }
    keepsInvariants(at, event, next)
    return next
  }

  const eventOf = (move: Move<Context, Event>, at: At): Event =>
    typeof move === "function" ? (move as (at: At) => Event)(at) : (move as Event)
  const play = (from: At, ...moves: ReadonlyArray<Move<Context, Event>>): At =>
    moves.reduce((at, move) => send(at, eventOf(move, at)), from)

  return { begin, send, eventOf, play }
}
