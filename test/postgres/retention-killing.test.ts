/** `kill -9` of a server in the middle of archiving and dropping: each row is in the database or in a whole file, always. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { connect } from "../../adapters/postgres/pool.ts"
import { migratedDatabase } from "../support/postgres.ts"

const kills = Number(process.env["KILLS"] ?? 6)
const [actors, rowsEach] = [600, 200]
const all = actors * rowsEach

const archivedIn = (directory: string): ReadonlyArray<string> => {
  const shelf = join(directory, "journal")
  const manifests = readdirSync(directory).length === 0 ? [] : readdirSync(shelf).filter((name) => name.endsWith(".json"))
  return manifests.flatMap((name) => {
    const { file } = JSON.parse(readFileSync(join(shelf, name), "utf8"))
    const lines = gunzipSync(readFileSync(join(shelf, file)))
      .toString("utf8")
      .trimEnd()
      .split("\n")
    return lines.map((line) => {
      const { id, rev } = JSON.parse(line)
      return `${id} ${rev}`
    })
  })
}

it.live(
  `loses no row in ${kills} kills, and none is twice in the archive in the end`,
  () =>
    Effect.scoped(
      Effect.gen(function* () {
        const url = yield* migratedDatabase
        const { sql } = yield* connect(url)
        const directory = yield* Effect.acquireRelease(
          Effect.sync(() => mkdtempSync(join(tmpdir(), "proliferate-killed-archive-"))),
          (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
        )
        yield* Effect.promise(
          () => sql`insert into actors (org, kind, id, home, rev, epoch, machine_version, status, snapshot, resident, updated_at)
          select 'org_1', 'session', 'ses_' || n, 'ses_' || n, ${rowsEach}, 1, 1, 'stopped', '{}', false, 0
          from generate_series(1, ${actors}) as n`
        )
        yield* Effect.promise(
          () => sql`insert into journal (org, kind, id, rev, machine_version, message_id, event, taken, effects, notices, at)
          select 'org_1', 'session', 'ses_' || n, r, 1, 'm' || r, '{}', '[]', '[]', '[]', 0
          from generate_series(1, ${actors}) as n, generate_series(1, ${rowsEach}) as r`
        )
        const stored = Effect.map(
          Effect.promise(() => sql<Array<{ readonly row: string }>>`select id || ' ' || rev as row from journal`),
          (rows) => rows.map(({ row }) => row)
        )
        const start = Effect.promise(async (): Promise<ChildProcess> => {
          const child = spawn(process.execPath, [join(import.meta.dirname, "../support/passing.ts"), url, directory], {
            stdio: ["ignore", "pipe", "inherit"]
          })
          await once(child.stdout!, "data")
          return child
        })
        for (let kill = 0; kill < kills; kill++) {
          const child = yield* start
          yield* Effect.sleep(100 + 150 * kill)
          child.kill("SIGKILL")
          if (child.exitCode === null && child.signalCode === null) yield* Effect.promise(() => once(child, "exit"))
          const kept = new Set([...(yield* stored), ...archivedIn(directory)])
          assert.strictEqual(kept.size, all, `D2: after kill ${kill + 1}`)
        }
        const last = yield* start
        const [code] = yield* Effect.promise(() => once(last, "exit"))
        assert.strictEqual(code, 0)
        assert.deepStrictEqual(yield* stored, [])
        const archived = archivedIn(directory)
        assert.strictEqual(archived.length, all)
        assert.strictEqual(new Set(archived).size, all)
      })
    ),
  120_000
)
