/**
 * Every configuration of a session that a narrow alphabet can reach, breadth first: two prompts, two questions, two sandboxes, two
 * snapshots, this boot and the one before. Two configurations that differ in names alone (which of the two sandboxes, which
 * boot) are one: the alphabet has the same to say to both. So the space is finite, and is walked to its end.
 */
import type { SessionEvent } from "../../machines/session/events.ts"
import type { Played } from "./played.ts"
import { begin, prompt, send } from "./session.ts"
import { exploreSpace } from "./space.ts"

const trouble = { reason: "unreachable", message: "no answer" }
const both = [true, false]

const requests: ReadonlyArray<SessionEvent> = [
  {
    type: "create",
    configurationId: "cfg_1",
    title: "a title",
    owner: null,
    attended: true,
    agent: { name: "scripted", permissions: "ask" }
  },
  { type: "start" },
  ...["p1", "p2"].flatMap((promptId): Array<SessionEvent> => [prompt(promptId), { type: "unqueue", promptId }]),
  { type: "interrupt" },
  ...["q1", "q2"].map((questionId): SessionEvent => ({ type: "answer", questionId, optionId: "yes" })),
  { type: "rename", title: "a title" },
  { type: "archive" },
  { type: "unarchive" },
  { type: "switch", model: "another" },
  { type: "pause", why: "manual" },
  { type: "capture" },
  { type: "resume" },
  { type: "stop" }
]

const factsOfBoot = (boot: number): ReadonlyArray<SessionEvent> => [
  ...["sbx_1", "sbx_2"].map((sandboxId): SessionEvent => ({ type: "sandbox.ready", boot, sandboxId, stateLost: false })),
  ...both.map((final): SessionEvent => ({ type: "sandbox.failed", boot, final, ...trouble })),
  { type: "workspace.ready", boot, sandboxId: "sbx_1" },
  ...both.map((final): SessionEvent => ({ type: "workspace.failed", boot, sandboxId: "sbx_1", final, ...trouble })),
  ...both.map(
    (remembers): SessionEvent => ({ type: "agent.ready", boot, sandboxId: "sbx_1", agentSession: "conversation", remembers })
  ),
  ...both.map((final): SessionEvent => ({ type: "agent.failed", boot, sandboxId: "sbx_1", final, ...trouble })),
  { type: "agent.exited", boot, sandboxId: "sbx_1", ...trouble }
]

const facts: ReadonlyArray<SessionEvent> = [
  ...["sbx_1", "sbx_2"].flatMap(
    (sandboxId): Array<SessionEvent> => [
      { type: "sandbox.stopped", sandboxId },
      { type: "sandbox.gone", sandboxId },
      { type: "sandbox.expiring", sandboxId },
      { type: "sandbox.destroyed", sandboxId },
      { type: "link.connected", sandboxId },
      { type: "link.lost", sandboxId, ...trouble }
    ]
  ),
  ...["p1", "p2"].flatMap(
    (turnId): Array<SessionEvent> => [
      { type: "turn.finished", turnId, stopReason: "end_turn" },
      { type: "turn.failed", turnId, ...trouble },
      ...["q1", "q2"].flatMap(
        (questionId): Array<SessionEvent> => [
          { type: "question.asked", turnId, questionId },
          { type: "question.closed", turnId, questionId }
        ]
      )
    ]
  ),
  { type: "record.rejected", name: "sandbox", key: "sbx_1", holder: "ses_2", event: null }
]

const factsOfCapture = (captureId: string): ReadonlyArray<SessionEvent> => [
  ...["snp_1", "snp_2"].map(
    (snapshotId): SessionEvent => ({ type: "snapshot.saved", captureId, snapshotId, provider: "local", sandboxStopped: true })
  ),
  { type: "snapshot.failed", captureId, ...trouble }
]

/** All that can come here: every request, every fact of here and of before, every armed deadline. */
export const alphabet = ({ context: { boot, captureId }, armed }: Played): ReadonlyArray<SessionEvent> => [
  ...requests,
  ...factsOfBoot(boot),
  ...factsOfBoot(boot - 1),
  ...facts,
  ...factsOfCapture(captureId ?? "cap_none"),
  ...factsOfCapture("cap_old"),
  ...armed.values()
]

const keyOf = ({ snapshot, context }: Played): string =>
  JSON.stringify([
    snapshot.value,
    context.attempts,
    context.recoveries,
    Math.min(context.captureFailures, 4),
    context.sandboxId !== null,
    context.snapshotId !== null,
    context.linkLost,
    context.wanted,
    context.captureAsked === true,
    context.archived,
    context.queue.length,
    context.questions.length
  ])

export const explore = (configurationsMax: number) => exploreSpace([begin()], { send, alphabet, key: keyOf }, configurationsMax)
