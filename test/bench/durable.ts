/**
 * Durable transitions: N actors, 8 transitions each, one after the other, every one acknowledged after its commit.
 *
 *   ours    LocalRouter → actor → step → committer → PostgreSQL
 *   theirs  BEGIN, update, insert, upsert, COMMIT per event, on every connection of the same pool, with nothing decided
 *           and: the committer's statement alone, the same batches, 4 in flight, with nothing decided
 *
 * All write the same rows: the actor, a journal row, a timer. synchronous_commit and fsync are asserted to be on.
 */
import { Effect } from "effect"
import type postgres from "postgres"
import type { Address } from "../../runtime/address.ts"
import { Journal, type Transition } from "../../runtime/journal.ts"
import { batchesInFlightMax, batchTransitionsMax } from "../../runtime/limits.ts"
import { Router } from "../../runtime/router.ts"
import { type Row, rowOf } from "./rows.ts"

const transitionsEach = 8
const rounds = 3

const addressesOf = (prefix: string, actors: number): ReadonlyArray<Address> =>
  Array.from({ length: actors }, (_, index) => ({
    org: "org_bench",
    kind: "counter",
    id: `${prefix}_${index}`,
    home: `${prefix}_${index}`
  }))

const timed = Effect.fnUntraced(function* <A, E, R>(work: Effect.Effect<A, E, R>, transitions: number) {
  const startedAt = performance.now()
  yield* work
  return (transitions * 1_000) / (performance.now() - startedAt)
})

const throughRouter = Effect.fnUntraced(function* (prefix: string, actors: number) {
  const router = yield* Router
  const addresses = addressesOf(prefix, actors)
  const ask = (address: Address, type: string, n: number) =>
    router.ask(address, { id: `${type}:${n}`, event: { type }, by: null })
  yield* Effect.forEach(addresses, (address) => ask(address, "create", 0), { concurrency: "unbounded", discard: true })
  const all = Effect.forEach(
    addresses,
    (address) =>
      Effect.forEach(
        Array.from({ length: transitionsEach }, (_, n) => n),
        (n) => ask(address, "next", n),
        { discard: true }
      ),
    { concurrency: "unbounded", discard: true }
  )
  return yield* timed(all, actors * transitionsEach)
})

const transitionOf = (address: Address, rev: number): Transition => ({
  address,
  machineVersion: 1,
  base: rev,
  epoch: rev === 0 ? 0 : 1,
  takesEpoch: rev === 0,
  earlier: [],
  messageId: `bare:${rev}`,
  event: { type: "next" },
  taken: ["counter.even -next-> counter.odd"],
  notices: [],
  by: null,
  cause: null,
  status: "odd",
  snapshot: { value: "odd", context: { count: rev } },
  resident: false,
  completes: null,
  commands: [],
  timers: new Map([
    ["xstate.after.deadline.counter.even", null],
    ["xstate.after.deadline.counter.odd", { delayMs: 3_600_000, event: { type: "xstate.after.deadline.counter.odd" } }]
  ]),
  records: []
})

const bareStatement = Effect.fnUntraced(function* (prefix: string, actors: number) {
  const journal = yield* Journal
  const addresses = addressesOf(prefix, actors)
  const sweep = (rev: number) => {
    const batches = Array.from({ length: Math.ceil(actors / batchTransitionsMax) }, (_, index) =>
      addresses.slice(index * batchTransitionsMax, (index + 1) * batchTransitionsMax).map((address) => transitionOf(address, rev))
    )
    return Effect.forEach(batches, (batch) => journal.commit(batch), { concurrency: batchesInFlightMax, discard: true })
  }
  yield* sweep(0)
  return yield* timed(
    Effect.forEach(
      Array.from({ length: transitionsEach }, (_, n) => n + 1),
      sweep,
      { discard: true }
    ),
    actors * transitionsEach
  )
})

