/** What may come of a committed command: its work done and told, done and not told, or not done. */
import type { Move } from "./checker.ts"
import {
  agentEnds,
  change,
  dies,
  finished,
  type Sandbox,
  spend,
  told,
  trouble,
  type Wanted,
  type World,
  without
} from "./world.ts"

function* provision(world: World, wanted: Wanted): Generator<Move<World>> {
  const { key, params } = wanted
  const { boot } = params
  const made = world.sandboxes.find((sandbox) => sandbox.key === key)
  const ready = (from: World, sandboxId: string) => told(from, { type: "sandbox.ready", boot, sandboxId, stateLost: false }, key)
  const failed = (from: World, final: boolean) => told(from, { type: "sandbox.failed", boot, final, ...trouble }, key)
  if (made !== undefined) {
    if (made.state === "gone") yield { name: `${key} finds ${made.id} gone`, next: () => failed(world, true) }
    else yield { name: `${key} finds ${made.id}`, next: () => ready(change(world, made.id, { state: "running" }), made.id) }
    return
  }
  if (world.refused.includes(key)) return yield { name: `${key} is refused again`, next: () => failed(world, true) }
  const id = `sbx_${world.made + 1}`
  const fresh: Sandbox = { id, key, state: "running", agent: null, turn: null, question: null, untold: [] }
  const booted = { ...world, made: world.made + 1, sandboxes: [...world.sandboxes, fresh] }
  yield { name: `${key} makes ${id}`, next: () => ready(booted, id) }
  if (world.left.troubles === 0) return
  yield { name: `${key} makes ${id}, and its answer is lost`, next: () => spend(booted, "troubles"), isFree: true }
  const refusing = { ...world, refused: [...world.refused, key] }
  yield { name: `${key} fails`, next: () => failed(spend(refusing, "troubles"), false), isFree: true }
  yield { name: `${key} is refused`, next: () => failed(spend(refusing, "troubles"), true), isFree: true }
}

function* legs(world: World, { key, name, params }: Wanted): Generator<Move<World>> {
  const { boot, sandboxId } = params
  const sandbox = world.sandboxes.find(({ id }) => id === sandboxId)!
  const isWorkspace = name === "prepareWorkspace"
  const failed = (from: World, final: boolean) =>
    told(from, { type: isWorkspace ? "workspace.failed" : "agent.failed", boot, sandboxId, final, ...trouble }, key)
  if (sandbox.state !== "running") return yield { name: `${key} finds no daemon`, next: () => failed(world, false) }
  if (isWorkspace) yield { name: `${key} clones`, next: () => told(world, { type: "workspace.ready", boot, sandboxId }, key) }
  else {
    const { agent } = sandbox
    if (agent !== null && agent > boot) yield { name: `${key} comes too late`, next: () => failed(world, true) }
    else {
      const running = agent === boot ? world : change(agentEnds(world, sandbox), sandboxId, { agent: boot })
      const ready = { type: "agent.ready", boot, sandboxId, agentSession: "conversation", remembers: true } as const
      yield { name: `${key} starts the agent`, next: () => told(running, ready, key) }
    }
  }
  if (world.left.troubles === 0) return
  for (const final of [true, false])
    yield { name: `${key} fails${final ? " for good" : ""}`, next: () => failed(spend(world, "troubles"), final), isFree: true }
}

function* capture(world: World, { key, params }: Wanted): Generator<Move<World>> {
  const { boot, sandboxId, captureId } = params
  const sandbox = world.sandboxes.find(({ id }) => id === sandboxId)!
  const kept = world.snapshots.find((snapshot) => snapshot.key === key)
  const failed = (from: World, reason: string) =>
    told(from, { type: "snapshot.failed", captureId, reason, message: "no snapshot" }, key)
  const saved = (from: World, snapshotId: string) =>
    told(from, { type: "snapshot.saved", captureId, snapshotId, provider: "simulated", sandboxStopped: false }, key)
  if (sandbox.agent !== null && sandbox.agent > boot) {
    // Whether it was taken before cannot be said any more: one that was is left to whoever reconciles.
    const forgone = { ...world, snapshots: world.snapshots.filter((snapshot) => snapshot !== kept) }
    return yield { name: `${key} is stale`, next: () => failed(forgone, "stale") }
  }
  if (kept !== undefined) return yield { name: `${key} finds ${kept.id}`, next: () => saved(world, kept.id) }
  if (sandbox.state === "gone") return yield { name: `${key} finds nothing`, next: () => failed(world, "not-found") }
  const id = `snp_${world.made + 1}`
  const quiet = agentEnds(world, sandbox)
  const taken = { ...quiet, made: world.made + 1, snapshots: [...world.snapshots, { id, key }] }
  yield { name: `${key} saves ${id}`, next: () => saved(taken, id) }
  if (world.left.troubles === 0) return
  yield { name: `${key} saves ${id}, and its answer is lost`, next: () => spend(taken, "troubles"), isFree: true }
  yield { name: `${key} fails`, next: () => failed(spend(quiet, "troubles"), "unreachable"), isFree: true }
}

