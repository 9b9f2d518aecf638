/**
 * Words for stories of a session, each step of which is held to the invariants of machines/session.ts: what is asked, told, and the
 * deadlines that pass.
 */
import assert from "node:assert"
import type { AnyStateMachine, AnyStateNode } from "xstate"
import type { SessionContext } from "../../machines/session/context.ts"
import type { SessionEvent } from "../../machines/session/events.ts"
import { sessionMachine } from "../../machines/session.ts"
import { leavesOf, type Move, type Played, player } from "./played.ts"
import { keepsInvariants } from "./session-invariants.ts"

/** Another where a test wants to see that a machine with a fault is found out. */
let machine: AnyStateMachine = sessionMachine
export const playedOn = <A>(other: AnyStateMachine, play: () => A): A => {
  machine = other
  try {
    return play()
  } finally {
    machine = sessionMachine
  }
}

const { begin: beginWith, send, eventOf, play } = player<SessionContext, SessionEvent>(() => machine, keepsInvariants)

export { eventOf, leavesOf, play, send }

export const begin = (changes: Partial<Extract<SessionEvent, { type: "create" }>> = {}): Played =>
  beginWith({
    type: "create",
    configurationId: "cfg_1",
    title: "a title",
    owner: "usr_1",
    attended: true,
    agent: { name: "scripted", permissions: "ask" },
    ...changes
  })

/** The states it is in, innermost, without the machine's name: `running.agent.idle running.link.connected`. */
export const at = ({ snapshot }: Pick<Played, "snapshot">): string => leavesOf(snapshot).join(" ")

/** Every innermost state of a machine in which a session can stay, by its path. */
export const stateIds = ({ root }: AnyStateMachine): ReadonlyArray<string> => {
  const leaves = (node: AnyStateNode): ReadonlyArray<string> =>
    Object.keys(node.states).length > 0
      ? Object.values(node.states).flatMap(leaves)
      : node.always?.some(({ guard }) => guard === undefined)
        ? []
        : [node.path.join(".")]
  return leaves(root)
}

/** The names of what the last step asked for. */
export const asked = ({ last }: Played): Array<string> => last.commands.map(({ name }) => name)
export const told = ({ last }: Played, kind: string): Array<Readonly<Record<string, unknown>>> =>
  last.notices.filter((notice) => notice.kind === kind).map(({ body }) => body)
/** How each prompt ended, so far. */
export const endings = ({ notices }: Played): Record<string, unknown> =>
  Object.fromEntries(notices.filter(({ kind }) => kind === "turn.ended").map(({ body }) => [body["turnId"], body["stopReason"]]))

/** The armed deadline of that name passes. */
export const passes =
  (deadline: string): Move =>
  ({ armed, snapshot }) => {
    const event = [...armed].find(([id]) => id.startsWith(`xstate.after.${deadline}.`))?.[1]
    assert(event, `${deadline} is not armed in ${at({ snapshot })}: ${[...armed.keys()].join(", ")}`)
    return event
  }

export const start: Move = { type: "start" }
export const prompt = (promptId: string): SessionEvent => ({ type: "prompt", promptId, text: `do ${promptId}`, by: "usr_1" })
export const pause: Move = { type: "pause", why: "manual" }
export const resume: Move = { type: "resume" }
export const stop: Move = { type: "stop" }
export const interrupt: Move = { type: "interrupt" }
export const answer = (questionId: string, optionId = "yes"): Move => ({ type: "answer", questionId, optionId })

const ours = ({ context }: Played) => ({ sandboxId: context.sandboxId ?? "sbx_none" })
const thisBoot = (played: Played) => ({ boot: played.context.boot, ...ours(played) })
const trouble = { reason: "unreachable", message: "no answer" }

export const sandboxReady =
  (sandboxId?: string): Move =>
  (played) => ({ type: "sandbox.ready", ...thisBoot(played), ...(sandboxId && { sandboxId }), stateLost: false })
export const sandboxFailed =
  (final = false): Move =>
  ({ context: { boot } }) => ({ type: "sandbox.failed", boot, final, ...trouble })
export const workspaceReady: Move = (played) => ({ type: "workspace.ready", ...thisBoot(played) })
export const workspaceFailed =
  (final = false): Move =>
  (played) => ({ type: "workspace.failed", ...thisBoot(played), final, ...trouble })
export const agentReady: Move = (played) => ({
  type: "agent.ready",
  ...thisBoot(played),
  agentSession: "conversation",
  remembers: true
})
export const agentFailed =
  (final = false): Move =>
  (played) => ({ type: "agent.failed", ...thisBoot(played), final, ...trouble })
export const agentExited: Move = (played) => ({
  type: "agent.exited",
  ...thisBoot(played),
  reason: "crashed",
  message: "signal 9"
})
export const sandboxTold =
  (type: "sandbox.stopped" | "sandbox.gone" | "sandbox.expiring" | "sandbox.destroyed" | "link.connected"): Move =>
  (played) => ({ type, ...ours(played) })
export const linkLost: Move = (played) => ({ type: "link.lost", ...ours(played), ...trouble })
export const finished = (turnId: string, stopReason = "end_turn"): Move => ({ type: "turn.finished", turnId, stopReason })
export const notStarted = (turnId: string): Move => ({ type: "turn.failed", turnId, ...trouble })
export const asks = (turnId: string, questionId: string): Move => ({ type: "question.asked", turnId, questionId })
export const closes = (turnId: string, questionId: string): Move => ({ type: "question.closed", turnId, questionId })
export const captured =
  (snapshotId: string): Move =>
  ({ context }) => ({
    type: "snapshot.saved",
    captureId: context.captureId ?? "cap_none",
    snapshotId,
    provider: "local",
    sandboxStopped: true
  })
export const captureFailed: Move = ({ context }) => ({
  type: "snapshot.failed",
  captureId: context.captureId ?? "cap_none",
  ...trouble
})

export const retries: Move = passes("retryPause")
/** From a sandbox that is asked for to an agent that is ready. */
export const boots = (sandboxId = "sbx_1"): ReadonlyArray<Move> => [sandboxReady(sandboxId), workspaceReady, agentReady]
/** The same with the sandbox that it has. */
export const revives: ReadonlyArray<Move> = [sandboxReady(), workspaceReady, agentReady]
export const running = (): Played => play(begin(), start, ...boots())
export const working = (): Played => play(begin(), prompt("p1"), ...boots())
export const paused = (): Played => play(running(), pause, captured("snp_1"))

export const idle = "running.agent.idle running.link.connected"
export const busy = "running.agent.busy.working running.link.connected"
export const times = (count: number, ...moves: ReadonlyArray<Move>): Array<Move> =>
  Array.from({ length: count }, () => moves).flat()
export const refuses = ({ snapshot }: Played, request: Move): void =>
  assert.ok(!snapshot.can(request as never), JSON.stringify(request))
export const turnOf = ({ context }: Played): string | null => context.turn?.promptId ?? null
export const queueOf = ({ context }: Played): Array<string> => context.queue.map(({ promptId }) => promptId)