const transactionEach = Effect.fnUntraced(function* (sql: postgres.Sql, connections: number, prefix: string, actors: number) {
  const addresses = addressesOf(prefix, actors)
  const journal = yield* Journal
  yield* Effect.forEach(addresses, (address) => journal.commit([transitionOf(address, 0)]), {
    concurrency: batchesInFlightMax,
    discard: true
  })
  const one = ({ org, kind, id }: Address, rev: number) =>
    sql.begin(async (tx) => {
      const snapshot = JSON.stringify({ value: "odd", context: { count: rev } })
      await tx`update actors set rev = ${rev + 1}, status = 'odd', snapshot = ${snapshot}::text::jsonb, updated_at = ${rev} where kind = ${kind} and id = ${id} and rev = ${rev} and epoch = 1`
      await tx`insert into journal (org, kind, id, rev, machine_version, message_id, event, taken, effects, notices, by, cause, at) values (${org}, ${kind}, ${id}, ${rev + 1}, 1, ${`tx:${rev}`}, '{"type":"next"}', '[]', '[]', '[]', null, null, ${rev})`
      await tx`insert into timers (org, kind, id, timer, rev, due, event) values (${org}, ${kind}, ${id}, 'deadline', ${rev + 1}, 1e15, '{}') on conflict (kind, id, timer) do update set rev = excluded.rev, due = excluded.due`
    })
  let next = 0
  const worker = async () => {
    // Events of one actor stay in order: a worker owns an actor for its eight transitions.
    for (let mine = next++; mine < actors; mine = next++)
      for (let rev = 1; rev <= transitionsEach; rev++) await one(addresses[mine]!, rev)
  }
  const all = Effect.promise(() => Promise.all(Array.from({ length: connections }, worker)))
  return yield* timed(all, actors * transitionsEach)
})

export const benchDurable = Effect.fnUntraced(function* (sql: postgres.Sql, connections: number, actors: number, run: string) {
  const ours: Array<number> = []
  const transactions: Array<number> = []
  const bare: Array<number> = []
  for (let round = 0; round < rounds + 1; round++) {
    const prefix = `${run}_${actors}_${round}`
    const measured = [
      yield* throughRouter(`${prefix}_o`, actors),
      yield* transactionEach(sql, connections, `${prefix}_t`, actors),
      yield* bareStatement(`${prefix}_b`, actors)
    ]
    // The first round warms the plans, the pool and the compiler.
    if (round === 0) continue
    ours.push(measured[0]!)
    transactions.push(measured[1]!)
    bare.push(measured[2]!)
  }
  return [
    rowOf(`durable transitions ${actors}`, `BEGIN..COMMIT per event, ${connections} connections`, "per s", ours, transactions, 4),
    rowOf(`durable transitions ${actors}`, "the commit statement alone", "per s", ours, bare, null)
  ] satisfies ReadonlyArray<Row>
})

/** One actor, nothing else to do: from ask to answer, against the bare statement for one row, interleaved. */
export const benchAck = Effect.fnUntraced(function* (run: string) {
  const [router, journal] = [yield* Router, yield* Journal]
  const [ours] = addressesOf(`${run}_ack_o`, 1)
  const [bare] = addressesOf(`${run}_ack_b`, 1)
  const asks = 1_200
  const warmUp = 200
  const took = Effect.fnUntraced(function* <A, E, R>(work: Effect.Effect<A, E, R>) {
    const startedAt = performance.now()
    yield* work
    return performance.now() - startedAt
  })
  const mine: Array<number> = []
  const theirs: Array<number> = []
  for (let n = 0; n < asks; n++) {
    const ask = yield* took(router.ask(ours!, { id: `ask:${n}`, event: { type: n === 0 ? "create" : "next" }, by: null }))
    const commit = yield* took(journal.commit([transitionOf(bare!, n)]))
    if (n < warmUp) continue
    mine.push(ask)
    theirs.push(commit)
  }
  // Five slices give the spread of each quantile.
  const slices = (values: ReadonlyArray<number>, q: number) =>
    Array.from({ length: 5 }, (_, index) => {
      const slice = values.slice(index * 200, (index + 1) * 200).sort((a, b) => a - b)
      return slice[Math.floor(slice.length * q)]!
    })
  return [
    rowOf("ack p50", "a bare commit of one row", "ms", slices(mine, 0.5), slices(theirs, 0.5), 1 / 2.5),
    rowOf("ack p99", "a bare commit of one row", "ms", slices(mine, 0.99), slices(theirs, 0.99), 1 / 3)
  ] satisfies ReadonlyArray<Row>
})
