/**
 * S1 to S7 of machines/session.ts, held against one step: where it came from, what came, where it went. Each is local to a step,
 * so that what holds from the first step on holds in every history.
 */
import assert from "node:assert"
import type { AnyMachineSnapshot } from "xstate"
import type { SessionContext } from "../../machines/session/context.ts"
import type { SessionEvent } from "../../machines/session/events.ts"
import { persist } from "../../runtime/step.ts"
import type { Played } from "./played.ts"

export const isIn = (snapshot: AnyMachineSnapshot, ...states: ReadonlyArray<string>): boolean =>
  snapshot._nodes.some(({ path }) => states.includes(path.join(".")) || states.includes(path.at(-1) ?? ""))

const equal = (actual: unknown, expected: unknown, message: string) =>
  actual === expected || assert.deepStrictEqual(actual, expected, message)

const withoutSandbox = ["pending", "booting", "provisioning.waiting", "restoring.waiting", "paused", "stopped"]

const holdsSandbox = ({ snapshot, context: { sandboxId, snapshotId } }: Played) => {
  if (!isIn(snapshot, "failed", "stopping"))
    equal(sandboxId === null, isIn(snapshot, ...withoutSandbox), `S1: sandbox ${sandboxId}`)
  if (isIn(snapshot, "paused", "restoring")) assert(snapshotId !== null, "S1: a snapshot")
}

const holdsTurn = ({ snapshot, context: { turn, questions, captureId } }: Played) => {
  equal(turn !== null, isIn(snapshot, "busy", "interrupting", "finishing", "settling"), "S2: a turn")
  equal(questions.length > 0, isIn(snapshot, "awaitingApproval"), "S2: a question")
  equal(captureId !== null, isIn(snapshot, "capturing"), "S2: a capture")
  equal(isIn(snapshot, "reconnecting"), isIn(snapshot, "running") && snapshot.context.linkLost, "S2: the link")
}

/** What is armed is what the active states wait with, no more and no less. */
const holdsDeadlines = ({ snapshot, armed }: Played) => {
  const waiting = snapshot._nodes.flatMap((node) => node.after.map(({ eventType }) => eventType))
  equal([...armed.keys()].sort(), waiting.sort(), "S3: armed deadlines")
  equal(armed.size === 0, snapshot.hasTag("final"), "S3: only what is final waits without a deadline")
}

const ofOneSandbox = new Set([
  "sandbox.stopped",
  "sandbox.gone",
  "sandbox.expiring",
  "sandbox.destroyed",
  "link.lost",
  "link.connected"
])

const isStale = (event: SessionEvent, { boot, turn, questions, captureId, sandboxId }: SessionContext) =>
  ("boot" in event && event.boot !== boot) ||
  ("turnId" in event && event.turnId !== turn?.promptId) ||
  (event.type === "question.closed" && !questions.includes(event.questionId)) ||
  ("captureId" in event && event.captureId !== captureId) ||
  (ofOneSandbox.has(event.type) && "sandboxId" in event && event.sandboxId !== sandboxId)

const ignoresStale = (before: Played, event: SessionEvent, after: Played) => {
  if (after.last.taken.length === 0 || !isStale(event, before.context)) return
  equal(persist(after.snapshot), persist(before.snapshot), "S4: a stale fact changes nothing")
  equal([after.last.timers.size, after.last.records.length, after.last.notices.length], [0, 0, 0], "S4: nor asks, nor tells")
  for (const { name } of after.last.commands)
    assert(name === "destroySandbox" || name === "discardSnapshot", `S4: ${name} for a stale fact`)
}

