/**
 * What one organisation costs the others: eight organisations with four actors each that do one task after another, every one of
 * them a request, a command, and its fact.
 *
 *   ours    beside a ninth that floods (two thousand actors that do the same), sends poison (events that crash whoever takes
 *           them, to three hundred actors at once, a new one for each that was set aside), or is broken (three hundred actors whose
 *           hands and standing work crash whenever they are started)
 *   theirs  alone
 *
 * One process, one committer, one outbox, new for each side; only the tasks of the eight are counted.
 */
import { Effect, Layer } from "effect"
import { Postgres } from "../../adapters/postgres/pool.ts"
import type { Address } from "../../runtime/address.ts"
import { Router } from "../../runtime/router.ts"
import { type Row, rowOf } from "./rows.ts"
import { brokenOrg } from "./worker.ts"

const rounds = 3
const measureMs = 2_000
const floodActors = 2_000
const troubledActors = 300

/** What is told of tasks that are done, by the id of whose they are. */
export type Told = Map<string, () => void>

const actorsOf = (org: string, prefix: string, count: number): ReadonlyArray<Address> =>
  Array.from({ length: count }, (_, index) => {
    const id = `${prefix}_${org}_${index}`
    return { org, kind: "worker", id, home: id }
  })

type Beside = (endsAt: number, run: string) => Effect.Effect<void, unknown, Router>

const ask = (address: Address, type: string, n: number) =>
  Router.use((router) => router.ask(address, { id: `${type}:${n}`, event: { type }, by: null }))
const asked = (address: Address, type: string, n: number) => Effect.ignore(ask(address, type, n))
const create = (all: ReadonlyArray<Address>) =>
  Effect.forEach(all, (address) => ask(address, "create", 0), { concurrency: "unbounded", discard: true })
const all = <A, E, R>(items: ReadonlyArray<A>, run: (item: A) => Effect.Effect<void, E, R>) =>
  Effect.forEach(items, run, { concurrency: "unbounded", discard: true })

/** Does tasks one after another until the time is over, and says how many. */
const working = (told: Told, endsAt: number) =>
  Effect.fnUntraced(function* (address: Address) {
    let tasks = 0
    while (performance.now() < endsAt) {
      const done = new Promise<void>((resolve) => told.set(address.id, resolve))
      yield* Effect.retry(ask(address, "task", ++tasks), { while: ({ _tag }) => _tag === "Refused" })
      yield* Effect.promise(() => done)
    }
    return tasks
  })

const floods = (told: Told): Beside =>
  Effect.fnUntraced(function* (endsAt, run) {
    const actors = actorsOf("org_flood", run, floodActors)
    yield* create(actors)
    yield* all(actors, (address) => Effect.asVoid(working(told, endsAt)(address)))
  })

const poisons: Beside = Effect.fnUntraced(function* (endsAt, run) {
  let made = 0
  yield* all(
    Array.from({ length: troubledActors }, (_, n) => n),
    () =>
      Effect.gen(function* () {
        while (performance.now() < endsAt) {
          const [address] = actorsOf("org_poison", `${run}_${++made}`, 1)
          yield* asked(address!, "create", 0)
          for (let n = 0, isAside = false; !isAside && performance.now() < endsAt; n++)
            isAside = yield* ask(address!, "poison", n).pipe(
              Effect.match({ onSuccess: () => false, onFailure: ({ _tag }) => _tag === "Quarantined" })
            )
        }
      })
  )
})

const breaks: Beside = Effect.fnUntraced(function* (endsAt, run) {
  const actors = actorsOf(brokenOrg, run, troubledActors)
  yield* create(actors)
  yield* all(actors, (address) =>
    Effect.gen(function* () {
      for (let n = 1; performance.now() < endsAt; n++) {
        yield* asked(address, "task", n)
        yield* Effect.sleep(50)
      }
    })
  )
})

/** Tasks done per second, of the eight alone. */
const rate = Effect.fnUntraced(function* (told: Told, quiet: ReadonlyArray<Address>, beside: Beside | null, run: string) {
  yield* create(quiet)
  const endsAt = performance.now() + measureMs
  const [tasks] = yield* Effect.all(
    [
      Effect.forEach(quiet, working(told, endsAt), { concurrency: "unbounded" }),
      beside === null ? Effect.void : Effect.timeoutOption(beside(endsAt, run), measureMs)
    ],
    { concurrency: "unbounded" }
  )
  return (tasks.reduce((sum, count) => sum + count, 0) * 1_000) / measureMs
})

/** `fresh` is a runtime that knows nothing of those before it. */
export const benchFairness = Effect.fnUntraced(function* (told: Told, fresh: Layer.Layer<Router, unknown, Postgres>) {
  const { sql } = yield* Postgres
  const rows: Array<Row> = []
  const measured = (quiet: ReadonlyArray<Address>, beside: Beside | null, run: string) =>
    Effect.andThen(
      // What the side before has left undone is not this one's.
      Effect.promise(() => sql`truncate actors, journal, commands, timers, projections`),
      Effect.provide(rate(told, quiet, beside, run), Layer.fresh(fresh))
    )
  for (const [name, beside] of Object.entries({ "a flood": floods(told), poison: poisons, "a broken one": breaks })) {
    const [ours, theirs]: [Array<number>, Array<number>] = [[], []]
    for (let round = 0; round <= rounds; round++) {
      const run = `${name.replaceAll(" ", "-")}_${round}`
      const quiet = (side: string) => Array.from({ length: 8 }, (_, org) => actorsOf(`org_${org}`, `${side}_${run}`, 4)).flat()
      const sides = [
        Effect.map(measured(quiet("beside"), beside, run), (value) => ours.push(value)),
        Effect.map(measured(quiet("alone"), null, run), (value) => theirs.push(value))
      ]
      for (const side of round % 2 === 1 ? sides.reverse() : sides) yield* side
    }
    rows.push(rowOf(`eight organisations beside ${name}`, "alone", "per s", ours.slice(1), theirs.slice(1), 0.8))
  }
  return rows
})