function* revive(world: World, { key, params: { boot, sandboxId } }: Wanted): Generator<Move<World>> {
  const sandbox = world.sandboxes.find(({ id }) => id === sandboxId)!
  const failed = (from: World, final: boolean) => told(from, { type: "sandbox.failed", boot, final, ...trouble }, key)
  if (sandbox.state === "gone") return yield { name: `${key} finds it gone`, next: () => failed(world, true) }
  const stateLost = sandbox.state === "stopped"
  const running = change(world, sandboxId, { state: "running" })
  yield { name: `${key} revives it`, next: () => told(running, { type: "sandbox.ready", boot, sandboxId, stateLost }, key) }
  if (world.left.troubles > 0) yield { name: `${key} cannot`, next: () => failed(spend(world, "troubles"), false), isFree: true }
}

function* turnWork(world: World, { key, name, params }: Wanted): Generator<Move<World>> {
  const { sandboxId, turnId, boot } = params
  const done = without(world, key)
  const sandbox = world.sandboxes.find(({ id }) => id === sandboxId)!
  const isThere = sandbox.state === "running" && sandbox.agent !== null
  if (name === "startTurn") {
    if (isThere && sandbox.agent === boot && sandbox.turn === null)
      yield { name: `${key} starts ${turnId}`, next: () => change(done, sandboxId, { turn: turnId }) }
    else if (isThere && sandbox.turn === turnId) yield { name: `${key} has started ${turnId}`, next: () => done }
    else
      yield { name: `${key} cannot start ${turnId}`, next: () => told(world, { type: "turn.failed", turnId, ...trouble }, key) }
  } else if (name === "cancelTurn") {
    const ends = { turn: null, question: null, untold: [...sandbox.untold, finished(turnId, "cancelled")] }
    yield { name: `${key} cancels`, next: () => (sandbox.turn === turnId ? change(done, sandboxId, ends) : done) }
  } else {
    const closed = { type: "question.closed", turnId: sandbox.turn ?? "", questionId: params.questionId } as const
    const answered = { question: null, untold: [...sandbox.untold, closed] }
    yield {
      name: `${key} answers`,
      next: () => (sandbox.question === params.questionId ? change(done, sandboxId, answered) : done)
    }
  }
}

export function* runs(world: World, wanted: Wanted): Generator<Move<World>> {
  const { key, name, params } = wanted
  switch (name) {
    case "provisionSandbox":
      return yield* provision(world, wanted)
    case "reviveSandbox":
      return yield* revive(world, wanted)
    case "prepareWorkspace":
    case "startAgent":
      return yield* legs(world, wanted)
    case "captureSnapshot":
      return yield* capture(world, wanted)
    case "destroySandbox": {
      const { sandboxId } = params
      const gone = dies(world, world.sandboxes.find(({ id }) => id === sandboxId)!, "gone")
      yield { name: `${key} destroys ${sandboxId}`, next: () => told(gone, { type: "sandbox.destroyed", sandboxId }, key) }
      return
    }
    case "discardSnapshot": {
      const snapshots = world.snapshots.filter(({ id }) => id !== params.snapshotId)
      yield { name: `${key} discards ${params.snapshotId}`, next: () => without({ ...world, snapshots }, key) }
      return
    }
    case "endApprovals":
      return yield { name: `${key} ends what it asked for`, next: () => without(world, key) }
    default:
      yield* turnWork(world, wanted)
  }
}
