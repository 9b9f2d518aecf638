/**
 * Sends sql/commit.sql: a batch of transitions in one statement and one round trip. Two transitions of a batch that name the same
 * claim or room, or lend a budget, go in two statements of one transaction, in their order, so that the later one sees what the earlier
 * did. Those that take uses of one budget go together, as long as there are uses for all: where there are not, nothing of it is written,
 * and they go one after another as well.
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
import { noticedOf } from "../../runtime/notices.ts"

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

/** What a transition names. `isShared`: others of the same statement may name it too, if they share it as well. */
interface Name {
  readonly text: string
  readonly isShared: boolean
}
const sharing: ReadonlySet<PlaceWrite["type"]> = new Set(["reserve", "ensure", "refund"])

const namesOf = (transition: Transition): ReadonlyArray<Name> => [
  ...claimWrites(transition).map(({ name, key }) => ({
    text: JSON.stringify([transition.address.org, name, key]),
    isShared: false
  })),
  ...placeWrites(transition).map((record) => ({
    text: JSON.stringify([transition.address.org, "room" in record ? "room" : "budget", placeOf(record)[1]]),
    isShared: sharing.has(record.type)
  }))
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
      ...(transition.claimMs !== undefined && { claimMs: transition.claimMs }),
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
    noticedOf(transition),
    ...more(transition, steps, claimWrites(transition))
  ]
}

const verdictOf = (transition: Transition, { at, won, repeated, held, rev, epoch }: VerdictRow): Verdict => {
  if (won) return { _tag: "Won", rev: revOf(transition), epoch: nextEpoch(transition), atMs: at }
  if (repeated !== null) return { _tag: "Duplicate", rev: repeated }
  return held ? { _tag: "Rejected", record: held } : { _tag: "Fenced", rev, epoch }
}

type Numbered = readonly [transition: Transition, n: number]

/** Parts of the batch within which what is named twice is shared by all who name it; what comes later in the batch is in a later part. */
const waves = (batch: ReadonlyArray<Transition>, isStrict: boolean): ReadonlyArray<ReadonlyArray<Numbered>> => {
  const parts: Array<Array<Numbered>> = [[]]
  const [last, lastAlone] = [new Map<string, number>(), new Map<string, number>()]
  for (const [n, transition] of batch.entries()) {
    const names = namesOf(transition)
    const before = ({ text, isShared }: Name) => (isShared && !isStrict ? lastAlone : last).get(text) ?? -1
    const part = Math.max(0, ...names.map((name) => before(name) + 1))
    for (const { text, isShared } of names) {
      last.set(text, Math.max(part, last.get(text) ?? 0))
      if (!isShared) lastAlone.set(text, part)
    }
    while (part >= parts.length) parts.push([])
    parts[part]!.push([transition, n])
  }
  return parts
}

const isConflict = (cause: unknown): boolean => (cause as { readonly code?: string }).code === "40001"

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
  const sendAll = async (parts: ReadonlyArray<ReadonlyArray<Numbered>>): Promise<void> => {
    if (parts.length === 1) return send(sql, parts[0]!)
    await sql.begin(async (transaction) => {
      for (const part of parts) await send(transaction, part)
    })
  }
  const together = waves(batch, false)
  const strict = waves(batch, true)
  await sendAll(together).catch((cause: unknown) => {
    if (strict.length === together.length || !isConflict(cause)) throw cause
    return sendAll(strict)
  })
  return verdicts
}
