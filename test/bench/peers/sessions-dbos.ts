/**
 * Durable sessions on DBOS: a workflow of eight steps, the fourth of them the call, with a durable sleep of 100 ms after it. As its
 * documentation has it: started in the process that runs it, its system database on the same server as ours; more connections than
 * its default of 10, which measured better here.
 */
import { DBOS } from "@dbos-inc/dbos-sdk"
import { client } from "../../../adapters/postgres/pool.ts"
import { answering, input } from "../contest/answering.ts"
import { post } from "../contest/provider.ts"

const { url, providerUrl } = input<{ readonly url: string; readonly providerUrl: string }>()
const timerMs = 100
const connections = 32

const session = DBOS.registerWorkflow(
  async (key: string) => {
    const step = (n: number) => DBOS.runStep(async () => n, { name: `step ${n}` })
    for (const n of [1, 2, 3]) await step(n)
    await DBOS.runStep(() => post(providerUrl, key), { name: "post" })
    await DBOS.sleep(timerMs)
    for (const n of [5, 6, 7, 8]) await step(n)
  },
  { name: "session" }
)

const bench = client(url, { max: 1 })
for (const setting of ["fsync", "synchronous_commit"]) {
  const [row] = await bench.unsafe(`show ${setting}`)
  if (row?.[setting] !== "on") throw new Error(`${setting} is ${row?.[setting]}: no figure would count`)
}
await bench.unsafe("drop database if exists bench_dbos")
await bench.unsafe("create database bench_dbos")
await bench.end()
const systemDatabaseUrl = url.replace(/\/[^/]*$/, "/bench_dbos")
DBOS.setConfig({ name: "bench", systemDatabaseUrl, systemDatabasePoolSize: connections, enableOTLP: false, logLevel: "error" })
await DBOS.launch()
const after = client(systemDatabaseUrl, { max: 1 })

await answering<{ readonly prefix: string; readonly sessions: number }>(async ({ prefix, sessions }) => {
  const ids = Array.from({ length: sessions }, (_, n) => `${prefix}_${n}`)
  const startedAt = performance.now()
  await Promise.all(
    ids.map(async (workflowID) => {
      const handle = await DBOS.startWorkflow(session, { workflowID })(workflowID)
      await handle.getResult()
    })
  )
  const tookMs = performance.now() - startedAt
  const [row] = await after<Array<{ readonly count: number }>>`
    select count(*)::int as count from dbos.workflow_status where status = 'SUCCESS' and workflow_uuid like ${`${prefix}\\_%`}`
  return { tookMs, ended: row!.count }
})
await after.end()
await DBOS.shutdown()
process.exit(0)
