/** What looking after actors reads of a journal in memory, and its notes. Promises: runtime/oversight.ts. */
import { Clock, Effect, Layer } from "effect"
import type { Address } from "../../runtime/address.ts"
import { JournalError } from "../../runtime/journal.ts"
import { type FixNote, Oversight, type WaitingCommand } from "../../runtime/oversight.ts"
import type { CommandRow, JournalState } from "./journal-state.ts"

export type Notes = Array<FixNote & { readonly atMs: number }>

/** Asked before each call whether it is answered at all. */
export type IsOut = Effect.Effect<boolean>

const byId = (left: { readonly address: Address }, right: { readonly address: Address }): number =>
  left.address.id < right.address.id ? -1 : 1

export const memoryOversight = (
  { actors, commands }: JournalState,
  notes: Notes = [],
  isOut: IsOut = Effect.succeed(false)
): Oversight["Service"] => {
  const call = <A>(body: (nowMs: number) => A): Effect.Effect<A, JournalError> =>
    Effect.gen(function* () {
      if (yield* isOut) return yield* new JournalError({ reason: "unavailable", message: "the journal does not answer" })
      return body(yield* Clock.currentTimeMillis)
    })

  const isQuarantined = ({ kind, id }: Address) => actors.get(`${kind}/${id}`)?.quarantine != null
  const waitsSince = ({ dueMs, claimedUntilMs }: CommandRow) => Math.max(dueMs, claimedUntilMs)
  const waiting = ({ key, address, name, attempt, error }: CommandRow, forMs: number): WaitingCommand => ({
    key,
    address,
    name,
    attempt,
    error,
    forMs
  })

  return {
    standing: (after, limit) =>
      call(() =>
        [...actors.values()]
          .filter(({ stored, quarantine, address }) => stored.resident && quarantine === null && address.id > (after ?? ""))
          .sort(byId)
          .slice(0, limit)
          .map(({ address, stored: { rev } }) => ({ address, rev }))
      ),
    quarantined: (org, limit) =>
      call(() =>
        [...actors.values()]
          .sort(byId)
          .flatMap(({ address, stored: { rev }, quarantine }) =>
            quarantine === null || (org !== null && address.org !== org)
              ? []
              : [{ address, rev, quarantine: JSON.parse(quarantine) }]
          )
          .slice(0, limit)
      ),
    stuck: (lateMs, limit) =>
      call((nowMs) =>
        [...commands.values()]
          .filter((row) => !row.dead && waitsSince(row) <= nowMs - lateMs && !isQuarantined(row.address))
          .sort((left, right) => waitsSince(left) - waitsSince(right) || (left.key < right.key ? -1 : 1))
          .slice(0, limit)
          .map((row) => waiting(row, nowMs - waitsSince(row)))
      ),
    dead: (limit) =>
      call((nowMs) =>
        [...commands.values()]
          .filter(({ dead }) => dead)
          .sort((left, right) => right.deadAtMs - left.deadAtMs || (left.key < right.key ? -1 : 1))
          .slice(0, limit)
          .map((row) => waiting(row, nowMs - row.deadAtMs))
      ),
    commandsOf: ({ org, kind, id }) =>
      call(() =>
        [...commands.values()]
          .filter(({ address, dead }) => address.org === org && address.kind === kind && address.id === id && !dead)
          .map(({ key, name, params }) => ({ key, name, params: JSON.parse(params) }))
      ),
    exhume: (org, key) =>
      call((nowMs) => {
        const row = commands.get(key)
        if (row === undefined || !row.dead || row.address.org !== org) return false
        Object.assign(row, { dead: false, claimedUntilMs: 0, dueMs: nowMs })
        return true
      }),
    note: (fix) =>
      call((nowMs) => {
        if (!notes.some(({ org, id }) => org === fix.org && id === fix.id)) notes.push({ ...fix, atMs: nowMs })
      }),
    notes: (org, limit) =>
      call(() =>
        notes
          .filter((note) => note.org === org)
          .toReversed()
          .slice(0, limit)
      )
  }
}

export const layer = (state: JournalState, notes?: Notes): Layer.Layer<Oversight> =>
  Layer.succeed(Oversight, memoryOversight(state, notes))
