/** What people ask of sessions over HTTP, twice as well as once. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { sessionAddress } from "../../actors/services/sessions.ts"
import { promptCharactersMax } from "../../machines/limits.ts"
import { Journal } from "../../runtime/journal.ts"
import { type Started, startGateway } from "../support/gateway.ts"

const gateway = startGateway()

const running = ({ must, owner }: Started, id: string) =>
  must(owner.token, "GET", `/v1/sessions/${id}`).pipe(
    Effect.repeat({ until: ({ status }) => status === "running", schedule: Schedule.spaced(20) }),
    Effect.timeout("5 seconds")
  )

describe("a session", () => {
  it.live("is created, listed newest first, shown, renamed, started and stopped", () =>
    Effect.gen(function* () {
      const its = yield* gateway
      const { ask, configuration, must, owner } = its
      const { id: configurationId } = yield* configuration()
      const created = yield* ask(owner.token, "POST", "/v1/sessions", { configurationId, start: false, agent: "scripted" })
      assert.strictEqual(created.status, 201)
      assert.deepInclude(created.body, {
        title: "",
        status: "pending",
        owner: owner.id,
        configurationId,
        agent: "scripted",
        turnId: null,
        queue: [],
        quarantine: null
      })
      const { id } = created.body
      const second = yield* must(owner.token, "POST", "/v1/sessions", { configurationId, start: false })
      const listed = (yield* must(owner.token, "GET", "/v1/sessions?limit=1")).sessions
      assert.deepEqual([listed.length, listed[0].id], [1, second.id])
      assert.deepEqual(
        (yield* must(owner.token, "GET", `/v1/sessions?before=${second.id}`)).sessions.map((row: { id: string }) => row.id),
        [id]
      )
      assert.strictEqual((yield* must(owner.token, "PATCH", `/v1/sessions/${id}`, { title: "Mend it" })).title, "Mend it")
      assert.strictEqual((yield* ask(owner.token, "POST", `/v1/sessions/${id}/start`)).status, 202)
      const { createdAtMs, ...view } = yield* running(its, id)
      assert.isAtMost(createdAtMs, view.updatedAtMs)
      assert.deepInclude(view, { title: "Mend it", agent: "scripted" })
      assert.include(view.accepts, "pause")
      assert.strictEqual((yield* ask(owner.token, "POST", `/v1/sessions/${id}/stop`)).status, 202)
    })
  )

  it.live("is titled by its first prompt and starts with it", () =>
    Effect.gen(function* () {
      const its = yield* gateway
      const made = yield* its.session({ start: true, prompt: { id: "p1", text: "  Mend the pager.\nIt is broken." } })
      assert.strictEqual(made["title"], "Mend the pager.")
      const view = yield* running(its, made.id).pipe(
        Effect.repeat({ until: ({ turnId }) => turnId !== null, schedule: Schedule.spaced(20) }),
        Effect.timeout("5 seconds")
      )
      assert.strictEqual(view.turnId, "p1")
    })
  )

  it.live("is made once under one Idempotency-Key, however often it is asked for, also at once", () =>
    Effect.gen(function* () {
      const { ask, configuration, must, owner, person } = yield* gateway
      const { id: configurationId } = yield* configuration()
      const body = { configurationId, title: "Once", prompt: { text: "hello" } }
      const make = (as: string, key: string, its: unknown = body) =>
        ask(as, "POST", "/v1/sessions", its, { "idempotency-key": key })
      const answers = yield* Effect.all([make(owner.token, "k1"), make(owner.token, "k1"), make(owner.token, "k1")], {
        concurrency: 3
      })
      assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 200, 201])
      assert.strictEqual(new Set(answers.map(({ body: { id } }) => id)).size, 1)
      const reordered = yield* make(owner.token, "k1", { prompt: { text: "hello" }, title: "Once", configurationId })
      assert.strictEqual(reordered.body.id, answers[0]!.body.id)
      const history = (yield* must(owner.token, "GET", `/v1/actors/session/${answers[0]!.body.id}/history`)).rows
      assert.lengthOf(
        history.filter(({ event }: { event: { type: string } }) => event.type === "prompt"),
        1
      )

      const other = yield* make(owner.token, "k1", { ...body, title: "Twice" })
      assert.deepInclude(other.body, { status: 409, code: "conflict" })
      const member = yield* person("member")
      const theirs = yield* make(member.token, "k1")
      assert.strictEqual(theirs.status, 201, "a key is its user's own")
      assert.strictEqual((yield* make(owner.token, "not a key")).status, 400)
      assert.lengthOf((yield* must(owner.token, "GET", "/v1/sessions")).sessions, 2)
    })
  )

  it.live("needs a configuration of the organisation, and leaves nothing behind without one", () =>
    Effect.gen(function* () {
      const { ask, configuration, must, owner } = yield* gateway
      assert.deepInclude((yield* ask(owner.token, "POST", "/v1/sessions", { configurationId: "cfg_none" })).body, {
        status: 422,
        code: "reference"
      })
      const { id: configurationId } = yield* configuration()
      for (const wrong of [
        { prompt: { text: "" } },
        { prompt: { text: "a\u0000" } },
        { prompt: { text: "hi" }, start: false },
        { title: "" }
      ]) {
        assert.strictEqual(
          (yield* ask(owner.token, "POST", "/v1/sessions", { configurationId, ...wrong })).status,
          400,
          JSON.stringify(wrong)
        )
      }
      assert.isEmpty((yield* must(owner.token, "GET", "/v1/sessions")).sessions)
    })
  )

  it.live("needs an agent that there is, and hears which there are", () =>
    Effect.gen(function* () {
      const { ask, configuration, must, owner } = yield* gateway
      const { id: configurationId, repositoryId } = yield* configuration()
      const other = yield* ask(owner.token, "POST", "/v1/sessions", { configurationId, agent: "clippy" })
      assert.deepInclude(other.body, {
        status: 422,
        detail: 'agent: there is no agent "clippy"; there is: opencode, claude, codex, scripted'
      })
      const made = { name: "other", repositories: [{ repositoryId }] }
      assert.strictEqual((yield* ask(owner.token, "POST", "/v1/configurations", { ...made, agent: "clippy" })).status, 422)
      const { id } = yield* must(owner.token, "POST", "/v1/configurations", made)
      assert.strictEqual((yield* ask(owner.token, "POST", "/v1/sessions", { configurationId: id })).status, 422)
      assert.strictEqual(
        (yield* ask(owner.token, "POST", "/v1/sessions", { configurationId: id, agent: "scripted" })).status,
        201
      )
    })
  )

  it.live("that is not there is 404, whatever is asked of it", () =>
    Effect.gen(function* () {
      const { ask, owner } = yield* gateway
      for (const [method, path] of [
        ["GET", ""],
        ["GET", "/events"],
        ["GET", "/diff"],
        ["POST", "/stop"],
        ["DELETE", "/prompts/p1"]
      ] as const) {
        assert.strictEqual((yield* ask(owner.token, method, `/v1/sessions/ses_none${path}`)).status, 404, path)
      }
    })
  )
})

describe("a prompt", () => {
  it.live("is taken once under its id, and shown until its turn", () =>
    Effect.gen(function* () {
      const its = yield* gateway
      const { ask, must, owner, session } = its
      const { id } = yield* session({ start: true })
      yield* running(its, id)
      const prompt = (body: unknown, headers = {}) => ask(owner.token, "POST", `/v1/sessions/${id}/prompts`, body, headers)
      const first = yield* prompt({ id: "p1", text: "one" })
      assert.deepInclude(first, { status: 202 })
      assert.deepInclude(first.body, { promptId: "p1", duplicate: false })
      assert.deepEqual((yield* prompt({ id: "p1", text: "one" })).body, { ...first.body, duplicate: true })
      assert.deepInclude((yield* prompt({ text: "two" }, { "idempotency-key": "p2" })).body, { promptId: "p2", duplicate: false })
      assert.match((yield* prompt({ text: "three" })).body.promptId, /^prm_/)
      const { turnId, queue } = yield* must(owner.token, "GET", `/v1/sessions/${id}`)
      assert.deepEqual([turnId, queue.length, queue[0].promptId, queue[0].by], ["p1", 2, "p2", owner.id])

      const removed = yield* ask(owner.token, "DELETE", `/v1/sessions/${id}/prompts/p2`)
      assert.strictEqual(removed.status, 200)
      assert.hasAllKeys(removed.body, ["rev"])
      assert.strictEqual((yield* ask(owner.token, "DELETE", `/v1/sessions/${id}/prompts/p2`)).status, 409)
    })
  )

  it.live.each([
    ["is empty", "", /^text: must not be empty$/],
    ["is too long", "x".repeat(promptCharactersMax + 1), /^text: must have at most 100000 characters$/],
    ["holds a NUL", "a\u0000b", /^text: must not contain NUL characters$/]
  ] as const)("is refused when it %s", ([, text, message]) =>
    Effect.gen(function* () {
      const { ask, owner, session } = yield* gateway
      const { id } = yield* session()
      const answered = yield* ask(owner.token, "POST", `/v1/sessions/${id}/prompts`, { text })
      assert.strictEqual(answered.status, 400)
      assert.match(answered.body.detail, message)
    })
  )

  it.live("is refused by a stopped session, which says what it takes instead", () =>
    Effect.gen(function* () {
      const { ask, must, owner, session } = yield* gateway
      const { id } = yield* session()
      yield* must(owner.token, "POST", `/v1/sessions/${id}/stop`)
      const answered = yield* ask(owner.token, "POST", `/v1/sessions/${id}/prompts`, { text: "hi" })
      assert.deepInclude(answered.body, { status: 409, code: "refused", state: "stopped" })
      assert.isArray(answered.body.accepts)
    })
  )
})

describe("trouble behind the gateway", () => {
  it.live("is 503 with a time to come back, and over when the database is back", () =>
    Effect.gen(function* () {
      let isAway = false
      const { ask, owner, session } = yield* startGateway({
        disturb: (operation) => Effect.succeed(isAway && operation === "load" ? "unavailable" : null)
      })
      const { id } = yield* session()
      isAway = true
      const away = yield* ask(owner.token, "GET", `/v1/sessions/${id}`)
      assert.deepInclude(away.body, { status: 503, code: "unavailable" })
      assert.strictEqual(away.headers.get("retry-after"), "2")
      isAway = false
      assert.strictEqual((yield* ask(owner.token, "GET", `/v1/sessions/${id}`)).status, 200)
    })
  )

  it.live("is shown of a session that was set aside, until an administrator lets it go on", () =>
    Effect.gen(function* () {
      const { ask, its, must, organisation, owner, person, session } = yield* gateway
      const { id } = yield* session()
      const address = sessionAddress(organisation.id, id)
      yield* its(Journal.use((journal) => journal.quarantine(address, { reason: "crashed 6 times", event: null })))
      assert.deepInclude((yield* must(owner.token, "GET", `/v1/sessions/${id}`)).quarantine, { reason: "crashed 6 times" })
      const { token } = yield* person("admin")
      assert.deepEqual((yield* ask(token, "POST", `/v1/operations/actors/session/${id}/release`, { why: "mended" })).body, {
        released: true
      })
      assert.isNull((yield* must(owner.token, "GET", `/v1/sessions/${id}`)).quarantine)
      assert.strictEqual((yield* ask(owner.token, "PATCH", `/v1/sessions/${id}`, { title: "On" })).status, 200)
    })
  )
})

describe("steering", () => {
  it.live("is done once under one key", () =>
    Effect.gen(function* () {
      const its = yield* gateway
      const { ask, owner, session } = its
      const { id } = yield* session({ start: true })
      yield* running(its, id)
      const pause = () => ask(owner.token, "POST", `/v1/sessions/${id}/pause`, undefined, { "idempotency-key": "pause-1" })
      const first = yield* pause()
      assert.deepInclude(first.body, { duplicate: false })
      assert.deepEqual((yield* pause()).body, { ...first.body, duplicate: true })
    })
  )

  it.live("shows the diff of a session that runs, and says what to do for one that does not", () =>
    Effect.gen(function* () {
      const its = yield* gateway
      const { ask, owner, session } = its
      const { id } = yield* session()
      const refused = yield* ask(owner.token, "GET", `/v1/sessions/${id}/diff`)
      assert.deepInclude(refused.body, { status: 409, state: "pending" })
      assert.include(refused.body.detail, "start it first")
      yield* ask(owner.token, "POST", `/v1/sessions/${id}/start`)
      yield* running(its, id)
      assert.deepEqual((yield* ask(owner.token, "GET", `/v1/sessions/${id}/diff`)).body, { repositories: [] })
    })
  )

  it.live("leaves a history that an operator can read", () =>
    Effect.gen(function* () {
      const { must, owner, session } = yield* gateway
      const { id } = yield* session()
      yield* must(owner.token, "PATCH", `/v1/sessions/${id}`, { title: "New" })
      const { rows } = yield* must(owner.token, "GET", `/v1/actors/session/${id}/history?after=1`)
      assert.deepInclude(rows[0], { rev: 2, by: owner.id })
      assert.strictEqual((yield* must(owner.token, "GET", `/v1/actors/session/${id}`)).rev, 2)
    })
  )
})
