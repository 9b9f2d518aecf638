/**
 * A session that is not in memory, from the message that reaches it until it stands there: stored state, timers, what its feed may
 * lack; against one select of its snapshot and the machine's restore. One at a time, in turn.
 */
import { Effect, Layer } from "effect"
import { sessionActor } from "../../actors/session.ts"
import { Postgres } from "../../adapters/postgres/pool.ts"
import { sessionMachine } from "../../machines/session.ts"
import type { ActorDefinition } from "../../runtime/actor.ts"
import { Inspector } from "../../runtime/inspection.ts"
import { localRouter } from "../../runtime/local-router.ts"
import { Router } from "../../runtime/router.ts"
import { restore } from "../../runtime/step.ts"
import { quantile, type Row, rowOf } from "./rows.ts"
import { sessionAt, storeIdle } from "./session.ts"

const alone: ActorDefinition = { ...(sessionActor as unknown as ActorDefinition), standing: () => [] }
const [warmUp, slices, perSlice] = [200, 5, 300]

export const benchActivation = Effect.gen(function* () {
  const { sql } = yield* Postgres
  const count = warmUp + slices * perSlice
  yield* storeIdle("cold", 2 * count, alone.version)
  let activatedAt = 0
  const heard = Layer.succeed(Inspector, ({ type }) => {
    if (type === "actor.activated") activatedAt = performance.now()
  })
  const [mine, bare]: [Array<number>, Array<number>] = [[], []]
  yield* Effect.gen(function* () {
    const router = yield* Router
    for (let n = 0; n < count; n++) {
      const startedAt = performance.now()
      yield* Effect.ignore(router.ask(sessionAt("cold", n), { id: `wake:${n}`, event: { type: "interrupt" }, by: null }))
      mine.push(activatedAt - startedAt)
      const { id, kind, org } = sessionAt("cold", count + n)
      const beganAt = performance.now()
      yield* Effect.promise(async () => {
        const [row] =
          await sql`select rev::float8, epoch::float8, snapshot from actors where id = ${id} and kind = ${kind} and org = ${org}`
        restore(sessionMachine, row!["snapshot"])
      })
      bare.push(performance.now() - beganAt)
    }
  }).pipe(Effect.provide(Layer.fresh(localRouter([alone])).pipe(Layer.provide(heard))))
  const of = (values: ReadonlyArray<number>, q: number) =>
    Array.from({ length: slices }, (_, n) => quantile(values.slice(warmUp + n * perSlice, warmUp + (n + 1) * perSlice), q))
  return [
    rowOf("cold activation p50", "a bare select and restore", "ms", of(mine, 0.5), of(bare, 0.5), 1 / 5),
    rowOf("cold activation p99", "a bare select and restore", "ms", of(mine, 0.99), of(bare, 0.99), null)
  ] satisfies ReadonlyArray<Row>
})
