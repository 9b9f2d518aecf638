/**
 * Sends sql/commit.sql: a batch of transitions in one statement and one round trip. Two transitions of a batch that name the same
 * claim, budget or room go in two statements of one transaction, in their order, so that the later one sees what the earlier did.
 */
import assert from "node:assert"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import type postgres from "postgres"
import { sessionWords } from "../../actors/ports/directory.ts"
import { nameOf } from "../../runtime/address.ts"
import {
  type Projection,
  type RecordWrite,
  revOf,
  type Step,
  stepsOf,
  type Transition,
  type Verdict
} from "../../runtime/journal.ts"

const statement = readFileSync(join(import.meta.dirname, "../../sql/commit.sql"), "utf8")

interface VerdictRow {
  readonly n: number
  readonly at: number
  readonly won: boolean
  readonly repeated: number | null
  readonly held: { readonly name: string; readonly key: string; readonly holder: string } | null
  readonly rev: number | null
  readonly epoch: number | null
}

type ClaimWrite = Extract<RecordWrite, { readonly type: "claim" | "release" }>
type PlaceWrite = Exclude<RecordWrite, ClaimWrite | { readonly type: "project" }>

const noClaims: ReadonlyArray<ClaimWrite> = []

const recordsOf = (transition: Transition): ReadonlyArray<RecordWrite> =>
  stepsOf(transition).flatMap(([, { records }]) => records)

const claimWrites = (transition: Transition): ReadonlyArray<ClaimWrite> => {
  const writes = recordsOf(transition).filter((record) => record.type === "claim" || record.type === "release")
  if (writes.length === 0) return noClaims
  // Of a key that a step both claims and gives back, the last word counts.
  return [...new Map(writes.map((record) => [JSON.stringify([record.name, record.key]), record])).values()]
}

const placeWrites = (transition: Transition): ReadonlyArray<PlaceWrite> =>
  recordsOf(transition).filter((record) => record.type !== "project" && record.type !== "claim" && record.type !== "release")

/** As `proliferate.apply_records` takes it apart. */
const placeOf = (record: PlaceWrite): ReadonlyArray<unknown> => {
  switch (record.type) {
    case "lend":
      return [record.type, record.budget.id, record.budget.usesMax, Math.ceil(record.budget.lastsMs), record.budget.about]
    case "occupy":
      return [record.type, record.room, record.max]
    case "vacate":
      return [record.type, record.room]
    default:
      return [record.type, record.budgetId]
  }
}

/** What no other transition of the same statement may name. */
const namesOf = (transition: Transition): ReadonlyArray<string> => [
  ...claimWrites(transition).map(({ name, key }) => JSON.stringify([transition.address.org, name, key])),
  ...placeWrites(transition).map((record) =>
    JSON.stringify([transition.address.org, "room" in record ? "room" : "budget", placeOf(record)[1]])
  )
]

type Steps = ReturnType<typeof stepsOf>

const nextEpoch = ({ epoch, takesEpoch }: Transition): number => epoch + (takesEpoch ? 1 : 0)

/** What few transitions have, and what costs the statement nothing where it is missing. */
const more = (transition: Transition, steps: Steps, claims: ReadonlyArray<ClaimWrite>): ReadonlyArray<unknown> => {
  if (steps.length === 1 && transition.commands.length === 0 && transition.records.length === 0) return []
  const keysOf = (type: ClaimWrite["type"]) =>
    claims.flatMap((record) => (record.type === type ? [[record.name, record.key]] : []))
  const places = placeWrites(transition)
  const project = steps
    .flatMap(([rev, { records }]) => records.flatMap((record) => (record.type === "project" ? [[record.row, rev] as const] : [])))
    .at(-1)
  return [
    {
      commands: steps.flatMap(([rev, { commands }]) => commands.map(({ name, params }, index) => [rev, index, name, params])),
      claims: keysOf("claim"),
      releases: keysOf("release"),
      ...(places.length > 0 && { records: places.map(placeOf) }),
      ...(project && { project: rowOf(...project, transition.address.id) }),
      ...(steps.length > 1 && {
        earlier: steps.slice(0, -1).map(([rev, step]) => [rev, ...journalRowOf(step)]),
        completes: steps.flatMap(([, { completes }]) => (completes === null ? [] : [[completes.key, completes.claim]]))
      })
    }
  ]
}

