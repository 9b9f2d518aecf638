/** The same rows in one select, a thousand at a time, and the machine's restore for each. Nothing stands in memory but the snapshots. */

import { client } from "../../../adapters/postgres/pool.ts"
import { sessionMachine } from "../../../machines/session.ts"
import { restore } from "../../../runtime/step.ts"
import { answering, input } from "./answering.ts"

const { url, sessions } = input<{ readonly url: string; readonly sessions: number }>()
const sql = client(url, { max: 1 })

await answering(async () => {
  const startedAt = performance.now()
  const restored: Array<unknown> = []
  await sql`select id, rev::float8, epoch::float8, snapshot from actors where kind = 'session'`.cursor(1_000, (rows) => {
    for (const row of rows) restored.push(restore(sessionMachine, row["snapshot"]))
  })
  if (restored.length !== sessions) throw new Error(`${restored.length} restored`)
  return { tookMs: performance.now() - startedAt }
})
await sql.end()