const leavesNothingAstray = (before: Played, event: SessionEvent, after: Played) => {
  const { commands, records } = after.last
  const has = (name: string, params: Record<string, unknown>) =>
    commands.some((command) => command.name === name && JSON.stringify(command.params) === JSON.stringify(params))
  const [had, has_] = [before.context.sandboxId, after.context.sandboxId]
  const claims = [
    ...(had !== null && had !== has_ ? [{ type: "release", name: "sandbox", key: had }] : []),
    ...(has_ !== null && had !== has_ ? [{ type: "claim", name: "sandbox", key: has_ }] : [])
  ]
  equal(records, claims, "S5: a sandbox is claimed while it is ours, and not longer")
  if (had !== null && had !== has_ && !isIn(before.snapshot, "stopping"))
    assert(has("destroySandbox", { sandboxId: had }), `S5: ${had} is let go and lives on`)
  if (event.type === "sandbox.ready" && event.sandboxId !== has_)
    assert(has("destroySandbox", { sandboxId: event.sandboxId }), `S5: ${event.sandboxId} is heard of and lives on`)
  if (has_ !== null && !isIn(after.snapshot, "stopping"))
    assert(!has("destroySandbox", { sandboxId: has_ }), `S5: ${has_} is ours and to be destroyed`)

  const [kept, keeps] = [before.context.snapshotId, after.context.snapshotId]
  if (kept !== null && kept !== keeps) assert(has("discardSnapshot", { snapshotId: kept }), `S5: ${kept} is replaced and stays`)
  if (event.type === "snapshot.saved" && event.snapshotId !== keeps)
    assert(has("discardSnapshot", { snapshotId: event.snapshotId }), `S5: ${event.snapshotId} is heard of and stays`)
  if (keeps !== null) assert(!has("discardSnapshot", { snapshotId: keeps }), `S5: ${keeps} is ours and to be discarded`)
}

const promptsOf = ({ context: { turn, queue } }: Played) =>
  [...(turn === null ? [] : [turn]), ...queue].map(({ promptId }) => promptId)

const keepsPrompts = (before: Played, event: SessionEvent, after: Played) => {
  const [had, has] = [promptsOf(before), promptsOf(after)]
  equal(new Set(has).size, has.length, "S6: a prompt is there twice")
  const accepted = event.type === "prompt" && after.last.taken.length > 0 ? [event.promptId] : []
  const ended = after.last.notices.filter(({ kind }) => kind === "turn.ended").map(({ body }) => body)
  for (const { turnId, stopReason } of ended) assert(stopReason, `S6: ${turnId} ended without a reason`)
  const accounted = [...has, ...ended.map(({ turnId }) => turnId as string)]
  equal(accounted.sort(), [...had, ...accepted].sort(), "S6: every accepted prompt waits, is the turn, or has ended once")

  const waiting = ({ context }: Played) => context.queue.map(({ promptId }) => promptId)
  const toldQueue = after.last.notices.findLast(({ kind }) => kind === "queue")?.body["promptIds"]
  equal(toldQueue ?? waiting(before), waiting(after), "S6: whoever watches is told the queue when it changes")

  const { turn } = after.context
  const opened = turn !== null && turn.promptId !== before.context.turn?.promptId ? [turn.promptId] : []
  const started = after.last.commands.filter(({ name }) => name === "startTurn").map(({ params }: any) => params.turnId)
  equal(started, opened, "S6: a turn is started when it opens, once")
}

const holdsArchive = ({ snapshot, context: { archived } }: Played) => {
  if (archived) assert(isIn(snapshot, "failed", "stopping", "stopped"), "S7: it is archived and goes on")
}

export const keepsInvariants = (before: Played, event: SessionEvent, after: Played): void => {
  try {
    if (after.last.taken.length === 0) {
      equal(after.snapshot.context, before.snapshot.context, "what is not taken changes nothing")
      equal(after.snapshot.value, before.snapshot.value, "what is not taken changes nothing")
    } else {
      holdsSandbox(after)
      holdsTurn(after)
      holdsDeadlines(after)
      holdsArchive(after)
    }
    ignoresStale(before, event, after)
    leavesNothingAstray(before, event, after)
    keepsPrompts(before, event, after)
  } catch (failure) {
    const step = `${JSON.stringify(before.snapshot.value)} -${JSON.stringify(event)}-> ${JSON.stringify(after.snapshot.value)}`
    throw new Error(`${(failure as Error).message}\n  ${step}\n  before ${JSON.stringify(before.context)}`, { cause: failure })
  }
}
