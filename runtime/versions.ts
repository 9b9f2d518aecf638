/**
 * What an older version of a machine stored, brought up to the version that this program knows.
 *
 *   U1  One version at a time, by the functions of the actor's definition. The result is committed as a step of its own before
 *       anything else happens to the actor, so that journal and snapshot never disagree on the version.
 *   U2  Deadlines follow the state: those that the new machine does not know are cancelled, those that it waits for and that are
 *       not armed begin anew. The others keep their time.
 *   U3  A missing function, or one that fails, parks the actor with its reason; what is stored stays as it is.
 *   U4  What a newer version stored is left to the hosts that know it: this one neither writes it nor runs its commands.
 */
import type { AnyMachineSnapshot, AnyStateMachine } from "xstate"
import type { ActorDefinition, PlainSnapshot } from "./actor.ts"
import type { Stored, TimerRequest } from "./journal.ts"
import { type Decision, restore } from "./step.ts"

const ofStates = "xstate.after."

/** The deadlines of the states that a snapshot is in, each from its beginning. */
const deadlines = (machine: AnyStateMachine, snapshot: AnyMachineSnapshot): Map<string, TimerRequest> => {
  const { delays } = machine.implementations as { readonly delays: Readonly<Record<string, unknown>> }
  const args = { context: snapshot.context, event: { type: "upgraded" } }
  const waits = snapshot._nodes.flatMap(({ after }) => after)
  return new Map(
    waits.map(({ delay, eventType }) => {
      const named = typeof delay === "number" ? delay : delays[String(delay)]
      return [eventType, { delayMs: typeof named === "function" ? named(args) : (named as number), event: { type: eventType } }]
    })
  )
}

/** Throws where the definition has no way from that version to its own. */
export const upgrade = <R>({ machine, version, upgrades }: ActorDefinition<R>, stored: Stored): Decision => {
  let plain = stored.snapshot
  for (let from = stored.machineVersion; from < version; from++) {
    const to = upgrades[from]
    if (to === undefined) throw new Error(`there is no way from version ${from} of its machine to version ${from + 1}`)
    plain = to(plain as PlainSnapshot)
  }
  const snapshot = restore(machine, plain)
  const wanted = deadlines(machine, snapshot)
  const timers = new Map<string, TimerRequest | null>()
  for (const id of stored.timers.keys()) if (id.startsWith(ofStates) && !wanted.has(id)) timers.set(id, null)
  for (const [id, timer] of wanted) if (!stored.timers.has(id)) timers.set(id, timer)
  const taken = [`version ${stored.machineVersion} -upgraded-> version ${version}`]
  return { snapshot, taken, commands: [], notices: [], timers, records: [] }
}
