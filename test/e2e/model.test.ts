/**
 * A model from inside a sandbox, the whole way: a process in it asks 127.0.0.1:3128 with its session's token, the server asks the
 * endpoint with the host's key. The key is nowhere inside; what was used stands beside the session; a stopped session's call ends.
 */
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Layer, Redacted } from "effect"
import { afterAll, assert, beforeAll, it } from "vitest"
import { Access } from "../../actors/services/access.ts"
import * as MemoryDirectory from "../../adapters/memory/directory.ts"
import { makeBundle, run, start } from "../support/command.ts"
import { type ScriptedModel, startModel } from "../support/model.ts"
import { type Server, startServer } from "../support/server.ts"

const key = "sk-host-0123456789abcdefghijklmnop"
const directory = mkdtempSync(join(tmpdir(), "proliferate-model-"))
const dataDir = join(directory, "data")
const repository = join(directory, "app")
const full = { timeout: 120_000 }
let model: ScriptedModel
let server: Server
let env: Record<string, string>
let session: any
let token: string

const json = async (...args: ReadonlyArray<string>) => {
  const { code, stdout, stderr } = await run([...args, "--json"], env)
  assert.deepStrictEqual([code, stderr], [0, ""], args.join(" "))
  return JSON.parse(stdout)
}

/** The token that agents of a session are started with: it follows from the host's key. */
const tokenOf = (org: string, sessionId: string) => {
  const hostKey = Redacted.make<Uint8Array>(readFileSync(join(dataDir, "host.key")))
  const access = Access.layer(hostKey).pipe(Layer.provide(MemoryDirectory.layer()))
  return Effect.runSync(
    Access.use(({ mintSandboxToken }) => Effect.succeed(mintSandboxToken(org, sessionId))).pipe(Effect.provide(access))
  )
}

const asking = (script: string, stream: boolean) => {
  const body = JSON.stringify({ model: "scripted-1", stream, messages: [{ role: "user", content: `SCRIPT:${script}` }] })
  const program = `const answer = await fetch("http://127.0.0.1:3128/model/v1/chat/completions", { method: "POST", headers: { authorization: "Bearer ${token}" }, body: ${JSON.stringify(body)} }); console.log(answer.status, (await answer.text()).replace(/.*"content":/, ""))`
  return `run: ${JSON.stringify([{ run: `/opt/proliferate/bin/node --input-type=module -e '${program}'` }])}`
}

beforeAll(async () => {
  makeBundle()
  model = await startModel({ key, models: ["scripted-1"] })
  execFileSync("git", ["init", "--quiet", "--initial-branch=main", repository])
  const git = ["-C", repository, "-c", "user.name=t", "-c", "user.email=t@t.invalid"]
  execFileSync("git", [...git, "commit", "--quiet", "--allow-empty", "--message", "first"])
  server = await startServer(dataDir, {
    PROLIFERATE_MODEL_URL: model.url,
    PROLIFERATE_MODEL_KEY: key,
    PROLIFERATE_MODELS: "scripted-1"
  })
  env = { PROLIFERATE_URL: server.url, PROLIFERATE_TOKEN: server.token! }
  await json("repos", "add", repository)
  await json("configurations", "create", "--name", "app", "--repo", "app", "--agent", "scripted")
  session = await json("sessions", "create", "-c", "app")
  const { organisation } = await json("whoami")
  token = tokenOf(organisation.id ?? organisation, session.id)
}, 120_000)

afterAll(async () => {
  await server?.stop()
  await model?.close()
  rmSync(directory, { recursive: true, force: true })
}, 90_000)

it("answers a process in the sandbox, and counts what it cost", full, async () => {
  const { code, stdout } = await run(["sessions", "prompt", session.id, asking("hello", false), "--wait"], env)
  assert.strictEqual(code, 0)
  assert.match(stdout, /200 "Hello from the scripted model/, stdout)
  const [received] = model.requests
  assert.strictEqual(received!.headers.authorization, `Bearer ${key}`)
  const { usage } = await json("sessions", "show", session.id)
  assert.deepStrictEqual(usage, { calls: 1, ...received!.usage })
  const shown = await run(["sessions", "show", session.id], env)
  assert.include(shown.stdout, `${usage.input} tokens in (0 cached), ${usage.output} out, in 1 call\n`)
})

it("leaves the host's key on the host", full, async () => {
  const look = [{ run: "env; cat /proc/[0-9]*/environ | tr '\\\\0' '\\\\n'; cat /proc/[0-9]*/cmdline | tr '\\\\0' '\\\\n'" }]
  const { code, stdout } = await run(["sessions", "prompt", session.id, `run: ${JSON.stringify(look)}`, "--wait"], env)
  assert.strictEqual(code, 0)
  assert.include(stdout, "HOME=")
  assert.notInclude(stdout, key)
  assert.notInclude(server.log(), key)
  assert.notInclude(JSON.stringify(server), key)
  assert.strictEqual((server as unknown as { models: string }).models, `scripted-1 by chat at ${model.url}`)
})

it("ends a call at the endpoint when its session stops", full, async () => {
  const turn = start(["sessions", "prompt", session.id, asking("slow", true), "--wait"], env)
  await model.until((requests) => requests.length === 2 && requests[1]!.writtenBytes > 0)
  await json("sessions", "stop", session.id)
  await model.until((requests) => requests[1]!.aborted)
  await turn.ended
  // It is counted when it is over, a moment after it was ended.
  const endsAtMs = Date.now() + 10_000
  const calls = async () => (await json("sessions", "show", session.id)).usage.calls
  while ((await calls()) < 2) assert.isBelow(Date.now(), endsAtMs, "the call that was ended is not counted")
})
