/** Notices and the people of the chat in memory, over the rows of a journal in memory; promises: actors/ports/notices.ts. */
import { Clock, Effect, Layer } from "effect"
import { ConnectionRecords } from "../../actors/ports/connections.ts"
import { type ChatPerson, channelSetting, chatIntegration, type Notice, Notices } from "../../actors/ports/notices.ts"
import type { JournalState } from "./journal-state.ts"

interface Row {
  notice: Notice
  /** How its call stood when somebody looked last. */
  status: string
}

export const memoryNotices = (
  { projections }: JournalState,
  connections: Pick<ConnectionRecords["Service"], "live">
): Notices["Service"] => {
  const rows = new Map<string, Row>()
  const people = new Map<string, ChatPerson>()
  const keyOf = (org: string, id: string) => `${org}/${id}`

  const change = ({ org, approvalId, dueAtMs }: Notice, changes: Partial<Notice>) =>
    Effect.sync(() => {
      const row = rows.get(keyOf(org, approvalId))
      if (row !== undefined && row.notice.dueAtMs === dueAtMs) row.notice = { ...row.notice, ...changes }
    })

  /** What a trigger of a database does at each commit. */
  const notice = Effect.gen(function* () {
    const nowMs = yield* Clock.currentTimeMillis
    for (const { address, status } of projections.values()) {
      if (address.kind !== "approval") continue
      const key = keyOf(address.org, address.id)
      const row = rows.get(key)
      if (row !== undefined) {
        if (row.status === "pending" && status !== "pending" && row.notice.ts !== null)
          row.notice = { ...row.notice, dueAtMs: nowMs, tries: 0 }
        row.status = status
        continue
      }
      if (status !== "pending") continue
      const channel = (yield* connections.live(address.org, chatIntegration))?.connection.settings[channelSetting]
      if (channel === undefined) continue
      const { org, id: approvalId } = address
      rows.set(key, { notice: { org, approvalId, channel, ts: null, tries: 0, dueAtMs: nowMs, createdAtMs: nowMs }, status })
    }
  })

  return {
    claim: Effect.fnUntraced(function* (limit, forMs, without) {
      yield* notice
      const nowMs = yield* Clock.currentTimeMillis
      const due = [...rows.values()].filter(
        ({ notice: { org, dueAtMs } }) => dueAtMs !== null && dueAtMs <= nowMs && !without.includes(org)
      )
      return due.slice(0, limit).map((row) => {
        row.notice = { ...row.notice, dueAtMs: nowMs + forMs, tries: row.notice.tries + 1 }
        return row.notice
      })
    }),
    shown: Effect.fnUntraced(function* ({ org, approvalId }, ts) {
      const row = rows.get(keyOf(org, approvalId))
      if (row !== undefined) row.notice = { ...row.notice, ts, tries: 0, dueAtMs: yield* Clock.currentTimeMillis }
    }),
    rest: (claimed) => Effect.andThen(notice, change(claimed, { dueAtMs: null, tries: 0 })),
    again: Effect.fnUntraced(function* (claimed, inMs) {
      yield* change(claimed, { dueAtMs: (yield* Clock.currentTimeMillis) + inMs })
    }),
    find: (org, approvalId) => Effect.sync(() => rows.get(keyOf(org, approvalId))?.notice ?? null),
    sweep: Effect.fnUntraced(function* (olderMs) {
      const beforeMs = (yield* Clock.currentTimeMillis) - olderMs
      const old = [...rows].filter(([, { notice }]) => notice.dueAtMs === null && notice.createdAtMs < beforeMs)
      for (const [key] of old) rows.delete(key)
      return old.length
    }),

    link: Effect.fnUntraced(function* (person) {
      const createdAtMs = yield* Clock.currentTimeMillis
      people.set(`${person.org}/${person.team}/${person.chatUser}`, { ...person, createdAtMs })
    }),
    person: (org, team, chatUser) => Effect.sync(() => people.get(`${org}/${team}/${chatUser}`)?.userId ?? null),
    people: (org) => Effect.sync(() => [...people.values()].filter((person) => person.org === org)),
    unlink: (org, team, chatUser) => Effect.sync(() => people.delete(`${org}/${team}/${chatUser}`))
  }
}

export const layer = (state: JournalState): Layer.Layer<Notices, never, ConnectionRecords> =>
  Layer.effect(
    Notices,
    Effect.map(ConnectionRecords, (connections) => Notices.of(memoryNotices(state, connections)))
  )
