/** A session as people see it, from what is stored: nothing here wakes one. */
import type { SessionContext } from "../../machines/session/context.ts"
import type { View } from "../../runtime/router.ts"
import type { ModelUsage, SessionRow } from "../ports/directory.ts"
import type { CallView } from "./call-view.ts"

/** A session as it is stored, for a person. Its words are those of `SessionView` in adapters/gateway/protocol.ts. */
export interface SessionDetail {
  readonly id: string
  readonly title: string
  readonly status: string
  readonly state: unknown
  readonly rev: number
  readonly owner: string | null
  readonly configurationId: string
  readonly agent: string
  readonly model: string | null
  readonly turnId: string | null
  readonly questionId: string | null
  readonly queue: SessionContext["queue"]
  readonly reason: string | null
  readonly sandboxId: string | null
  readonly isolation: string
  readonly snapshotId: string | null
  readonly accepts: ReadonlyArray<string>
  readonly quarantine: { readonly reason: string; readonly atMs: number } | null
  readonly archived: boolean
  /** What it used of models through the relay. */
  readonly usage: ModelUsage
  /** Calls of its agent that wait for a person. */
  readonly calls: ReadonlyArray<CallView>
  readonly createdAtMs: number
  readonly updatedAtMs: number
}

export const detailOf = (
  row: SessionRow,
  { value, context, rev, status, accepts, quarantine, updatedAtMs }: View,
  isolation: string,
  usage: ModelUsage,
  calls: ReadonlyArray<CallView>
): SessionDetail => {
  const session = context as unknown as SessionContext
  return {
    id: row.id,
    title: session.title,
    status,
    state: value,
    rev,
    owner: session.owner,
    configurationId: session.configurationId,
    agent: session.agent.name,
    model: session.agent.model ?? null,
    turnId: session.turn?.promptId ?? null,
    questionId: session.questions[0] ?? null,
    queue: session.queue,
    reason: session.reason,
    sandboxId: session.sandboxId,
    isolation,
    snapshotId: session.snapshotId,
    accepts,
    quarantine: quarantine && { reason: quarantine.reason, atMs: quarantine.atMs },
    archived: session.archived === true,
    usage,
    calls,
    createdAtMs: row.createdAtMs,
    updatedAtMs
  }
}
