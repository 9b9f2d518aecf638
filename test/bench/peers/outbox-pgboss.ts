/**
 * Jobs of pg-boss: inserted in bulk, then fetched 50 at a time, nothing done, and completed together. Its own defaults, on the same
 * server as ours; `workers` consumers at once.
 */
import { PgBoss } from "pg-boss"
import { answering, input } from "../contest/answering.ts"

const batchSize = 50
const { url, workers } = input<{ readonly url: string; readonly workers: number }>()
const boss = new PgBoss({ connectionString: url })
boss.on("error", (cause: unknown) => console.error(cause))
await boss.start()
const queue = "bench"
await boss.createQueue(queue)

const work = async (): Promise<number> => {
  let completed = 0
  while (true) {
    const jobs = await boss.fetch(queue, { batchSize })
    if (jobs.length === 0) return completed
    await boss.complete(
      queue,
      jobs.map(({ id }) => id)
    )
    completed += jobs.length
  }
}

const round = async ({ rows }: { readonly rows: number }) => {
  for (let at = 0; at < rows; at += 1_000)
    await boss.insert(
      queue,
      Array.from({ length: Math.min(1_000, rows - at) }, (_, n) => ({ data: { n: at + n } }))
    )
  const startedAt = performance.now()
  const counts = await Promise.all(Array.from({ length: workers }, work))
  const tookMs = performance.now() - startedAt
  return { tookMs, left: rows - counts.reduce((sum, count) => sum + count, 0) }
}
await round({ rows: 2_000 })
await answering(round)
await boss.stop()
process.exit(0)
