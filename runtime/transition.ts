/** What is remembered of an actor, and the step from there to what a decision makes of it, as the journal takes it. */
import type { AnyMachineSnapshot } from "xstate"
import type { ActorDefinition } from "./actor.ts"
import type { Address } from "./address.ts"
import type { Completion, Projection, Transition } from "./journal.ts"
import type { Message } from "./router.ts"
import { type Decision, persist } from "./step.ts"

/** A message with what the runtime itself knows of it. */
export interface Delivery extends Message {
  /** The command whose fact this is. */
  readonly completes?: Completion
  /** The timer that fired, and the revision that armed it: armed anew since, it is stale. */
  readonly timer?: { readonly id: string; readonly rev: number }
}

export interface Memory {
  readonly rev: number
  readonly epoch: number
  /** We raised the epoch; until then we have only read. */
  readonly owned: boolean
  /** Null: there is no such actor, yet. */
  readonly snapshot: AnyMachineSnapshot | null
  /** Armed timers, with the revision that armed each. */
  readonly timers: Map<string, number>
}

const isSameRow = (one: Projection, other: Projection): boolean =>
  one.status === other.status &&
  one.title === other.title &&
  one.owner === other.owner &&
  one.configurationId === other.configurationId &&
  one.archived === other.archived

export const transitionOf = <R>(
  definition: ActorDefinition<R>,
  address: Address,
  memory: Memory,
  decision: Decision,
  delivery: Delivery
): Transition => {
  const { version, project, standing } = definition
  const { snapshot } = decision
  const row = project(snapshot)
  const isListed = memory.snapshot !== null && isSameRow(project(memory.snapshot), row)
  // A timer that fired is spent, unless this very step armed it anew.
  const timers =
    delivery.timer === undefined || decision.timers.has(delivery.timer.id)
      ? decision.timers
      : new Map([...decision.timers, [delivery.timer.id, null]])
  return {
    address,
    machineVersion: version,
    base: memory.rev,
    epoch: memory.epoch,
    takesEpoch: !memory.owned,
    earlier: [],
    messageId: delivery.id,
    event: delivery.event,
    taken: decision.taken,
    notices: decision.notices,
    by: delivery.by,
    cause: delivery.completes?.key ?? delivery.timer?.id ?? null,
    status: row.status,
    snapshot: persist(snapshot),
    resident: standing(snapshot).length > 0,
    completes: delivery.completes ?? null,
    commands: decision.commands,
    timers,
    records: isListed ? decision.records : [...decision.records, { type: "project", row }]
  }
}

/** What is remembered once a decision is written; the timers of before are changed in place. */
export const remembered = (
  { timers }: Memory,
  { timer: fired }: Delivery,
  decision: Decision,
  rev: number,
  epoch: number
): Memory => {
  if (fired !== undefined) timers.delete(fired.id)
  for (const [id, timer] of decision.timers) {
    if (timer === null) timers.delete(id)
    else timers.set(id, rev)
  }
  return { rev, epoch, owned: true, snapshot: decision.snapshot, timers }
}
