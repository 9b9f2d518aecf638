/** Finding one of many sessions: by words, by state, by owner; and putting away what is done. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { type Started, startGateway } from "../support/gateway.ts"

const gateway = startGateway()

const idsOf = ({ must }: Started, token: string, query: string) =>
  Effect.map(must(token, "GET", `/v1/sessions?${query}`), ({ sessions }) => sessions.map(({ id }: { id: string }) => id))

const ended = ({ must, owner }: Started, id: string) =>
  must(owner.token, "GET", `/v1/sessions/${id}`).pipe(
    Effect.repeat({ until: ({ status }) => status === "stopped", schedule: Schedule.spaced(20) }),
    Effect.timeout("5 seconds")
  )

describe("the list of sessions", () => {
  it.live("is searched by words of titles and by ids, and narrowed by state and owner", () =>
    Effect.gen(function* () {
      const its = yield* gateway
      const { configuration, must, owner, person } = its
      const { id: configurationId } = yield* configuration()
      const other = yield* person("member")
      const make = (token: string, title: string) =>
        Effect.map(must(token, "POST", "/v1/sessions", { configurationId, start: false, title }), ({ id }): string => id)
      const login = yield* make(owner.token, "Fix the login test")
      const pager = yield* make(other.token, "Mend the pager")
      assert.deepStrictEqual(yield* idsOf(its, owner.token, "search=LOG"), [login])
      assert.deepStrictEqual(yield* idsOf(its, owner.token, "search=the"), [pager, login])
      assert.deepStrictEqual(yield* idsOf(its, owner.token, `search=${pager}`), [pager])
      assert.deepStrictEqual(yield* idsOf(its, owner.token, "search=nothing"), [])
      assert.deepStrictEqual(yield* idsOf(its, other.token, "mine=true"), [pager])
      assert.deepStrictEqual(yield* idsOf(its, owner.token, "status=pending"), [pager, login])
      assert.deepStrictEqual(yield* idsOf(its, owner.token, "status=running"), [])
      const stranger = yield* its.ask(owner.token, "GET", "/v1/sessions?search=%25%27%20%26")
      assert.deepInclude(stranger.body, { status: 400, code: "invalid" })
      assert.strictEqual((yield* its.ask(owner.token, "GET", "/v1/sessions?mine=perhaps")).status, 400)
    })
  )

  it.live("is without what was archived, until that is asked for or taken back", () =>
    Effect.gen(function* () {
      const its = yield* gateway
      const { ask, must, owner } = its
      const { id } = yield* its.session({ start: false, title: "Mend it" })
      const early = yield* ask(owner.token, "POST", `/v1/sessions/${id}/archive`)
      assert.deepInclude(early.body, { status: 409, code: "refused", state: "pending" })
      yield* must(owner.token, "POST", `/v1/sessions/${id}/stop`)
      yield* ended(its, id)
      assert.strictEqual((yield* ask(owner.token, "POST", `/v1/sessions/${id}/archive`)).status, 202)
      assert.strictEqual((yield* must(owner.token, "GET", `/v1/sessions/${id}`)).archived, true)
      assert.deepStrictEqual(yield* idsOf(its, owner.token, ""), [])
      assert.deepStrictEqual(yield* idsOf(its, owner.token, "search=mend&archived=true"), [id])
      assert.strictEqual((yield* ask(owner.token, "POST", `/v1/sessions/${id}/unarchive`)).status, 202)
      assert.deepStrictEqual(yield* idsOf(its, owner.token, "search=mend"), [id])
    })
  )
})
