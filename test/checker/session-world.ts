/**
 * A session with all that it talks to, as one world: its machine, the commands that are committed and not done, the provider's
 * sandboxes and snapshots, the daemon in each, and what the daemon has still to tell. A host may die at any moment; since all else
 * is durable, what that does is that a command's work is done and its fact is not told, and the command runs again.
 *
 * Bounded by what people wish, what goes wrong, and how often a deadline passes although something else was about to happen. A
 * deadline that passes when nothing else moves costs nothing: so every world can come to its end.
 */
import assert from "node:assert"
import type { SessionContext } from "../../machines/session/context.ts"
import type { SessionEvent } from "../../machines/session/events.ts"
import type { Played } from "../support/played.ts"
import { begin, prompt, send } from "../support/session.ts"
import { isIn } from "../support/session-invariants.ts"
import type { Model, Move } from "./checker.ts"

interface Wanted {
  readonly key: string
  readonly name: string
  readonly params: any
}

interface Sandbox {
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

interface Snapshot {
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

const trouble = { reason: "unreachable", message: "no answer" }
const context = ({ session }: World): SessionContext => session.context

/** The session takes an event, and what it asks for is committed with it. */
const told = (world: World, event: SessionEvent, done?: string): World => {
  const session = send({ ...world.session, commands: [], notices: [] }, event)
  const steps = world.steps + 1
  const asked = session.last.commands.map(({ name, params }, index) => ({ key: `key_${steps}_${index}`, name, params }))
  mustHear(world, event, session)
  return { ...world, session, steps, commands: [...world.commands.filter(({ key }) => key !== done), ...asked] }
}

/** What nobody would say again. */
const mustHear = (world: World, event: SessionEvent, { last }: Played): void => {
  const { turn, sandboxId, snapshotId } = context(world)
  const isAwaited =
    ("turnId" in event && event.type === "turn.finished" && event.turnId === turn?.promptId) ||
    (event.type === "sandbox.ready" && event.sandboxId !== sandboxId) ||
    (event.type === "snapshot.saved" && event.snapshotId !== snapshotId)
  assert(!isAwaited || last.taken.length > 0, `${JSON.stringify(event)} is lost`)
}

const change = (world: World, id: string, changes: Partial<Sandbox>): World => ({
  ...world,
  sandboxes: world.sandboxes.map((sandbox) => (sandbox.id === id ? { ...sandbox, ...changes } : sandbox))
})
const without = (world: World, done: string): World => ({ ...world, commands: world.commands.filter(({ key }) => key !== done) })
const spend = (world: World, what: keyof Bounds): World => ({ ...world, left: { ...world.left, [what]: world.left[what] - 1 } })

/** Its agent ends, and with it the turn: the daemon tells both. */
const agentEnds = (world: World, { id, turn, agent, untold }: Sandbox): World =>
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

const dies = (world: World, sandbox: Sandbox, state: "stopped" | "gone"): World =>
  change(world, sandbox.id, { state, agent: null, turn: null, question: null, untold: [] })

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

const finished = (turnId: string, stopReason: string) => ({ type: "turn.finished", turnId, stopReason }) as const

function* runs(world: World, wanted: Wanted): Generator<Move<World>> {
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
    default:
      yield* turnWork(world, wanted)
  }
}

/** What the link hears, while the state wants one. */
function* link(world: World): Generator<Move<World>> {
  const { snapshot } = world.session
  const { sandboxId, linkLost } = context(world)
  const sandbox = world.sandboxes.find(({ id }) => id === sandboxId)
  if (sandbox === undefined || sandboxId === null || !snapshot.hasTag("linked")) return
  if (sandbox.state !== "running") {
    const type = sandbox.state === "gone" ? "sandbox.gone" : "sandbox.stopped"
    const heard = told(world, { type, sandboxId })
    // Said once: where it changes nothing, something else will.
    if (heard.session.last.taken.length > 0) yield { name: `the link hears ${type}`, next: () => heard }
    return
  }
  if (linkLost) return yield { name: "the link is back", next: () => told(world, { type: "link.connected", sandboxId }) }
  const [event, ...untold] = sandbox.untold
  if (event !== undefined)
    return yield { name: `the daemon tells ${event.type}`, next: () => told(change(world, sandboxId, { untold }), event) }
  const { turn, question } = sandbox
  if (turn !== null && question === null) {
    const over = { turn: null, untold: [finished(turn, "end_turn")] }
    yield { name: `${turn} ends`, next: () => change(world, sandboxId, over) }
    if (world.left.questions > 0) {
      const questionId = `q${world.left.questions}`
      const asks = { question: questionId, untold: [{ type: "question.asked", turnId: turn, questionId } as const] }
      yield { name: `${turn} asks ${questionId}`, next: () => change(spend(world, "questions"), sandboxId, asks), isFree: true }
    }
  }
}

function* troubles(world: World): Generator<Move<World>> {
  if (world.left.troubles === 0) return
  const spent = spend(world, "troubles")
  const { sandboxId } = context(world)
  const isLinked = world.session.snapshot.hasTag("linked")
  for (const sandbox of world.sandboxes) {
    if (sandbox.state === "gone") continue
    const { id } = sandbox
    yield { name: `${id} vanishes`, next: () => dies(spent, sandbox, "gone"), isFree: true }
    if (sandbox.state === "stopped") continue
    yield { name: `${id} stops`, next: () => dies(spent, sandbox, "stopped"), isFree: true }
    if (sandbox.agent !== null) yield { name: `the agent in ${id} dies`, next: () => agentEnds(spent, sandbox), isFree: true }
    if (id !== sandboxId || !isLinked) continue
    yield { name: "the link is lost", next: () => told(spent, { type: "link.lost", sandboxId: id, ...trouble }), isFree: true }
    yield { name: `${id} will expire`, next: () => told(spent, { type: "sandbox.expiring", sandboxId: id }), isFree: true }
  }
}

function* wishes(world: World): Generator<Move<World>> {
  if (world.left.wishes === 0) return
  const [open] = context(world).questions
  const promptId = `p${world.prompts + 1}`
  const all: ReadonlyArray<SessionEvent> = [
    prompt(promptId),
    { type: "interrupt" },
    { type: "pause", why: "manual" },
    { type: "resume" },
    { type: "stop" },
    ...(open === undefined ? [] : [{ type: "answer", questionId: open, optionId: "yes" } as const])
  ]
  for (const event of all) {
    if (!world.session.snapshot.can(event)) continue
    const asked = event.type === "prompt" ? { ...world, prompts: world.prompts + 1 } : world
    yield { name: `someone: ${event.type}`, next: () => told(spend(asked, "wishes"), event), isFree: true }
  }
}

function* moves(world: World): Generator<Move<World>> {
  let isStill = true
  for (const wanted of world.commands)
    for (const move of runs(world, wanted)) {
      if (move.isFree !== true) isStill = false
      yield move
    }
  for (const move of link(world)) {
    if (move.isFree !== true) isStill = false
    yield move
  }
  for (const [id, event] of world.session.armed) {
    const name = `${id.slice("xstate.after.".length)} passes`
    if (isStill) yield { name, next: () => told(world, event) }
    else if (world.left.hurries > 0)
      yield { name: `${name} meanwhile`, next: () => told(spend(world, "hurries"), event), isFree: true }
  }
  yield* troubles(world)
  yield* wishes(world)
}

/** I5, over the whole world: nothing lives that is nobody's and that nobody is about to end. */
const wrong = (world: World): string | null => {
  const { sandboxId, snapshotId, turn } = context(world)
  const isAsked = (name: string, params: Record<string, unknown>) =>
    world.commands.some(
      (wanted) => wanted.name === name && Object.entries(params).every(([key, value]) => wanted.params[key] === value)
    )
  const isRunning = (key: string) => world.commands.some((wanted) => wanted.key === key)
  for (const { id, state, key } of world.sandboxes)
    if (state !== "gone" && id !== sandboxId && !isRunning(key) && !isAsked("destroySandbox", { sandboxId: id }))
      return `I5: ${id} is astray`
  for (const { id, key } of world.snapshots)
    if (id !== snapshotId && !isRunning(key) && !isAsked("discardSnapshot", { snapshotId: id })) return `I5: ${id} is astray`
  if (snapshotId !== null && !world.snapshots.some(({ id }) => id === snapshotId)) return `${snapshotId} is kept and is gone`
  if (turn !== null && world.session.armed.size === 0) return `G5: ${turn.promptId} is open, and nothing will end it`
  return null
}

const rests = (world: World): string | null => {
  const { session, sandboxes, snapshots, commands } = world
  if (!isIn(session.snapshot, "stopped")) return `it is ${JSON.stringify(session.snapshot.value)}`
  if (commands.length > 0) return `${commands[0]!.name} is not done`
  const alive = [...sandboxes.filter(({ state }) => state !== "gone"), ...snapshots].map(({ id }) => id)
  return alive.length > 0 ? `${alive.join(", ")} are left` : null
}

const names = /\b(sbx|snp|cap|key)_[0-9_]+|\bp[0-9]+\b/g

/** Names are given anew in the order in which they are met, and boots counted back from this one. */
const key = (world: World): string => {
  const { session, commands, sandboxes, snapshots, refused, left } = world
  const { boot, captures: _captures, reason: _reason, title: _title, ...rest } = session.context
  const isMeant = (sandbox: Sandbox) =>
    sandbox.state !== "gone" || commands.some(({ key, params }) => key === sandbox.key || params.sandboxId === sandbox.id)
  const since = (value: unknown) => (typeof value === "number" ? boot - value : value)
  const text = JSON.stringify(
    [
      session.snapshot.value,
      rest,
      [...session.armed.keys()],
      commands,
      sandboxes.filter((sandbox) => isMeant(sandbox) || sandbox.id === session.context.sandboxId),
      snapshots,
      refused.filter((one) => commands.some(({ key }) => key === one)),
      left
    ],
    (name, value) => (name === "boot" || name === "agent" ? since(value) : name === "text" ? undefined : value)
  )
  const known = new Map<string, string>()
  return text.replace(names, (name) => {
    const short = known.get(name) ?? `${name.slice(0, 3)}#${known.size}`
    known.set(name, short)
    return short
  })
}

export const sessionModel = (left: Bounds): Model<World> => ({
  first: {
    session: begin(),
    commands: [],
    sandboxes: [],
    snapshots: [],
    refused: [],
    steps: 0,
    made: 0,
    prompts: 0,
    left
  },
  key,
  moves,
  wrong,
  rests
})
