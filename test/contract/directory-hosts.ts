/** What a directory promises a host, which has sessions of every organisation. */
import { assert, layer } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import { Directory, type SessionRow } from "../../actors/ports/directory.ts"
import { DirectoryWorld } from "./session-lists.ts"

export const exerciseHosts = <E>(name: string, world: Layer.Layer<Directory | DirectoryWorld, E>) =>
  layer(world)(`directory for hosts: ${name}`, (it) => {
    it.effect("finds the sessions of all organisations by their states, archived ones too, page by page", () =>
      Effect.gen(function* () {
        const directory = yield* Directory
        const { project } = yield* DirectoryWorld
        const orgs = ["org_hosts_a", "org_hosts_b"]
        for (const org of orgs) yield* directory.addOrganisation({ id: org, name: org })
        const statuses = ["hosts-busy", "hosts-paused", "hosts-stopped", "hosts-busy", "hosts-paused", "hosts-busy"]
        const rows = statuses.map(
          (status, n): SessionRow => ({
            ...{ id: `ses_hosts_${n}`, org: orgs[n % 2]!, title: "work", status, owner: null, configurationId: "cfg_1" },
            ...{ archived: n === 5, rev: 1, createdAtMs: 1_000 + n, updatedAtMs: 9_000 }
          })
        )
        for (const row of rows.toReversed()) yield* project(row)
        const found = (wanted: ReadonlyArray<string>, limit: number, after: string | null) =>
          Effect.map(directory.sessionsIn(wanted, { limit, after }), (page) => page.map(({ id }) => Number(id.at(-1))))

        assert.deepStrictEqual(yield* directory.sessionsIn(["hosts-stopped"], { limit: 9, after: null }), [rows[2]!])
        assert.deepStrictEqual(yield* found(["hosts-busy", "hosts-paused"], 3, null), [0, 1, 3])
        assert.deepStrictEqual(yield* found(["hosts-busy", "hosts-paused"], 3, "ses_hosts_3"), [4, 5])
        assert.deepStrictEqual(yield* found([], 3, null), [])
        assert.deepStrictEqual(yield* found(["hosts-nothing', 'x"], 3, null), [])
      })
    )

    it.effect("founds an organisation with its owner and their token, or nothing of it", () =>
      Effect.gen(function* () {
        const directory = yield* Directory
        const founding = (org: string, hash: string) => ({
          organisation: { id: org, name: org },
          user: { id: "usr_1", org, name: "Ada", email: "ada@example.org", role: "owner" as const },
          token: { id: "tok_1", org, userId: "usr_1", name: "first", prefix: "plf_abcd", hash, expiresAtMs: null }
        })
        const named = (id: string) => Effect.map(directory.organisations, (all) => all.find((known) => known.id === id))
        const conflicts = (org: string, hash: string) =>
          Effect.map(Effect.flip(directory.found(founding(org, hash))), ({ reason }) => assert.strictEqual(reason, "conflict"))
        const founded = yield* directory.found(founding("org_whole", "first of all"))
        assert.deepStrictEqual(yield* named("org_whole"), founded.organisation)
        assert.deepInclude(founded.organisation, { id: "org_whole", name: "org_whole" })
        assert.deepStrictEqual(yield* directory.users("org_whole"), [founded.user])
        assert.deepStrictEqual(yield* directory.tokenByHash("first of all"), { token: founded.token, user: founded.user })

        // What goes wrong last takes back what came first.
        yield* conflicts("org_half", "first of all")
        assert.isUndefined(yield* named("org_half"))
        assert.deepStrictEqual(yield* directory.users("org_half"), [])
        yield* conflicts("org_whole", "another")
        assert.deepStrictEqual(yield* directory.users("org_whole"), [founded.user])
        yield* directory.found(founding("org_half", "first of half"))
      })
    )
  })
