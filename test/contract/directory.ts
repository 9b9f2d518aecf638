/** What every directory promises (actors/ports/directory.ts). A world brings one, writes what actors project, and lets time pass. */
import { assert, layer } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import { type Configuration, Directory, type RepositoryRecord } from "../../actors/ports/directory.ts"
import { DirectoryWorld, listsSessions } from "./session-lists.ts"

const hourMs = 60 * 60_000

const repository = (org: string, id: string, name: string): Omit<RepositoryRecord, "createdAtMs"> => ({
  id,
  org,
  name,
  source: "local",
  location: `/srv/${name}.git`,
  defaultBranch: "main"
})

const configuration = (
  org: string,
  id: string,
  name: string,
  repositories: Configuration["repositories"]
): Omit<Configuration, "createdAtMs"> => ({ id, org, name, repositories, agent: "scripted", permissions: "allow" })

const user = (org: string, id: string, email = `${id}@example.org`) => ({ id, org, name: id, email, role: "member" as const })
const token = (org: string, id: string, userId: string, expiresAtMs: number | null = null) => ({
  id,
  org,
  userId,
  name: "laptop",
  prefix: "plf_abcd",
  hash: `hash of ${org} ${id}`,
  expiresAtMs
})

export const exerciseDirectory = (name: string, world: Layer.Layer<Directory | DirectoryWorld, unknown>) =>
  layer(world)(`the directory in ${name}`, (it) => {
    let organisations = 0
    /** Every story has organisations of its own. */
    const organisation = Effect.gen(function* () {
      const id = `org_${++organisations}`
      yield* Directory.use((directory) => directory.addOrganisation({ id, name: id }))
      return id
    })
    const reasonOf = <A, E extends { readonly reason: string }, R>(effect: Effect.Effect<A, E, R>) =>
      Effect.map(Effect.flip(effect), ({ reason }) => reason)

    it.effect("keeps what it was given, with the time it was given", () =>
      Effect.gen(function* () {
        const directory = yield* Directory
        const org = yield* organisation
        const { createdAtMs, ...added } = yield* directory.addUser(user(org, "usr_1"))
        assert.deepStrictEqual(added, user(org, "usr_1"))
        assert.isTrue(Number.isInteger(createdAtMs))
        assert.deepStrictEqual(yield* directory.users(org), [{ ...added, createdAtMs }])

        const { hash: _, ...given } = token(org, "tok_1", "usr_1", 4_000_000_000_000)
        const kept = yield* directory.addToken(token(org, "tok_1", "usr_1", 4_000_000_000_000))
        assert.deepStrictEqual(kept, { ...given, createdAtMs: kept.createdAtMs })
        assert.deepStrictEqual(yield* directory.tokens(org), [kept])

        const known = yield* directory.addRepository(repository(org, "rep_1", "api"))
        assert.deepStrictEqual(yield* directory.repository(org, "rep_1"), known)
        assert.deepStrictEqual(yield* directory.repositories(org), [known])
      })
    )

    it.effect("lists in the order of arrival", () =>
      Effect.gen(function* () {
        const directory = yield* Directory
        const { passTime } = yield* DirectoryWorld
        const [first, second] = [yield* organisation, yield* organisation]
        const ids = (yield* directory.organisations).map(({ id }) => id)
        assert.isBelow(ids.indexOf(first), ids.indexOf(second))

        yield* directory.addUser(user(first, "usr_z"))
        yield* passTime(1)
        yield* directory.addUser(user(first, "usr_a"))
        assert.deepStrictEqual(
          (yield* directory.users(first)).map(({ id }) => id),
          ["usr_z", "usr_a"]
        )
      })
    )

    it.effect("shows an organisation nothing of another", () =>
      Effect.gen(function* () {
        const directory = yield* Directory
        const [ours, theirs] = [yield* organisation, yield* organisation]
        yield* directory.addUser(user(ours, "usr_1"))
        yield* directory.addToken(token(ours, "tok_1", "usr_1"))
        yield* directory.addRepository(repository(ours, "rep_1", "api"))
        yield* directory.addConfiguration(configuration(ours, "cfg_1", "api", []))

        assert.deepStrictEqual(yield* directory.users(theirs), [])
        assert.deepStrictEqual(yield* directory.tokens(theirs), [])
        assert.deepStrictEqual(yield* directory.repositories(theirs), [])
        assert.deepStrictEqual(yield* directory.configurations(theirs), [])
        assert.isNull(yield* directory.repository(theirs, "rep_1"))
        assert.isNull(yield* directory.configuration(theirs, "cfg_1"))
        assert.isFalse(yield* directory.removeUser(theirs, "usr_1"))
        assert.isFalse(yield* directory.revokeToken(theirs, "tok_1"))
        assert.lengthOf(yield* directory.users(ours), 1)
        assert.lengthOf(yield* directory.tokens(ours), 1)
      })
    )

    it.effect("refuses what names an organisation, user or repository that is not there", () =>
      Effect.gen(function* () {
        const directory = yield* Directory
        const [ours, theirs] = [yield* organisation, yield* organisation]
        yield* directory.addUser(user(theirs, "usr_1"))
        yield* directory.addRepository(repository(theirs, "rep_1", "api"))

        assert.strictEqual(yield* reasonOf(directory.addUser(user("org_none", "usr_1"))), "not-found")
        assert.strictEqual(yield* reasonOf(directory.addRepository(repository("org_none", "rep_1", "api"))), "not-found")
        assert.strictEqual(yield* reasonOf(directory.addToken(token(ours, "tok_1", "usr_1"))), "not-found")
        assert.strictEqual(yield* reasonOf(directory.reserve({ org: "org_none", key: "k", hash: "h", id: "ses_1" })), "not-found")
        const foreign = configuration(ours, "cfg_1", "api", [{ repositoryId: "rep_1", path: "." }])
        assert.strictEqual(yield* reasonOf(directory.addConfiguration(foreign)), "not-found")
        assert.deepStrictEqual(yield* directory.configurations(ours), [])
      })
    )

    it.effect("takes an email, and a name of a repository or configuration, once in an organisation", () =>
      Effect.gen(function* () {
        const directory = yield* Directory
        const [ours, theirs] = [yield* organisation, yield* organisation]
        for (const org of [ours, theirs]) {
          yield* directory.addUser(user(org, "usr_1", "ada@example.org"))
          yield* directory.addRepository(repository(org, "rep_1", "api"))
          yield* directory.addConfiguration(configuration(org, "cfg_1", "api", []))
        }
        const again = yield* Effect.flip(directory.addUser(user(ours, "usr_2", "ada@example.org")))
        assert.strictEqual(again.reason, "conflict")
        assert.include(again.message, "email")
        assert.strictEqual(yield* reasonOf(directory.addRepository(repository(ours, "rep_2", "api"))), "conflict")
        assert.strictEqual(yield* reasonOf(directory.addConfiguration(configuration(ours, "cfg_2", "api", []))), "conflict")
        assert.strictEqual(yield* reasonOf(directory.addOrganisation({ id: ours, name: "again" })), "conflict")
      })
    )

    it.effect("keeps the repositories of a configuration in their order", () =>
      Effect.gen(function* () {
        const directory = yield* Directory
        const org = yield* organisation
        for (const name of ["api", "web", "docs"]) yield* directory.addRepository(repository(org, `rep_${name}`, name))
        const repositories = ["web", "docs", "api"].map((name) => ({ repositoryId: `rep_${name}`, path: name }))
        const added = yield* directory.addConfiguration(configuration(org, "cfg_1", "all", repositories))
        assert.deepStrictEqual(added.repositories, repositories)
        assert.deepStrictEqual(yield* directory.configuration(org, "cfg_1"), added)
        assert.deepStrictEqual(yield* directory.configurations(org), [added])
      })
    )

    it.effect("finds a token with its user by the hash, until it is revoked", () =>
      Effect.gen(function* () {
        const directory = yield* Directory
        const org = yield* organisation
        const ada = yield* directory.addUser(user(org, "usr_1"))
        const kept = yield* directory.addToken(token(org, "tok_1", "usr_1"))
        const { hash } = token(org, "tok_1", "usr_1")
        assert.deepStrictEqual(yield* directory.tokenByHash(hash), { token: kept, user: ada })
        assert.isNull(yield* directory.tokenByHash("another hash"))
        assert.isTrue(yield* directory.revokeToken(org, "tok_1"))
        assert.isFalse(yield* directory.revokeToken(org, "tok_1"))
        assert.isNull(yield* directory.tokenByHash(hash))
      })
    )

    it.effect("finds a token no more once it has expired", () =>
      Effect.gen(function* () {
        const directory = yield* Directory
        const { passTime } = yield* DirectoryWorld
        const org = yield* organisation
        const { createdAtMs } = yield* directory.addUser(user(org, "usr_1"))
        yield* directory.addToken(token(org, "tok_1", "usr_1", createdAtMs + hourMs))
        const { hash } = token(org, "tok_1", "usr_1")
        assert.isNotNull(yield* directory.tokenByHash(hash))
        yield* passTime(hourMs)
        assert.isNull(yield* directory.tokenByHash(hash))
      })
    )

    it.effect("keeps the last owner of an organisation, though two remove each other at once", () =>
      Effect.gen(function* () {
        const directory = yield* Directory
        const org = yield* organisation
        for (const id of ["usr_1", "usr_2", "usr_3", "usr_4"]) yield* directory.addUser({ ...user(org, id), role: "owner" })
        yield* directory.addUser(user(org, "usr_5"))
        yield* directory.addToken(token(org, "tok_1", "usr_1"))
        const ids = ["usr_1", "usr_2", "usr_3", "usr_4"]
        const removed = yield* Effect.forEach(ids, (id) => directory.removeUser(org, id), { concurrency: "unbounded" })
        assert.lengthOf(
          removed.filter((isGone) => isGone),
          3
        )
        const left = yield* directory.users(org)
        assert.deepStrictEqual(
          left.map(({ role }) => role),
          ["owner", "member"]
        )
        // The tokens of one who stays, stay.
        assert.lengthOf(yield* directory.tokens(org), left[0]!.id === "usr_1" ? 1 : 0)
        assert.isTrue(yield* directory.removeUser(org, "usr_5"))
      })
    )

    it.effect("removes a user with their tokens, once", () =>
      Effect.gen(function* () {
        const directory = yield* Directory
        const org = yield* organisation
        for (const id of ["usr_1", "usr_2"]) {
          yield* directory.addUser(user(org, id))
          yield* directory.addToken(token(org, `tok_${id}`, id))
        }
        assert.isTrue(yield* directory.removeUser(org, "usr_1"))
        assert.isFalse(yield* directory.removeUser(org, "usr_1"))
        assert.isNull(yield* directory.tokenByHash(token(org, "tok_usr_1", "usr_1").hash))
        assert.deepStrictEqual(
          (yield* directory.tokens(org)).map(({ id }) => id),
          ["tok_usr_2"]
        )
      })
    )

    listsSessions(it, organisation)

    it.effect("counts each call of a model once, for its own session of its own organisation", () =>
      Effect.gen(function* () {
        const directory = yield* Directory
        const [ours, theirs] = [yield* organisation, yield* organisation]
        const rest = { sessionId: "ses_1", model: "m-1", dialect: "chat", estimated: false, status: 200, ms: 12 } as const
        const add = (org: string, key: string, input: number, output: number, cached: number) =>
          directory.addModelCall({ org, key, input, output, cached, ...rest })
        const nothing = { calls: 0, input: 0, output: 0, cached: 0 }
        assert.deepStrictEqual(yield* directory.modelUsage(ours, "ses_1"), nothing)
        yield* add(ours, "c1", 3_000_000_000, 20, 50)
        yield* add(ours, "c1", 7, 7, 7)
        yield* add(ours, "c2", 1, 2, 0)
        yield* add(theirs, "c1", 5, 5, 5)
        const counted = { calls: 2, input: 3_000_000_001, output: 22, cached: 50 }
        assert.deepStrictEqual(yield* directory.modelUsage(ours, "ses_1"), counted)
        assert.deepStrictEqual(yield* directory.modelUsage(theirs, "ses_1"), { calls: 1, input: 5, output: 5, cached: 5 })
        assert.deepStrictEqual(yield* directory.modelUsage(ours, "ses_2"), nothing)
      })
    )

    it.effect("reserves one id per key, whoever asks first, for a day", () =>
      Effect.gen(function* () {
        const directory = yield* Directory
        const { passTime } = yield* DirectoryWorld
        const [ours, theirs] = [yield* organisation, yield* organisation]
        const ask = (org: string, hash: string, id: string) => directory.reserve({ org, key: "k", hash, id })

        assert.deepStrictEqual(yield* ask(ours, "h1", "ses_1"), { hash: "h1", id: "ses_1" })
        assert.deepStrictEqual(yield* ask(ours, "h1", "ses_2"), { hash: "h1", id: "ses_1" })
        assert.deepStrictEqual(yield* ask(ours, "h2", "ses_3"), { hash: "h1", id: "ses_1" })
        assert.deepStrictEqual(yield* ask(theirs, "h2", "ses_4"), { hash: "h2", id: "ses_4" })
        yield* passTime(24 * hourMs)
        assert.deepStrictEqual(yield* ask(ours, "h2", "ses_5"), { hash: "h2", id: "ses_5" })
        assert.deepStrictEqual(yield* ask(theirs, "h1", "ses_6"), { hash: "h1", id: "ses_6" })
      })
    )

    it.effect("reserves one id when many ask at once", () =>
      Effect.gen(function* () {
        const directory = yield* Directory
        const org = yield* organisation
        const asks = Array.from({ length: 20 }, (_, n) => directory.reserve({ org, key: "k", hash: "h", id: `ses_${n}` }))
        const ids = (yield* Effect.all(asks, { concurrency: "unbounded" })).map(({ id }) => id)
        assert.strictEqual(new Set(ids).size, 1)
      })
    )
  })
