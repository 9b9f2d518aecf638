/** What belongs to calls in memory, over the rows of a journal in memory; promises: actors/ports/calls.ts. */
import { Clock, Effect, Layer } from "effect"
import { type CallRow, Calls } from "../../actors/ports/calls.ts"
import { nameOf } from "../../runtime/address.ts"
import { emptyJournal, type JournalState, type ProjectedRow } from "./journal-state.ts"

export const memoryCalls = ({ actors, projections }: JournalState): Calls["Service"] => {
  const sealed = new Map<string, { readonly bytes: Uint8Array; readonly atMs: number }>()
  const dispatches = new Map<string, number>()

  const rowOf = ({ address, createdAtMs }: ProjectedRow): CallRow => {
    const { stored } = actors.get(nameOf(address))!
    const { rev, status, updatedAtMs } = stored
    return {
      id: address.id,
      sessionId: address.home,
      rev,
      status,
      context: JSON.parse(stored.snapshot).context,
      createdAtMs,
      updatedAtMs
    }
  }

  return {
    list: (org, { limit, sessionId, statuses, before, sinceMs }) =>
      Effect.sync(() =>
        [...projections.values()]
          .filter(({ address }) => address.kind === "approval" && address.org === org)
          .filter(({ address }) => sessionId === undefined || address.home === sessionId)
          .filter(({ status }) => statuses === undefined || statuses.includes(status))
          .filter(({ address }) => before === undefined || address.id < before)
          .filter(({ createdAtMs }) => sinceMs === undefined || createdAtMs >= sinceMs)
          .sort((a, b) => (a.address.id < b.address.id ? 1 : -1))
          .slice(0, limit)
          .map(rowOf)
      ),
    sessionOf: (org, id) =>
      Effect.sync(() => {
        const address = actors.get(nameOf({ kind: "approval", id }))?.address
        return address?.org === org ? address.home : null
      }),

    seal: Effect.fnUntraced(function* (org, id, bytes) {
      const key = `${org}/${id}`
      if (!sealed.has(key)) sealed.set(key, { bytes, atMs: yield* Clock.currentTimeMillis })
    }),
    sealed: (org, id) => Effect.sync(() => sealed.get(`${org}/${id}`)?.bytes ?? null),
    wipe: (org, id) => Effect.sync(() => void sealed.delete(`${org}/${id}`)),
    sweep: Effect.fnUntraced(function* (olderMs) {
      const beforeMs = (yield* Clock.currentTimeMillis) - olderMs
      const orphans = [...sealed].filter(
        ([key, { atMs }]) => atMs < beforeMs && !actors.has(nameOf({ kind: "approval", id: key.split("/")[1]! }))
      )
      for (const [key] of orphans) sealed.delete(key)
      return orphans.length
    }),

    dispatch: Effect.fnUntraced(function* (org, key) {
      const name = `${org}/${key}`
      if (dispatches.has(name)) return false
      dispatches.set(name, yield* Clock.currentTimeMillis)
      return true
    }),
    dispatchedAtMs: (org, key) => Effect.sync(() => dispatches.get(`${org}/${key}`) ?? null)
  }
}

export const layer = (state: JournalState = emptyJournal()): Layer.Layer<Calls> =>
  Layer.sync(Calls, () => Calls.of(memoryCalls(state)))
