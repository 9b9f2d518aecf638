import { createHash } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { beforeAll, expect } from "vitest"
import { Directory } from "../../actors/ports/directory.ts"
import { People } from "../../actors/services/people.ts"
import { layer as directoryLayer } from "../../adapters/postgres/directory.ts"
import { startEmbedded } from "../../adapters/postgres/embedded.ts"
import { migrate } from "../../adapters/postgres/migrate.ts"
import { connect, layer as postgresLayer } from "../../adapters/postgres/pool.ts"
import { makeBundle, run } from "../support/command.ts"
import { migratedDatabase } from "../support/postgres.ts"

beforeAll(makeBundle)

const create = (env: Record<string, string>, ...args: ReadonlyArray<string>) =>
  Effect.promise(() => run(["tokens", "create", "--local", ...args], env))

const found = People.use((people) => people.found({ name: "Acme", owner: { name: "Ada", email: "ada@acme.test" } }))
const servicesOn = (url: string) => People.layer.pipe(Layer.provideMerge(directoryLayer), Layer.provide(postgresLayer(url)))

/** Whose token it is, by the database alone. */
const ownerOf = (secret: string) =>
  Directory.use((directory) => directory.tokenByHash(createHash("sha256").update(secret).digest("hex"))).pipe(
    Effect.map((known) => known?.user.email)
  )

it.live("makes an owner's token on the database of DATABASE_URL", () =>
  Effect.gen(function* () {
    const url = yield* migratedDatabase
    const before = yield* create({ DATABASE_URL: url })
    expect([before.code, before.stdout]).toEqual([1, ""])
    expect(before.stderr).toContain("there is no owner in any organisation")

    yield* found.pipe(Effect.provide(servicesOn(url)))
    const { code, stdout, stderr } = yield* create({ DATABASE_URL: url }, "--json", "--name", "lost the first")
    expect([code, stderr]).toEqual([0, ""])
    const token = JSON.parse(stdout)
    expect(token).toMatchObject({ name: "lost the first", user: { email: "ada@acme.test", role: "owner" } })
    expect(token.secret).toMatch(/^plf_[A-Za-z0-9_-]{43}$/)
    expect(yield* ownerOf(token.secret).pipe(Effect.provide(servicesOn(url)))).toBe("ada@acme.test")
  })
)

it.live("makes one on the embedded database, while its server runs and while it does not", () =>
  Effect.gen(function* () {
    const dataDir = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "proliferate-tokens-"))),
      (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
    )
    const env = { PROLIFERATE_DATA: dataDir }
    const nothing = yield* create(env)
    expect([nothing.code, nothing.stderr.split("\n")[0]]).toEqual([1, `proliferate: there is no server's data in ${dataDir}`])

    yield* Effect.scoped(
      Effect.gen(function* () {
        const { url } = yield* startEmbedded({ dataDir: join(dataDir, "postgres"), settings: { fsync: "off" } })
        const { sql } = yield* connect(url)
        yield* migrate(sql)
        yield* found.pipe(Effect.provide(servicesOn(url)))
        const { code, stdout } = yield* create(env)
        expect(code).toBe(0)
        expect(stdout).toMatch(/^plf_[A-Za-z0-9_-]{43}\n {2}for Ada <ada@acme.test>, owner; shown this once\n$/)
        expect(yield* ownerOf(stdout.split("\n")[0]!).pipe(Effect.provide(servicesOn(url)))).toBe("ada@acme.test")
      })
    )
    const alone = yield* create(env, "--user", "ada@acme.test", "--json")
    expect([alone.code, alone.stderr]).toEqual([0, ""])
    expect(JSON.parse(alone.stdout).user.email).toBe("ada@acme.test")
  })
)

it.live(
  "says that no database answers",
  () =>
    Effect.gen(function* () {
      const { code, stderr } = yield* create({ DATABASE_URL: "postgres://postgres@127.0.0.1:9/none" })
      expect(code).toBe(69)
      expect(stderr).toContain("no PostgreSQL answers at 127.0.0.1:9")
    }),
  30_000
)