const rowOf = ({ title, status, owner, configurationId, archived }: Projection, rev: number, id: string) => [
  title,
  status,
  owner,
  configurationId,
  archived,
  sessionWords({ id, title }).join(" "),
  rev
]

const journalRowOf = ({ messageId, event, taken, commands, notices, by, cause }: Step): ReadonlyArray<unknown> => [
  messageId,
  event,
  taken,
  commands.map(({ name }) => name),
  notices,
  by,
  cause
]

/** In the order in which the statement takes it apart. */
const encode = (transition: Transition, n: number): ReadonlyArray<unknown> => {
  const { address, completes } = transition
  const steps = stepsOf(transition)
  // Those of a fold are settled if it is written, and not if a message of it is a repeat.
  const settles = steps.length === 1 ? completes : null
  const timers = new Map(steps.flatMap(([rev, step]) => [...step.timers].map(([id, timer]) => [id, [timer, rev]] as const)))
  return [
    n,
    address.org,
    address.kind,
    address.id,
    address.home,
    transition.base,
    revOf(transition),
    transition.epoch,
    nextEpoch(transition),
    transition.machineVersion,
    ...journalRowOf(transition),
    transition.status,
    transition.snapshot,
    transition.resident,
    settles?.key ?? null,
    settles?.claim ?? null,
    [...timers].map(([id, [timer, rev]]) => (timer ? [id, Math.ceil(timer.delayMs), timer.event, rev] : [id, null, null, rev])),
    ...more(transition, steps, claimWrites(transition))
  ]
}

const verdictOf = (transition: Transition, { at, won, repeated, held, rev, epoch }: VerdictRow): Verdict => {
  if (won) return { _tag: "Won", rev: revOf(transition), epoch: nextEpoch(transition), atMs: at }
  if (repeated !== null) return { _tag: "Duplicate", rev: repeated }
  return held ? { _tag: "Rejected", record: held } : { _tag: "Fenced", rev, epoch }
}

type Numbered = readonly [transition: Transition, n: number]

/** Parts of the batch within which no claim, budget or room is named twice; what comes later in the batch is in a later part. */
const waves = (batch: ReadonlyArray<Transition>): ReadonlyArray<ReadonlyArray<Numbered>> => {
  const parts: Array<Array<Numbered>> = [[]]
  const lastPart = new Map<string, number>()
  for (const [n, transition] of batch.entries()) {
    const names = namesOf(transition)
    const part = Math.max(0, ...names.map((name) => (lastPart.get(name) ?? -1) + 1))
    for (const name of names) lastPart.set(name, part)
    if (part === parts.length) parts.push([])
    parts[part]!.push([transition, n])
  }
  return parts
}

export const commit = async (sql: postgres.Sql, batch: ReadonlyArray<Transition>): Promise<ReadonlyArray<Verdict>> => {
  assert(new Set(batch.map(({ address }) => nameOf(address))).size === batch.length, "J4: an actor stands in a batch once")
  const verdicts: Array<Verdict> = Array(batch.length)
  const send = async (connection: Pick<postgres.TransactionSql, "unsafe">, part: ReadonlyArray<Numbered>): Promise<void> => {
    // Rows are locked in one order by all, whoever believes to own the same actors.
    const inOrder = part.toSorted(([left], [right]) => (left.address.id < right.address.id ? -1 : 1))
    const rows = await connection.unsafe<Array<VerdictRow>>(
      statement,
      [JSON.stringify(inOrder.map(([transition, n]) => encode(transition, n)))],
      { prepare: true }
    )
    for (const row of rows) verdicts[row.n] = verdictOf(batch[row.n]!, row)
  }
  const parts = waves(batch)
  if (parts.length === 1) await send(sql, parts[0]!)
  else {
    await sql.begin(async (transaction) => {
      for (const part of parts) await send(transaction, part)
    })
  }
  return verdicts
}
