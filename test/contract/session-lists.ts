/** What every directory promises of lists of sessions: their order, their pages, and how they are narrowed and searched. */
import { assert, type Vitest } from "@effect/vitest"
import { Context, Effect } from "effect"
import { Directory, type SessionQuery, type SessionRow, wordsOf } from "../../actors/ports/directory.ts"

export class DirectoryWorld extends Context.Service<
  DirectoryWorld,
  {
    readonly project: (session: SessionRow) => Effect.Effect<void>
    readonly passTime: (ms: number) => Effect.Effect<void>
  }
>()("proliferate/test/DirectoryWorld") {}

const sessionRow = (org: string, n: number, changes: Partial<SessionRow>): SessionRow => ({
  id: `ses_${org}_${n}`,
  org,
  title: "work",
  status: "running",
  owner: null,
  configurationId: "cfg_1",
  archived: false,
  rev: 1,
  createdAtMs: 1_000 + n,
  updatedAtMs: 9_000,
  ...changes
})

export const listsSessions = (
  it: Vitest.MethodsNonLive<Directory | DirectoryWorld>,
  organisation: Effect.Effect<string, unknown, Directory>
): void => {
  it.effect("lists sessions newest first, page by page", () =>
    Effect.gen(function* () {
      const directory = yield* Directory
      const { project } = yield* DirectoryWorld
      const [ours, theirs] = [yield* organisation, yield* organisation]
      const rows = Array.from({ length: 5 }, (_, n) => sessionRow(ours, n, { title: `work ${n}`, rev: n + 1 }))
      for (const row of rows) yield* project(row)
      const newest = rows.toReversed()
      assert.deepStrictEqual(yield* directory.sessions(ours, { limit: 2 }), newest.slice(0, 2))
      assert.deepStrictEqual(yield* directory.sessions(ours, { limit: 2, before: newest[1]!.id }), newest.slice(2, 4))
      assert.deepStrictEqual(yield* directory.sessions(ours, { limit: 2, before: newest[3]!.id }), newest.slice(4))
      assert.deepStrictEqual(yield* directory.session(ours, newest[0]!.id), newest[0]!)
      assert.deepStrictEqual(yield* directory.sessions(theirs, { limit: 2 }), [])
      assert.isNull(yield* directory.session(theirs, newest[0]!.id))
    })
  )

  it.effect("narrows a list by state, by owner and by what was put away", () =>
    Effect.gen(function* () {
      const directory = yield* Directory
      const { project } = yield* DirectoryWorld
      const org = yield* organisation
      const rows = [
        ["running", "usr_1", false],
        ["failed", "usr_1", true],
        ["stopped", "usr_2", false],
        ["stopped", "usr_1", true]
      ] as const
      for (const [n, [status, owner, archived]] of rows.entries()) yield* project(sessionRow(org, n, { status, owner, archived }))
      const found = (query: Omit<SessionQuery, "limit">) =>
        Effect.map(directory.sessions(org, { limit: 10, ...query }), (all) => all.map(({ id }) => Number(id.at(-1))))
      assert.deepStrictEqual(yield* found({}), [2, 0])
      assert.deepStrictEqual(yield* found({ archived: true }), [3, 1])
      assert.deepStrictEqual(yield* found({ status: "stopped" }), [2])
      assert.deepStrictEqual(yield* found({ owner: "usr_1", archived: true, status: "failed" }), [1])
      assert.deepStrictEqual(yield* found({ owner: "usr_3" }), [])
    })
  )

  it.effect("finds sessions by how the words of their titles and ids begin, in any script and case", () =>
    Effect.gen(function* () {
      const directory = yield* Directory
      const { project } = yield* DirectoryWorld
      const [org, other] = [yield* organisation, yield* organisation]
      const titles = [
        "Fix the login-test of web",
        "Ärger mit der Überschrift: 日本語 100%",
        "it's a \\ 'quoted' & | ! :* title",
        ""
      ]
      for (const [n, title] of titles.entries()) yield* project(sessionRow(org, n, { title }))
      yield* project(sessionRow(other, 9, { title: "Fix the login of another" }))
      const found = (text: string, limit = 10) =>
        Effect.map(directory.sessions(org, { limit, words: wordsOf(text) }), (all) => all.map(({ id }) => Number(id.at(-1))))
      assert.deepStrictEqual(yield* found("LOGIN fi"), [0])
      assert.deepStrictEqual(yield* found("ogin"), [])
      assert.deepStrictEqual(yield* found("login of another"), [])
      assert.deepStrictEqual(yield* found("überSCHR"), [1])
      assert.deepStrictEqual(yield* found("日本"), [1])
      assert.deepStrictEqual(yield* found("it's 'quo & :* |"), [2])
      assert.deepStrictEqual(yield* found(`ses_${org}_3`), [3])
      assert.deepStrictEqual(yield* found(`SES_${org}`, 2), [3, 2])
    })
  )
}
