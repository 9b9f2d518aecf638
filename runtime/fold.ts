/**
 * Several messages that wait for one actor, decided one after another from memory, to be committed as one. What does not fit is
 * left where it waits and decided alone. A guess, and cheap to be wrong about: what the journal does not take as it is, it takes
 * not at all, and each message is then decided alone from what is stored (M4).
 */
import type { ActorDefinition } from "./actor.ts"
import type { Address } from "./address.ts"
import type { RecordWrite, Transition } from "./journal.ts"
import type { Message } from "./router.ts"
import type { Decision } from "./step.ts"
import { type Delivery, type Memory, remembered, transitionOf } from "./transition.ts"

export interface Fold {
  readonly steps: ReadonlyArray<{ readonly delivery: Delivery; readonly decision: Decision }>
  readonly transition: Transition
  /** As it will be once it is written. */
  readonly memory: Memory
}

/** What no two steps of one commit may both write: nobody could tell afterwards whether the first of them was granted. */
const touchedBy = (records: ReadonlyArray<RecordWrite>): ReadonlyArray<string> =>
  records.flatMap((record) => {
    switch (record.type) {
      case "project":
        return []
      case "claim":
      case "release":
        return [JSON.stringify(["claim", record.name, record.key])]
      case "occupy":
      case "vacate":
        return [JSON.stringify(["room", record.room])]
      case "lend":
        return [JSON.stringify(["budget", record.budget.id])]
      default:
        return [JSON.stringify(["budget", record.budgetId])]
    }
  })

/** Null: there are no two that fit. `null` among the messages is what is no message. */
export const foldOf = <R>(
  definition: ActorDefinition<R>,
  address: Address,
  known: Memory,
  deliveries: ReadonlyArray<Delivery | null>,
  decide: (snapshot: Memory["snapshot"], event: Message["event"]) => Decision
): Fold | null => {
  const steps: Array<Fold["steps"][number]> = []
  const transitions: Array<Transition> = []
  const messages = new Set<string>()
  const touched = new Set<string>()
  let memory: Memory = { ...known, timers: new Map(known.timers) }

  const decisionOn = ({ id, event, timer, ifRev }: Delivery): Decision | null => {
    // Whoever names a revision has looked at it, and it is not written yet unless it is where we began.
    if (ifRev !== undefined && (steps.length > 0 || ifRev !== memory.rev)) return null
    if (messages.has(id) || (timer !== undefined && memory.timers.get(timer.id) !== timer.rev)) return null
    try {
      const decision = decide(memory.snapshot, event)
      const isRefused = decision.taken.length === 0 && definition.requests.has(event.type)
      return isRefused || touchedBy(decision.records).some((key) => touched.has(key)) ? null : decision
    } catch {
      // It crashes when it is decided alone, and is known to have done so.
      return null
    }
  }

  for (const delivery of deliveries) {
    const decision = delivery && decisionOn(delivery)
    if (!delivery || !decision) break
    messages.add(delivery.id)
    for (const key of touchedBy(decision.records)) touched.add(key)
    steps.push({ delivery, decision })
    transitions.push(transitionOf(definition, address, memory, decision, delivery))
    memory = remembered(memory, delivery, decision, memory.rev + 1, memory.epoch)
  }
  if (steps.length < 2) return null
  const last = transitions.at(-1)!
  const transition = { ...last, base: known.rev, takesEpoch: !known.owned, earlier: transitions.slice(0, -1) }
  return { steps, transition, memory }
}
