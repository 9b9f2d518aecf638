/**
 * The agents that people use, as npm has them, each in a real sandbox behind the real relay, thinking with the scripted model: a
 * prompt with a tool call, another model, a turn that is interrupted, a conversation that is loaded from a snapshot. They are
 * installed once, into PROLIFERATE_AGENTS_DIR or a directory of all runs of this suite: 1.1 GB.
 */
import { execFileSync } from "node:child_process"
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { makeBundle, root, run, start } from "../support/command.ts"
import { type ScriptedModel, startModel } from "../support/model.ts"
import { type Server, startServer } from "../support/server.ts"

const directory = mkdtempSync(join(tmpdir(), "proliferate-agents-"))
const agentsDir = process.env["PROLIFERATE_AGENTS_DIR"] ?? join(tmpdir(), "proliferate-agents-cache")
const hostKey = "the-key-of-this-host"
const waitMs = 180_000
/** One red pixel. */
const dot = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
let server: Server
let model: ScriptedModel
let env: Record<string, string>

const json = async (...args: ReadonlyArray<string>) => {
  const { code, stdout, stderr } = await start([...args, "--json"], env, "", waitMs).ended
  expect([code, stderr], args.join(" ")).toEqual([0, ""])
  return JSON.parse(stdout)
}
/** What a turn shows, and how it leaves. */
const turn = (sessionId: string, text: string) => start(["sessions", "prompt", sessionId, text, "--wait"], env, "", waitMs)
/** The last that was asked for a turn: what an agent asks for beside it, such as a title, has no tools. */
const lastTold = () => {
  const hasTools = (body: unknown) => ((body as { readonly tools?: ReadonlyArray<unknown> }).tools ?? []).length > 0
  return model.requests.findLast(({ script, body }) => script !== null && hasTools(body))!
}

beforeAll(async () => {
  makeBundle()
  const repository = join(directory, "pager")
  cpSync(join(root, "cli/sample"), repository, { recursive: true })
  const git = (...args: ReadonlyArray<string>) =>
    execFileSync("git", ["-C", repository, "-c", "user.name=t", "-c", "user.email=t@t.invalid", ...args])
  git("init", "--quiet", "--initial-branch=main")
  git("add", "--all")
  git("commit", "--quiet", "--message", "first")
  model = await startModel({ key: hostKey, models: ["scripted-1", "scripted-2"] })
  server = await startServer(join(directory, "data"), {
    PROLIFERATE_AGENTS_DIR: agentsDir,
    PROLIFERATE_MODEL_URL: model.url,
    PROLIFERATE_MODEL_KEY: hostKey,
    PROLIFERATE_MODEL_DIALECT: "chat,responses,messages",
    PROLIFERATE_MODELS: "scripted-1,scripted-2"
  })
  env = { PROLIFERATE_URL: server.url, PROLIFERATE_TOKEN: server.token! }
  await json("repos", "add", repository)
}, 90_000)

afterAll(async () => {
  await server?.stop()
  await model?.close()
  rmSync(directory, { recursive: true, force: true })
}, 90_000)

describe.each(["opencode", "claude", "codex"])("%s", (agent) => {
  let sessionId: string

  it("is installed, and says what it is when it is tried out", { timeout: 600_000 }, async () => {
    const { code, stderr } = await start(["agents", "install", agent], env, "", 590_000).ended
    expect([code, stderr.includes("failed")]).toEqual([0, false])
    const { work, state } = await json("agents", "check", agent)
    expect(state).toBe("ready")
    expect(work.report.abilities).toEqual(["load", "images", "files"])
    expect(work.report.program).toMatch(/\d+\.\d+\.\d+/)
  })

  it("does a tool call, shown with its output, with the host's key and never its own", { timeout: waitMs }, async () => {
    await json("configurations", "create", "--name", agent, "--repo", "pager", "--agent", agent)
    const created = await json("sessions", "create", "-c", agent)
    sessionId = created.id
    expect(created).toMatchObject({ agent, model: "scripted-1" })
    const { code, stdout } = await turn(sessionId, "SCRIPT:shell Make the file.").ended
    expect(code).toBe(0)
    expect(stdout).toMatch(/│ .*\bhi\b/)
    expect(stdout).toContain("Done: x.txt holds hi.")
    const { files } = (await json("sessions", "diff", sessionId)).repositories[0]
    expect(files.map(({ path }: { path: string }) => path)).toContain("x.txt")
    const { headers, body } = lastTold()
    expect([headers["authorization"], headers["x-api-key"]].join()).toContain(hostKey)
    expect(JSON.stringify(headers)).not.toContain("psb_")
    expect(body["model"]).toBe("scripted-1")
  })

  it("is offered what the session may do, as tools of its own, and says so to its model", () => {
    // Some name them in the conversation first, and give their schemas on demand.
    expect(lastTold().text.includes("request_grant")).toBe(true)
  })

  it("thinks with another model from its next turn on, and remembers", { timeout: waitMs }, async () => {
    await json("sessions", "model", sessionId, "scripted-2")
    const { code, stdout } = await turn(sessionId, "SCRIPT:hello Say hello.").ended
    expect(stdout).toContain("All is well.")
    expect(code).toBe(0)
    expect(lastTold().body["model"]).toBe("scripted-2")
    expect(lastTold().text).toContain("x.txt holds hi")
  })

  it("sees the picture that came with a prompt", { timeout: waitMs }, async () => {
    const picture = join(directory, "dot.png")
    writeFileSync(picture, Buffer.from(dot, "base64"))
    const { code, stdout } = await start(
      ["sessions", "prompt", sessionId, "SCRIPT:images What is in it?", "--attach", picture, "--wait"],
      env,
      "",
      waitMs
    ).ended
    expect(stdout).toContain("I see 1 images.")
    expect(code).toBe(0)
  })

  it("stops when its turn is interrupted, and the model stops as well", { timeout: waitMs }, async () => {
    const running = turn(sessionId, "SCRIPT:slow Count.")
    await running.until((stdout) => stdout.includes("word5"))
    expect((await run(["sessions", "interrupt", sessionId, "--wait"], env)).code).toBe(0)
    expect((await running.ended).code).toBe(130)
    await model.until((requests) => requests.some(({ script, aborted }) => script === "slow" && aborted))
  })

  it("has its conversation again after a pause", { timeout: waitMs }, async () => {
    expect((await run(["sessions", "pause", sessionId, "--wait"], env)).code).toBe(0)
    expect((await start(["sessions", "resume", sessionId, "--wait"], env, "", waitMs).ended).code).toBe(0)
    const { code, stdout } = await turn(sessionId, "SCRIPT:hello Say hello once more.").ended
    expect(code).toBe(0)
    expect(stdout.match(/All is well\./g)).toHaveLength(1)
    expect(lastTold().text).toContain("x.txt holds hi")
    expect(lastTold().body["model"]).toBe("scripted-2")
    expect((await run(["sessions", "stop", sessionId, "--wait"], env)).code).toBe(0)
  })
})
