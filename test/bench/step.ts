/** `step` with its kept scope against xstate's own `transition`, which builds an actor per call: the session machine, one turn. */
import { transition } from "xstate"
import type { SessionEvent } from "../../machines/session/events.ts"
import { sessionMachine } from "../../machines/session.ts"
import { begin, step } from "../../runtime/step.ts"
import { type Row, rowOf } from "./rows.ts"

const create: SessionEvent = {
  type: "create",
  configurationId: "cfg_bench",
  title: "bench",
  owner: null,
  attended: true,
  agent: { name: "scripted", permissions: "allow" }
}
const upToRunning: ReadonlyArray<SessionEvent> = [
  { type: "start" },
  { type: "sandbox.ready", boot: 1, sandboxId: "sbx_1", stateLost: false },
  { type: "workspace.ready", boot: 1, sandboxId: "sbx_1" },
  { type: "agent.ready", boot: 1, sandboxId: "sbx_1", agentSession: "a", remembers: false }
]
const aTurn: ReadonlyArray<SessionEvent> = [
  { type: "prompt", promptId: "t1", text: "go on", by: null },
  { type: "turn.finished", turnId: "t1", stopReason: "end_turn" }
]

const rounds = 7
const turnsPerRound = 10_000

export const benchStep = (): Row => {
  const running = upToRunning.reduce(
    (snapshot, event) => step(sessionMachine, snapshot, event).snapshot,
    begin(sessionMachine, create).snapshot
  )
  const rate = (advance: (snapshot: any, event: SessionEvent) => any, turns: number): number => {
    const startedAt = performance.now()
    for (let turn = 0; turn < turns; turn++) aTurn.reduce(advance, running)
    return (turns * aTurn.length * 1_000) / (performance.now() - startedAt)
  }
  const ours = (snapshot: any, event: SessionEvent) => step(sessionMachine, snapshot, event).snapshot
  const theirs = (snapshot: any, event: SessionEvent) => transition(sessionMachine, snapshot, event)[0]
  rate(ours, turnsPerRound)
  rate(theirs, turnsPerRound)
  const measured = Array.from({ length: rounds }, () => [rate(ours, turnsPerRound), rate(theirs, turnsPerRound)] as const)
  return rowOf(
    "step",
    "xstate transition()",
    "per s",
    measured.map(([mine]) => mine),
    measured.map(([, other]) => other),
    null
  )
}
