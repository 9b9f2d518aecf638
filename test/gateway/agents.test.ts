/** Agents, models and attachments over HTTP: what is refused says what to do, and who may do what. */
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { attachmentBytesMax } from "../../actors/ports/attachments.ts"
import { builtIn } from "../../adapters/agent/agents.ts"
import { versionOf } from "../../adapters/agent/program.ts"
import { agentTable } from "../support/agents.ts"
import { startGateway } from "../support/gateway.ts"

const models = ["one", "two"].map((id) => ({ id, dialects: ["chat" as const] }))

/** Where OpenCode looks as if it were installed. */
const withOpencode = () => {
  const directory = mkdtempSync(join(tmpdir(), "agents-"))
  const own = join(directory, "opencode", versionOf(builtIn["opencode"]!)!)
  mkdirSync(own, { recursive: true })
  writeFileSync(join(own, "installed.json"), "{}")
  return agentTable(models, directory)
}

describe("an agent", () => {
  it.live("that has no model, or is not installed, is refused with what to do about it", () =>
    Effect.gen(function* () {
      const bare = yield* startGateway()
      const { id: configurationId } = yield* bare.configuration()
      const wish = { configurationId, agent: "opencode", start: false }
      const without = yield* bare.ask(bare.owner.token, "POST", "/v1/sessions", wish)
      assert.strictEqual(without.status, 422)
      assert.match(without.body.detail, /^agent: opencode needs a model.*PROLIFERATE_MODEL_URL/)

      const { ask, owner, configuration } = yield* startGateway({ agents: agentTable(models) })
      const known = yield* configuration()
      const missing = yield* ask(owner.token, "POST", "/v1/sessions", { ...wish, configurationId: known.id })
      assert.strictEqual(missing.status, 422)
      assert.match(missing.body.detail, /`proliferate agents install opencode`/)
    })
  )

  it.live("is what a configuration without one means, once it can run", () =>
    Effect.gen(function* () {
      const { must, owner, configuration } = yield* startGateway({ agents: withOpencode() })
      const { repositoryId } = yield* configuration()
      const plain = yield* must(owner.token, "POST", "/v1/configurations", { name: "plain", repositories: [{ repositoryId }] })
      const made = yield* must(owner.token, "POST", "/v1/sessions", { configurationId: plain.id, start: false })
      assert.deepInclude(made, { agent: "opencode", model: "one" })
    })
  )

  it.live("is listed with what it lacks, and installed and tried out by administrators alone", () =>
    Effect.gen(function* () {
      const { ask, must, owner, person } = yield* startGateway({ agents: agentTable(models) })
      const { agents } = yield* must(owner.token, "GET", "/v1/agents")
      assert.deepStrictEqual(
        agents.map(({ name, state }: { name: string; state: string }) => [name, state]),
        [
          ["opencode", "not-installed"],
          ["claude", "not-installed"],
          ["codex", "not-installed"],
          ["scripted", "ready"]
        ]
      )
      const member = yield* person("member")
      for (const verb of ["install", "check"])
        assert.strictEqual((yield* ask(member.token, "POST", `/v1/agents/opencode/${verb}`)).status, 403)
      assert.strictEqual((yield* ask(owner.token, "POST", "/v1/agents/clippy/install")).status, 404)
      assert.strictEqual((yield* ask(owner.token, "POST", "/v1/agents/scripted/check")).status, 202)
      const done = yield* must(owner.token, "GET", "/v1/agents/scripted").pipe(
        Effect.repeat({ until: ({ work }) => work.state !== "running", schedule: Schedule.spaced(20) }),
        Effect.timeout("5 seconds")
      )
      assert.deepInclude(done.work, { kind: "check", state: "done", message: "scripted works" })
      yield* ask(owner.token, "POST", "/v1/agents/opencode/check")
      const failed = yield* must(owner.token, "GET", "/v1/agents/opencode").pipe(
        Effect.repeat({ until: ({ work }) => work.state !== "running", schedule: Schedule.spaced(20) }),
        Effect.timeout("5 seconds")
      )
      assert.strictEqual(failed.work.state, "failed")
      assert.include(failed.work.message, "proliferate agents install opencode")
    })
  )
})

