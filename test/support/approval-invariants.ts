/** A1 to A9 of machines/approval.ts, held against one step: where it came from, what came, where it went. */
import assert from "node:assert"
import type { ApprovalContext } from "../../machines/approval/context.ts"
import type { ApprovalEvent } from "../../machines/approval/events.ts"
import { statusOf } from "../../machines/approval.ts"
import { persist } from "../../runtime/step.ts"
import type { Played as PlayedOf } from "./played.ts"

export type Played = PlayedOf<ApprovalContext, ApprovalEvent>

const settled = ["completed", "failed", "denied", "expired", "revoked"]
const isSettled = (status: string) => settled.includes(status)
const equal = (actual: unknown, expected: unknown, message: string) => assert.deepStrictEqual(actual, expected, message)

const asked = ({ last }: Played, name: string) =>
  last.commands.filter((command) => command.name === name).map(({ params }) => params as any)
const recorded = ({ last }: Played) => last.records.map((record) => record.type)

const dispatches = (before: Played, event: ApprovalEvent, after: Played) => {
  const [from, to] = [statusOf(before.snapshot), statusOf(after.snapshot)]
  const executed = asked(after, "execute").map(({ attempt }) => attempt)
  const isDispatched = from === "approved" && to === "executing"
  equal(executed, isDispatched ? [after.context.attempt] : [], "A1: it is dispatched from approved to executing, once")
  if (isDispatched) equal(event.type, "cleared", "A1: what dispatches it is that it was cleared")
  const tries = after.context.attempt - before.context.attempt
  equal(asked(after, "clear").length, tries, "A1: an attempt is counted when it is to be cleared")
  if (after.context.attempt > 1 && tries > 0) equal(event.type, "readback.absent", "A1: another attempt follows a proven absence")

  if (!isDispatched) return
  const { risk, decidedBy, by, grantId } = after.context
  assert(decidedBy !== null, "I2: it is dispatched and nobody decided")
  if (risk === "danger") equal([decidedBy, by !== null, grantId], ["person", true, null], "A2: dangerous, and dispatched")
}

const decides = (before: Played, _: ApprovalEvent, after: Played) => {
  const [from, to] = [statusOf(before.snapshot), statusOf(after.snapshot)]
  if (isSettled(from)) equal(to, from, "A3: it settles once")
  if (before.context.decidedBy !== null) {
    const decision = ({ context: { decidedBy, by, grantId } }: Played) => [decidedBy, by, grantId]
    equal(decision(after), decision(before), "A3: it is decided once")
  }
  if (after.context.risk === "danger" && to === "approved") equal(after.context.decidedBy, "person", "A2: approved by a person")
  equal(after.context.argumentsHash, before.context.argumentsHash, "A4: its arguments are those of its creation")
  for (const { name, params } of after.last.commands)
    if (name !== "wipe" && name !== "tellSession")
      equal((params as any).argumentsHash, before.context.argumentsHash, `A4: ${name} is for other arguments`)
}

/** It has not been dispatched, or what was dispatched is proven to have had no effect. */
const isWithoutEffect = (from: string, event: ApprovalEvent): boolean =>
  from === "requested" || from === "pending" || from === "approved"
    ? event.type !== "call.completed"
    : event.type === "readback.absent" || (event.type === "call.failed" && !event.sent)

const takes = (before: Played, event: ApprovalEvent, after: Played) => {
  const [from, to] = [statusOf(before.snapshot), statusOf(after.snapshot)]
  const { grantId } = after.context
  const settles = isSettled(to) && !isSettled(from)
  const expected = [
    ...(from === "pending" && to !== "pending" ? ["vacate"] : []),
    ...(from !== "pending" && to === "pending" ? ["occupy"] : []),
    ...(event.type === "approve" && event.grant !== undefined && to === "approved" ? ["lend"] : []),
    ...(grantId !== before.context.grantId ? ["reserve"] : []),
    ...(grantId !== null && to === "executing" && from !== to ? ["ensure"] : []),
    ...(grantId !== null && settles && isWithoutEffect(from, event) ? ["refund"] : [])
  ]
  equal(recorded(after).sort(), expected.sort(), "A5, A6: what it takes and gives back")
  for (const record of after.last.records)
    if ("budgetId" in record) equal(record.budgetId, grantId, "A6: it takes of the grant that it runs under")

  equal(asked(after, "wipe").length, settles ? 1 : 0, "A9: its arguments are wiped when it settles")
}

const waits = ({ snapshot, armed }: Played) => {
  const waiting = snapshot._nodes.flatMap((node) => node.after.map(({ eventType }) => eventType))
  equal([...armed.keys()].sort(), waiting.sort(), "A7: armed deadlines")
  equal(armed.size === 0, snapshot.hasTag("final"), "A7: only what is final waits without a deadline")
}

const ignoresStale = (before: Played, event: ApprovalEvent, after: Played) => {
  const { weighing, attempt } = before.context
  const isStale =
    ("weighing" in event && event.weighing !== weighing) ||
    ("attempt" in event && event.attempt !== attempt && !(event.type === "call.completed" && event.attempt < attempt))
  if (isStale) equal(after.last.taken, [], "A8: a fact of another weighing or attempt changes nothing")
}

export const keepsInvariants = (before: Played, event: ApprovalEvent, after: Played): void => {
  try {
    ignoresStale(before, event, after)
    if (after.last.taken.length === 0) {
      equal(persist(after.snapshot), persist(before.snapshot), "what is not taken changes nothing")
      return
    }
    dispatches(before, event, after)
    decides(before, event, after)
    takes(before, event, after)
    waits(after)
  } catch (failure) {
    const step = `${JSON.stringify(before.snapshot.value)} -${JSON.stringify(event)}-> ${JSON.stringify(after.snapshot.value)}`
    throw new Error(`${(failure as Error).message}\n  ${step}\n  before ${JSON.stringify(before.context)}`, { cause: failure })
  }
}
