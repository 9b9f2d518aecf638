/** What a session chooses for its agent, mode, model and files, as the agent hears it; with an agent that tells what it was given. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { agent, type Client, listen, sandboxId, startDaemon, steps } from "./support.ts"

type Ear = Effect.Success<ReturnType<typeof listen>>

const program = join(import.meta.dirname, "../support/telling-agent.mjs")
const telling = (...args: ReadonlyArray<string>) =>
  agent({
    name: "telling",
    command: ["{node}", program, ...args],
    env: { TOLD_MODEL: "at/{model}" },
    model: "first",
    modelOption: "at/{model}",
    mode: "doing"
  })

const turn = Effect.fnUntraced(function* (
  client: Client,
  ear: Ear,
  turnId: string,
  files: ReadonlyArray<{ name: string; type: string }> = []
) {
  yield* client.startTurn(sandboxId, { boot: 1, turnId, text: "hello", files })
  yield* ear.finished(turnId)
  return ear.said(turnId).split("\n")
})

for (const offers of ["options", "modes"]) {
  it.live(`a mode and a model offered as ${offers} are chosen when the agent starts, and the model is switched in place`, () =>
    Effect.gen(function* () {
      const { client } = yield* startDaemon()
      const ear = yield* listen(client)
      const ready = yield* client.startAgent(sandboxId, telling(`--offers=${offers}`))
      assert.deepInclude(ready, { program: "Telling agent 1.2.3", abilities: ["load", "images", "files"] })
      const [pid, ...before] = yield* turn(client, ear, "t1")
      assert.deepStrictEqual(before, ["mode doing", "model at/first", "text hello"])
      yield* client.useModel(sandboxId, { boot: 1, model: "second" })
      yield* client.useModel(sandboxId, { boot: 1, model: "second" })
      assert.deepStrictEqual(yield* turn(client, ear, "t2"), [pid, "mode doing", "model at/second", "text hello"])
      assert.deepStrictEqual(ear.of("commands").at(-1)?.body, { commands: [{ name: "tidy", description: "Tidies up" }] })
    })
  )
}

it.live(
  "an agent that offers no models is started anew with the one that it is switched to, and nobody hears that it ended",
  () =>
    Effect.gen(function* () {
      const { client } = yield* startDaemon()
      const ear = yield* listen(client)
      yield* client.startAgent(sandboxId, telling("--offers=nothing"))
      const [pid] = yield* turn(client, ear, "t1")
      yield* client.useModel(sandboxId, { boot: 1, model: "third" })
      const [other, ...rest] = yield* turn(client, ear, "t2")
      assert.notStrictEqual(other, pid)
      assert.deepStrictEqual(rest, ["mode asking", "model at/third", "text hello"])
      assert.deepStrictEqual(ear.of("agent.exited"), [])
      assert.strictEqual((yield* client.health(sandboxId)).boot, 1)
    })
)

it.live("an agent that could not load its conversation is not started anew for another model", () =>
  Effect.gen(function* () {
    const { client } = yield* startDaemon()
    const ear = yield* listen(client)
    yield* client.startAgent(sandboxId, telling("--offers=nothing", "--forgets"))
    const refused = yield* Effect.flip(client.useModel(sandboxId, { boot: 1, model: "third" }))
    assert.match(refused.message, /telling can only be started anew/)
    assert.include(yield* turn(client, ear, "t1"), "model at/first")
  })
)

it.live("the session's token is in nothing that is told, whole, in pieces, or in a tool's output", () =>
  Effect.gen(function* () {
    const token = "psb_org_1.ses_1.a-secret_of-this-session"
    const { client } = yield* startDaemon()
    const ear = yield* listen(client)
    yield* client.startAgent(sandboxId, agent({ env: { KEY: token }, secrets: [token] }))
    const text = steps({ run: "echo its $KEY." }, { say: `One ${token} and two ${token}${token}!` }, { say: "psb_org_1.ses_1" })
    yield* client.startTurn(sandboxId, { boot: 1, turnId: "t1", text })
    yield* ear.finished("t1")
    assert.include(ear.said("t1"), "One [secret] and two [secret][secret]!")
    assert.include(ear.said("t1"), "psb_org_1.ses_1")
    assert.include(String(ear.of("tool").at(-1)!.body["output"]), "its [secret].")
    assert.notInclude(JSON.stringify(["message", "tool", "log"].map((kind) => ear.of(kind))), token)
  })
)

it.live("an image is shown as one, a text whole, anything else as a link; all of them lie in the home", () =>
  Effect.gen(function* () {
    const { client, home } = yield* startDaemon()
    const ear = yield* listen(client)
    yield* client.startAgent(sandboxId, telling())
    const put = (name: string, offset: number, data: string) =>
      client.putFile(sandboxId, { turnId: "t1", name, offset, data: Buffer.from(data) })
    yield* put("page.png", 0, "first half,")
    yield* put("page.png", 11, "second half")
    yield* put("page.png", 11, "second half")
    yield* put("log.txt", 0, "it broke")
    yield* put("all.zip", 0, "PK")
    const said = yield* turn(client, ear, "t1", [
      { name: "page.png", type: "image/png" },
      { name: "log.txt", type: "text/plain" },
      { name: "all.zip", type: "application/zip" }
    ])
    const folder = join(home, ".proliferate/attachments/t1")
    assert.deepStrictEqual(said.slice(3), [
      "text hello",
      "image image/png 22",
      "resource text/plain it broke",
      `resource_link application/zip all.zip file://${folder}/all.zip`
    ])
    assert.strictEqual(readFileSync(join(folder, "page.png"), "utf8"), "first half,second half")
    for (const name of ["../out", "..", "a/b", ""]) assert.strictEqual((yield* Effect.flip(put(name, 0, "x"))).reason, "refused")
  })
)