describe("a model", () => {
  it.live("is chosen for a session, switched during it, and refused where its agent cannot use it", () =>
    Effect.gen(function* () {
      const { ask, must, owner, configuration } = yield* startGateway({ agents: withOpencode() })
      const { id: configurationId } = yield* configuration()
      const wish = { configurationId, agent: "opencode", start: false }
      const unknown = yield* ask(owner.token, "POST", "/v1/sessions", { ...wish, model: "nine" })
      assert.deepInclude(unknown.body, {
        status: 422,
        detail: 'model: opencode cannot use the model "nine"; it can use: one, two'
      })
      const { id } = yield* must(owner.token, "POST", "/v1/sessions", { ...wish, model: "two" })
      assert.strictEqual((yield* must(owner.token, "GET", `/v1/sessions/${id}`)).model, "two")
      assert.strictEqual((yield* must(owner.token, "POST", `/v1/sessions/${id}/model`, { model: "one" })).model, "one")
      assert.strictEqual((yield* ask(owner.token, "POST", `/v1/sessions/${id}/model`, { model: "nine" })).status, 422)
      const scripted = yield* must(owner.token, "POST", "/v1/sessions", { configurationId, start: false })
      assert.isNull(scripted.model)
      const none = yield* ask(owner.token, "POST", `/v1/sessions/${scripted.id}/model`, { model: "one" })
      assert.match(none.body.detail, /scripted takes no model from here/)
    })
  )
})

describe("an attachment", () => {
  it.live("is brought in pieces, then named by a prompt, which keeps its name and not its bytes", () =>
    Effect.gen(function* () {
      const { ask, must, owner, session } = yield* startGateway()
      const { id } = yield* session()
      const put = (offset: number, data: string, more: object = {}) =>
        ask(owner.token, "POST", `/v1/sessions/${id}/attachments`, {
          id: "att_12345678",
          name: "page.png",
          type: "image/png",
          bytes: 6,
          offset,
          data: Buffer.from(data).toString("base64"),
          ...more
        })
      assert.deepEqual((yield* put(0, "abc")).body, { id: "att_12345678", received: 3 })
      const prompt = { id: "p1", text: "look", attachments: ["att_12345678"] }
      const early = yield* ask(owner.token, "POST", `/v1/sessions/${id}/prompts`, prompt)
      assert.deepInclude(early.body, { status: 422 })
      assert.include(early.body.detail, "not all bytes have come")
      assert.strictEqual((yield* put(4, "f")).status, 422)
      assert.deepEqual((yield* put(3, "def")).body, { id: "att_12345678", received: 6 })
      assert.deepEqual((yield* put(3, "def")).body, { id: "att_12345678", received: 6 })
      yield* must(owner.token, "POST", `/v1/sessions/${id}/prompts`, prompt)
      const { rows } = yield* must(owner.token, "GET", `/v1/actors/session/${id}/history`)
      const asked = rows.find(({ event }: { event: { type: string } }) => event.type === "prompt").event
      assert.deepEqual(asked.attachments, [{ id: "att_12345678", name: "page.png", type: "image/png", bytes: 6 }])
    })
  )

  it.live("breaks no bound: its size, its name, its type, how many, whose", () =>
    Effect.gen(function* () {
      const { ask, owner, session } = yield* startGateway()
      const { id } = yield* session()
      const put = (changes: object) =>
        ask(owner.token, "POST", `/v1/sessions/${id}/attachments`, {
          id: "att_12345678",
          name: "a.txt",
          type: "text/plain",
          bytes: 1,
          offset: 0,
          data: "YQ==",
          ...changes
        })
      for (const changes of [
        { bytes: attachmentBytesMax + 1 },
        { bytes: 0 },
        { name: "../a" },
        { name: ".hidden" },
        { type: "nonsense" },
        { id: "../../x" },
        { offset: -1 },
        { data: "not base64!" }
      ])
        assert.strictEqual((yield* put(changes)).status, 400, JSON.stringify(changes))
      assert.strictEqual((yield* put({ data: "YWE=" })).status, 422)
      const eleven = Array.from({ length: 11 }, (_, at) => `att_1234567${String.fromCharCode(97 + at)}`)
      const prompt = (attachments: ReadonlyArray<string>) =>
        ask(owner.token, "POST", `/v1/sessions/${id}/prompts`, { text: "look", attachments })
      assert.strictEqual((yield* prompt(eleven)).status, 400)
      assert.include((yield* prompt(["att_87654321"])).body.detail, "attach it again")
    })
  )
})
