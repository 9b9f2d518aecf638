/**
 * A session with all that it talks to, as one world: its machine, the commands that are committed and not done, the provider's
 * sandboxes and snapshots, the daemon in each, and what the daemon has still to tell. A host may die at any moment; since all else
 * is durable, what that does is that a command's work is done and its fact is not told, and the command runs again.
 *
 * Bounded by what people wish, what goes wrong, and how often a deadline passes although something else was about to happen. A
 * deadline that passes when nothing else moves costs nothing: so every world can come to its end.
 */
import type { SessionEvent } from "../../machines/session/events.ts"
import { begin, prompt } from "../support/session.ts"
import { isIn } from "../support/session-invariants.ts"
import type { Model, Move } from "./checker.ts"
import { runs } from "./hands.ts"
import {
  agentEnds,
  type Bounds,
  change,
  context,
  dies,
  finished,
  type Sandbox,
  spend,
  told,
  trouble,
  type World
} from "./world.ts"

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
    { type: "capture" },
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
