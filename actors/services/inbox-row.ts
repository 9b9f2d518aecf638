/** A call in a list of many sessions' calls, where its session is called by its title. */
import { Effect } from "effect"
import type { Directory } from "../ports/directory.ts"
import type { CallView } from "./call-view.ts"

export interface InboxRow extends CallView {
  readonly sessionTitle: string
}

/** What waits for a person. */
export const waitingStatuses = ["pending", "outcomeUnknown"] as const

export const titled = Effect.fnUntraced(function* (directory: Directory["Service"], org: string, views: ReadonlyArray<CallView>) {
  const ids = [...new Set(views.map(({ sessionId }) => sessionId))]
  const sessions = yield* Effect.forEach(ids, (id) => directory.session(org, id), { concurrency: 16 })
  const titles = new Map(sessions.flatMap((session) => (session === null ? [] : [[session.id, session.title] as const])))
  return views.map((view): InboxRow => ({ ...view, sessionTitle: titles.get(view.sessionId) ?? "" }))
})
