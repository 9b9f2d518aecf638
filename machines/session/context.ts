/** What a session remembers, and what it may ask of the world. */
import { command } from "../command.ts"
import type { AgentChoice, SessionEvent } from "./events.ts"

export interface Attachment {
  readonly id: string
  readonly name: string
  readonly type: string
  readonly bytes: number
}

/** Its id becomes the id of its turn. */
export interface Prompt {
  readonly promptId: string
  readonly text: string
  readonly by: string | null
  readonly attachments?: ReadonlyArray<Attachment>
}

export interface SessionContext {
  readonly configurationId: string
  /** Empty until the first prompt, or a person, gives it one. */
  readonly title: string
  readonly owner: string | null
  readonly attended: boolean
  readonly agent: AgentChoice
  /** Counts every try to get an agent running: a sandbox provisioned, restored or revived. The facts of a try carry it. */
  readonly boot: number
  /** Tries since the session last ran that lost their sandbox. */
  readonly attempts: number
  /** Recoveries since a turn last finished. */
  readonly recoveries: number
  readonly sandboxId: string | null
  readonly snapshotId: string | null
  /** Who made that snapshot. Not there in what was stored before there were two providers: then it is the one of now. */
  readonly provider?: string | null
  readonly captureId: string | null
  readonly captures: number
  /** Captures that failed since one succeeded. */
  readonly captureFailures: number
  /** The agent's own name for its conversation, loaded again after a restart. */
  readonly agentSession: string | null
  /** As last told by the link of this boot. */
  readonly linkLost: boolean
  readonly turn: Prompt | null
  /** Open questions of the agent, oldest first. */
  readonly questions: ReadonlyArray<string>
  readonly queue: ReadonlyArray<Prompt>
  /** Someone prompted or resumed it while it was pausing: it does not stay paused. */
  readonly wanted: boolean
  /** A snapshot was asked for while it runs, for when no turn is open. Not there in what was stored before that could be asked. */
  readonly captureAsked?: boolean
  /** Kept out of lists. Not there in what was stored before there were archives. */
  readonly archived?: boolean
  /** Why it is pausing, paused, failed, stopping or stopped; or what went wrong in the boot before this one. */
  readonly reason: string | null
}

export const contextOf = ({
  configurationId,
  title,
  owner,
  attended,
  agent
}: Extract<SessionEvent, { type: "create" }>): SessionContext => ({
  configurationId,
  title,
  owner,
  attended,
  agent,
  boot: 0,
  attempts: 0,
  recoveries: 0,
  sandboxId: null,
  snapshotId: null,
  provider: null,
  captureId: null,
  captures: 0,
  captureFailures: 0,
  agentSession: null,
  linkLost: false,
  turn: null,
  questions: [],
  queue: [],
  wanted: false,
  archived: false,
  reason: null
})

export const commands = {
  provisionSandbox: command<{ boot: number; snapshotId: string | null; provider: string | null; configurationId: string }>(),
  reviveSandbox: command<{ boot: number; sandboxId: string }>(),
  prepareWorkspace: command<{ boot: number; sandboxId: string; configurationId: string; restored: boolean }>(),
  startAgent: command<{ boot: number; sandboxId: string; agent: AgentChoice; agentSession: string | null }>(),
  startTurn: command<{
    boot: number
    sandboxId: string
    turnId: string
    text: string
    model?: string | null
    attachments?: ReadonlyArray<Attachment>
  }>(),
  cancelTurn: command<{ sandboxId: string; turnId: string }>(),
  /** `optionId` null: cancelled, nobody answered. */
  answerQuestion: command<{ sandboxId: string; questionId: string; optionId: string | null }>(),
  /** `boot`: the newest whose agent it may end. */
  captureSnapshot: command<{ boot: number; sandboxId: string; captureId: string }>(),
  destroySandbox: command<{ sandboxId: string }>(),
  discardSnapshot: command<{ snapshotId: string }>(),
  /** Tells every open action call of the session that it has ended, and ends the grants that were lent to it alone. */
  endApprovals: command<Record<never, never>>()
}
export type SessionCommands = typeof commands
