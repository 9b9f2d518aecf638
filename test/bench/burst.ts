/**
 * A burst of one session: so many events asked of one actor at once.
 *
 *   ours    as they are taken: folded into few commits
 *   theirs  the same events, each asked when the one before it is answered: a commit each
 */
import { Effect } from "effect"
import { Router } from "../../runtime/router.ts"
import { type Row, rowOf } from "./rows.ts"

const events = 64
const burstsEach = 20
const rounds = 5

const burst = Effect.fnUntraced(function* (id: string, concurrency: "unbounded" | 1) {
  const router = yield* Router
  const address = { org: "org_bench", kind: "counter", id, home: id }
  const ask = (type: string, n: number) => router.ask(address, { id: `${type}:${n}`, event: { type }, by: null })
  yield* ask("create", 0)
  const startedAt = performance.now()
  for (let at = 0; at < burstsEach; at++)
    yield* Effect.forEach(
      Array.from({ length: events }, (_, n) => at * events + n),
      (n) => ask("next", n),
      { concurrency, discard: true }
    )
  return (burstsEach * events * 1_000) / (performance.now() - startedAt)
})

export const benchBurst = Effect.gen(function* () {
  const [ours, theirs]: [Array<number>, Array<number>] = [[], []]
  for (let round = 0; round <= rounds; round++) {
    const sides = [
      Effect.map(burst(`burst_o_${round}`, "unbounded"), (value) => ours.push(value)),
      Effect.map(burst(`burst_t_${round}`, 1), (value) => theirs.push(value))
    ]
    for (const side of round % 2 === 1 ? sides.reverse() : sides) yield* side
  }
  const row: Row = rowOf(`burst of one session, ${events} events`, "a commit each", "per s", ours.slice(1), theirs.slice(1), 2)
  return [row]
})
