/** What looking after actors reads of a journal in memory, its notes, and pauses. Promises: runtime/oversight.ts. */
import { Clock, Effect, Layer } from "effect"
import type { Address } from "../../runtime/address.ts"
import { JournalError, type JournalRow } from "../../runtime/journal.ts"
import { type FixNote, type ListedCommand, Oversight, type WaitingCommand } from "../../runtime/oversight.ts"
import type { Pause } from "../../runtime/pauses.ts"
import { inTurns } from "./journal.ts"
import type { CommandRow, JournalState } from "./journal-state.ts"

export type Notes = Array<FixNote & { readonly atMs: number }>

/** The first of them all, where organisations take turns; in their order. */
const first = <A extends { readonly address: Address }>(
  rows: ReadonlyArray<A>,
  limit: number,
  inOrder: (left: A, right: A) => number
): ReadonlyArray<A> =>
  inTurns(rows.toSorted(inOrder), ({ address }) => address.org)
    .slice(0, limit)
    .sort(inOrder)

/** Asked before each call whether it is answered at all. */
export type IsOut = Effect.Effect<boolean>

const byId = (left: { readonly address: Address }, right: { readonly address: Address }): number =>
  left.address.id < right.address.id ? -1 : 1

export const memoryOversight = (
  { actors, commands, pauses }: JournalState,
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

  const longestWait = (left: CommandRow, right: CommandRow) =>
    waitsSince(left) - waitsSince(right) || (left.key < right.key ? -1 : 1)
  const newestDeath = (left: CommandRow, right: CommandRow) => right.deadAtMs - left.deadAtMs || (left.key < right.key ? -1 : 1)
  const placeOf = ({ key }: CommandRow) => key.split(":").slice(-2).map(Number) as [rev: number, index: number]
  const soonestDue = (left: CommandRow, right: CommandRow) => {
    const [[leftRev, leftIndex], [rightRev, rightIndex]] = [placeOf(left), placeOf(right)]
    return left.dueMs - right.dueMs || leftRev - rightRev || leftIndex - rightIndex || (left.key < right.key ? -1 : 1)
  }
  const listed = (row: CommandRow, nowMs: number): ListedCommand => {
    const { key, address, name, attempt, error, dead, deadAtMs, claimedUntilMs } = row
    const asked = actors.get(`${address.kind}/${address.id}`)?.journal[placeOf(row)[0] - 1]
    return {
      key,
      address,
      name,
      attempt,
      error,
      state: dead ? "dead" : claimedUntilMs > nowMs ? "running" : "waiting",
      isAside: isQuarantined(address),
      ageMs: asked === undefined ? null : nowMs - (JSON.parse(asked) as JournalRow).atMs,
      inMs: (dead ? deadAtMs : waitsSince(row)) - nowMs
    }
  }

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
        [...actors.values()].flatMap(({ address, stored: { rev }, quarantine }) =>
          quarantine === null || (org !== null && address.org !== org)
            ? []
            : [{ address, rev, quarantine: JSON.parse(quarantine) }]
        )
      ).pipe(Effect.map((rows) => first(rows, limit, byId))),
    stuck: (lateMs, limit) =>
      call((nowMs) => {
        const late = [...commands.values()].filter(
          (row) => !row.dead && waitsSince(row) <= nowMs - lateMs && !isQuarantined(row.address)
        )
        return first(late, limit, longestWait).map((row) => waiting(row, nowMs - waitsSince(row)))
      }),
    dead: (limit) =>
      call((nowMs) => {
        const dead = [...commands.values()].filter((row) => row.dead)
        return first(dead, limit, newestDeath).map((row) => waiting(row, nowMs - row.deadAtMs))
      }),
    commandsOf: ({ org, kind, id }) =>
      call(() =>
        [...commands.values()]
          .filter(({ address, dead }) => address.org === org && address.kind === kind && address.id === id && !dead)
          .map(({ key, name, params }) => ({ key, name, params: JSON.parse(params) }))
      ),
    commands: (org, which, limit) =>
      call((nowMs) =>
        [...commands.values()]
          .filter(({ address, dead }) => address.org === org && dead === (which === "dead"))
          .sort(which === "dead" ? newestDeath : soonestDue)
          .slice(0, limit)
          .map((row) => listed(row, nowMs))
      ),
    buried: (org, { name, actor, error }, limit) =>
      call(() =>
        [...commands.values()]
          .filter((row) => row.dead && row.address.org === org)
          .filter((row) => name === undefined || row.name === name)
          .filter(({ address }) => actor === undefined || address.id === actor)
          .filter((row) => error === undefined || row.error?.includes(error) === true)
          .sort(newestDeath)
          .slice(0, limit)
          .map(({ key }) => key)
      ),
    exhume: (org, keys) =>
      call((nowMs) =>
        keys.toSorted().filter((key) => {
          const row = commands.get(key)
          if (row === undefined || !row.dead || row.address.org !== org || row.claimedUntilMs > nowMs) return false
          Object.assign(row, { dead: false, claimedUntilMs: 0, dueMs: nowMs })
          return true
        })
      ),
    seize: (org, key, claimMs) =>
      call((nowMs) => {
        const row = commands.get(key)
        if (row === undefined || row.address.org !== org) return null
        if (row.claimedUntilMs > nowMs) return "running"
        Object.assign(row, { attempt: row.attempt + 1, claimedUntilMs: nowMs + claimMs })
        const { address, name, params, attempt } = row
        return { key, address, name, params: JSON.parse(params), attempt, claim: String(attempt) }
      }),
    pause: ({ lastsMs, ...said }) =>
      call((nowMs) => {
        const pause: Pause = { ...said, atMs: nowMs, untilMs: nowMs + lastsMs }
        pauses.set(`${said.org}/${said.kind}`, pause)
        return pause
      }),
    resume: (org, kind) =>
      call((nowMs) => {
        const pause = pauses.get(`${org}/${kind}`)
        pauses.delete(`${org}/${kind}`)
        return pause !== undefined && pause.untilMs > nowMs
      }),
    pauses: (org) =>
      call((nowMs) =>
        [...pauses.entries()]
          .sort(([left], [right]) => (left < right ? -1 : 1))
          .flatMap(([, pause]) => (pause.untilMs > nowMs && (org === null || pause.org === org) ? [pause] : []))
      ),
    note: (fix) =>
      call((nowMs) => {
        if (!notes.some(({ org, id }) => org === fix.org && id === fix.id)) notes.push({ ...fix, atMs: nowMs })
      }),
    notes: (org, limit, { withinMs = Number.POSITIVE_INFINITY, by } = {}) =>
      call((nowMs) =>
        notes
          .filter((note) => note.org === org && note.atMs >= nowMs - withinMs && (by === undefined || note.by === by))
          .toReversed()
          .slice(0, limit)
      )
  }
}

export const layer = (state: JournalState, notes?: Notes): Layer.Layer<Oversight> =>
  Layer.succeed(Oversight, memoryOversight(state, notes))
