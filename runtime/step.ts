/**
 * One event in, one decision out. Pure: nothing here waits, writes or reads a clock.
 *
 * XState hands back what a transition wants done as data; `step` sorts it into the five things the runtime knows how to
 * commit. It enters the machine with one actor scope kept for all calls, 4 times as fast as xstate's own `transition`, which
 * builds an actor per call; test/runtime/step.test.ts holds the two equal. The only file that touches xstate's insides.
 */
import assert from "node:assert"
import { type AnyEventObject, type AnyMachineSnapshot, type AnyStateMachine, initialTransition } from "xstate"
import type { CommandRequest, Notice, RecordWrite, TimerRequest } from "./journal.ts"

export interface Decision {
  readonly snapshot: AnyMachineSnapshot
  /** Transitions taken, as `source -event-> target`; empty: the event was not accepted. */
  readonly taken: ReadonlyArray<string>
  readonly commands: ReadonlyArray<CommandRequest>
  readonly notices: ReadonlyArray<Notice>
  /** The last word on each timer; null cancels. */
  readonly timers: ReadonlyMap<string, TimerRequest | null>
  readonly records: ReadonlyArray<RecordWrite>
}

/** The target of a transition that stays where it is. */
export const staying = " itself"

interface HeardAction {
  readonly type: string
  readonly params: any
}

let heard: Array<HeardAction> = []
let taken: Array<string> = []

// `transition` is synchronous and never re-entered, so one scope serves every machine.
const scope: any = {
  self: {},
  id: "",
  sessionId: "",
  logger() {},
  defer() {},
  stopChild() {},
  emit() {},
  system: {
    _relay() {},
    _sendInspectionEvent(inspection: any) {
      if (inspection.type !== "@xstate.microstep") return
      for (const { source, target, actions, eventType } of inspection._transitions) {
        // A state that names an event without an effect forbids it.
        if (target === undefined && actions.length === 0) continue
        const targets = target?.map((node: { id: string }) => ` ${node.id}`).join("") ?? staying
        taken.push(`${source.id} -${eventType || "always"}->${targets}`)
      }
    }
  },
  actionExecutor: (action: HeardAction) => heard.push(action)
}

const sort = (snapshot: AnyMachineSnapshot, actions: ReadonlyArray<HeardAction>, took: ReadonlyArray<string>): Decision => {
  const commands: Array<CommandRequest> = []
  const notices: Array<Notice> = []
  const timers = new Map<string, TimerRequest | null>()
  const records: Array<RecordWrite> = []

  for (const { type, params } of actions) {
    switch (type) {
      case "xstate.raise":
        // Without a delay it is part of the macrostep that has just run.
        if (params.delay !== undefined) timers.set(params.id, { delayMs: params.delay, event: params.event })
        break
      case "xstate.cancel":
        timers.set(params.sendId, null)
        break
      case "xstate.emit":
        notices.push({ kind: params.event.kind, body: params.event.body })
        break
      case "xstate.assign":
      case "xstate.enqueueActions":
        break
      case "claim":
      case "release":
      case "lend":
      case "reserve":
      case "refund":
      case "ensure":
      case "occupy":
      case "vacate":
        records.push({ type, ...params })
        break
      default:
        assert(!type.startsWith("xstate."), `${type}: machines ask by command, they do not act`)
        commands.push({ name: type, params })
    }
  }
  return { snapshot, taken: took, commands, notices, timers, records }
}

/** The first decision of a new actor, from the event that creates it. */
export const begin = (machine: AnyStateMachine, create: AnyEventObject): Decision => {
  const [snapshot, actions] = initialTransition(machine, create)
  if (snapshot.status === "error") throw snapshot.error
  return sort(snapshot, actions as ReadonlyArray<HeardAction>, [`${machine.id} -${create.type}-> ${machine.id}`])
}

export const step = (machine: AnyStateMachine, snapshot: AnyMachineSnapshot, event: AnyEventObject): Decision => {
  heard = []
  taken = []
  const next = machine.transition(snapshot, event, scope) as AnyMachineSnapshot
  // XState reports a throwing action as a state; for us it is a crash, the supervisor's business.
  if (next.status === "error") throw next.error
  return sort(next, heard, taken)
}

/** A snapshot as it is stored: plain JSON, without what the machine itself knows. */
export const persist = (snapshot: AnyMachineSnapshot): unknown => ({ value: snapshot.value, context: snapshot.context })

export const restore = (machine: AnyStateMachine, stored: unknown): AnyMachineSnapshot => {
  const { value, context } = stored as { readonly value: any; readonly context: any }
  return machine.resolveState({ value, context }) as AnyMachineSnapshot
}
