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
import type { Projection, RecordWrite, Transition, Verdict } from "../../runtime/journal.ts"

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

const claimWrites = ({ records }: Transition): ReadonlyArray<ClaimWrite> => {
  const writes = records.filter((record) => record.type === "claim" || record.type === "release")
  if (writes.length === 0) return noClaims
  // Of a key that a step both claims and gives back, the last word counts.
  return [...new Map(writes.map((record) => [JSON.stringify([record.name, record.key]), record])).values()]
}

const placeWrites = ({ records }: Transition): ReadonlyArray<PlaceWrite> =>
  records.filter((record) => record.type !== "project" && record.type !== "claim" && record.type !== "release")

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

const nextEpoch = ({ epoch, takesEpoch }: Transition): number => epoch + (takesEpoch ? 1 : 0)

/** What few transitions have, and what costs the statement nothing where it is missing. */
const more = (transition: Transition, claims: ReadonlyArray<ClaimWrite>): ReadonlyArray<unknown> => {
  const { address, commands, records } = transition
  if (commands.length === 0 && records.length === 0) return []
  const keysOf = (type: ClaimWrite["type"]) =>
    claims.flatMap((record) => (record.type === type ? [[record.name, record.key]] : []))
  const places = placeWrites(transition)
  const project = transition.records.findLast((record) => record.type === "project")?.row
  return [
    {
      commands: commands.map(({ name, params }, index) => [index, name, params]),
      claims: keysOf("claim"),
      releases: keysOf("release"),
      ...(places.length > 0 && { records: places.map(placeOf) }),
      ...(project && { project: rowOf(project, address.id) })
    }
  ]
}

const rowOf = ({ title, status, owner, configurationId, archived }: Projection, id: string) => [
  title,
  status,
  owner,
  configurationId,
  archived,
  sessionWords({ id, title }).join(" ")
]

/** In the order in which the statement takes it apart. */
const encode = (transition: Transition, n: number): ReadonlyArray<unknown> => {
  const { address, commands, timers, completes } = transition
  return [
    n,
    address.org,
    address.kind,
    address.id,
    address.home,
    transition.base,
    transition.epoch,
    nextEpoch(transition),
    transition.machineVersion,
    transition.messageId,
    transition.event,
    transition.taken,
    commands.map(({ name }) => name),
    transition.notices,
    transition.by,
    transition.cause,
    transition.status,
    transition.snapshot,
    transition.resident,
    completes?.key ?? null,
    completes?.claim ?? null,
    [...timers].map(([timerId, timer]) => (timer ? [timerId, Math.ceil(timer.delayMs), timer.event] : [timerId, null, null])),
    ...more(transition, claimWrites(transition))
  ]
}

const verdictOf = (transition: Transition, { at, won, repeated, held, rev, epoch }: VerdictRow): Verdict => {
  if (won) return { _tag: "Won", rev: transition.base + 1, epoch: nextEpoch(transition), atMs: at }
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
