/** A session and all that it talks to at one moment, and what changes it: the parts that session-world.ts is put together from. */
import assert from "node:assert"
import type { SessionContext } from "../../machines/session/context.ts"
import type { SessionEvent } from "../../machines/session/events.ts"
import type { Played } from "../support/played.ts"
import { send } from "../support/session.ts"

export interface Wanted {
  readonly key: string
  readonly name: string
  readonly params: any
}

export interface Sandbox {
  readonly id: string
  readonly key: string
  readonly state: "running" | "stopped" | "gone"
  /** The boot whose agent runs in it. */
  readonly agent: number | null
  readonly turn: string | null
  readonly question: string | null
  /** Told in this order, each once, when somebody listens. */
  readonly untold: ReadonlyArray<SessionEvent>
}

export interface Snapshot {
  readonly id: string
  readonly key: string
}

export interface World {
  readonly session: Played
  readonly commands: ReadonlyArray<Wanted>
  readonly sandboxes: ReadonlyArray<Sandbox>
  readonly snapshots: ReadonlyArray<Snapshot>
  /** Keys that the provider has refused, and refuses again. */
  readonly refused: ReadonlyArray<string>
  readonly steps: number
  readonly made: number
  readonly prompts: number
  readonly left: Bounds
}

export interface Bounds {
  readonly wishes: number
  readonly troubles: number
  readonly hurries: number
  readonly questions: number
}

export const trouble = { reason: "unreachable", message: "no answer" }
export const context = ({ session }: World): SessionContext => session.context

/** The session takes an event, and what it asks for is committed with it. */
export const told = (world: World, event: SessionEvent, done?: string): World => {
  const session = send({ ...world.session, commands: [], notices: [] }, event)
  const steps = world.steps + 1
  const asked = session.last.commands.map(({ name, params }, index) => ({ key: `key_${steps}_${index}`, name, params }))
  mustHear(world, event, session)
  return { ...world, session, steps, commands: [...world.commands.filter(({ key }) => key !== done), ...asked] }
}

/** What nobody would say again. */
export const mustHear = (world: World, event: SessionEvent, { last }: Played): void => {
  const { turn, sandboxId, snapshotId } = context(world)
  const isAwaited =
    ("turnId" in event && event.type === "turn.finished" && event.turnId === turn?.promptId) ||
    (event.type === "sandbox.ready" && event.sandboxId !== sandboxId) ||
    (event.type === "snapshot.saved" && event.snapshotId !== snapshotId)
  assert(!isAwaited || last.taken.length > 0, `${JSON.stringify(event)} is lost`)
}

export const change = (world: World, id: string, changes: Partial<Sandbox>): World => ({
  ...world,
  sandboxes: world.sandboxes.map((sandbox) => (sandbox.id === id ? { ...sandbox, ...changes } : sandbox))
})
export const without = (world: World, done: string): World => ({
  ...world,
  commands: world.commands.filter(({ key }) => key !== done)
})
export const spend = (world: World, what: keyof Bounds): World => ({
  ...world,
  left: { ...world.left, [what]: world.left[what] - 1 }
})

/** Its agent ends, and with it the turn: the daemon tells both. */
export const agentEnds = (world: World, { id, turn, agent, untold }: Sandbox): World =>
  change(world, id, {
    agent: null,
    turn: null,
    question: null,
    untold: [
      ...untold,
      ...(agent === null ? [] : [{ type: "agent.exited", boot: agent, sandboxId: id, ...trouble } as const]),
      ...(turn === null ? [] : [{ type: "turn.finished", turnId: turn, stopReason: "lost" } as const])
    ]
  })

export const dies = (world: World, sandbox: Sandbox, state: "stopped" | "gone"): World =>
  change(world, sandbox.id, { state, agent: null, turn: null, question: null, untold: [] })

export const finished = (turnId: string, stopReason: string) => ({ type: "turn.finished", turnId, stopReason }) as const
