import { execFileSync } from "node:child_process"
import { cpSync, mkdtempSync, rmSync } from "node:fs"
import { type AddressInfo, connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { makeBundle, root, run, start } from "../support/command.ts"
import { type Server, startServer } from "../support/server.ts"

/** The command against the real server, from the first registration to a server that was killed under a watcher. */
const directory = mkdtempSync(join(tmpdir(), "proliferate-live-"))
const dataDir = join(directory, "data")
const repository = join(directory, "pager")
let server: Server
let env: Record<string, string>
let sessionId: string

/** One address for whichever server runs: what a person's PROLIFERATE_URL is. */
const door = createServer((client) => {
  const inner = connect(Number(new URL(server.url).port), "127.0.0.1")
  for (const [one, other] of [
    [client, inner],
    [inner, client]
  ] as const) {
    one.pipe(other)
    one.on("error", () => other.destroy())
    one.on("close", () => other.destroy())
  }
})

const json = async (...args: ReadonlyArray<string>) => {
  const { code, stdout, stderr } = await run([...args, "--json"], env)
  expect([code, stderr], args.join(" ")).toEqual([0, ""])
  return JSON.parse(stdout)
}
const steps = (...list: ReadonlyArray<object>) => `run: ${JSON.stringify(list)}`

beforeAll(async () => {
  makeBundle()
  cpSync(join(root, "cli/sample"), repository, { recursive: true })
  const git = (...args: ReadonlyArray<string>) =>
    execFileSync("git", ["-C", repository, "-c", "user.name=t", "-c", "user.email=t@t.invalid", ...args])
  git("init", "--quiet", "--initial-branch=main")
  git("add", "--all")
  git("commit", "--quiet", "--message", "first")
  server = await startServer(dataDir)
  await new Promise<void>((resolve) => door.listen(0, "127.0.0.1", resolve))
  const { port } = door.address() as AddressInfo
  env = { PROLIFERATE_URL: `http://127.0.0.1:${port}`, PROLIFERATE_TOKEN: server.token! }
}, 90_000)

afterAll(async () => {
  door.close()
  await server?.stop()
  rmSync(directory, { recursive: true, force: true })
}, 90_000)

it("registers, configures, creates and watches a first turn to its end", { timeout: 120_000 }, async () => {
  expect(await json("whoami")).toMatchObject({ kind: "user", user: { role: "owner" } })
  const added = await json("repos", "add", repository)
  expect(added).toMatchObject({ name: "pager", location: repository, defaultBranch: "main" })
  await json("configurations", "create", "--name", "web", "--repo", "pager", "--agent", "scripted")
  const created = await json("sessions", "create", "-c", "web", "--idempotency-key", "first", "--title", "A live one")
  sessionId = created.id
  const again = await run(
    ["sessions", "create", "-c", "web", "--idempotency-key", "first", "--title", "A live one", "--json"],
    env
  )
  expect(JSON.parse(again.stdout).id).toBe(sessionId)

  const turn = start(
    ["sessions", "prompt", sessionId, steps({ say: "Hello there." }, { run: "echo from-the-sandbox" }), "--wait"],
    env
  )
  await turn.until((stdout) => stdout.includes("turn ended"))
  const { code, stdout } = await turn.ended
  expect(code).toBe(0)
  expect(stdout).toContain("Hello there.")
  expect(stdout).toContain("│ from-the-sandbox")
})

it("answers `proliferate whoami` inside the sandbox, over the link that the host opened", { timeout: 60_000 }, async () => {
  const { code, stdout } = await run(
    ["sessions", "prompt", sessionId, steps({ run: "proliferate whoami --json" }), "--wait"],
    env
  )
  expect(code).toBe(0)
  expect(stdout).toContain(`"kind":"sandbox"`)
  expect(stdout).toContain(`"id":"${sessionId}"`)
})

it("leaves by the outcome of a turn that was interrupted", { timeout: 60_000 }, async () => {
  const turn = start(["sessions", "prompt", sessionId, steps({ say: "I wait." }, { sleep: 60_000 }), "--wait"], env)
  await turn.until((stdout) => stdout.includes("I wait."))
  expect((await run(["sessions", "interrupt", sessionId, "--wait"], env)).code).toBe(0)
  expect((await turn.ended).code).toBe(130)
})

it("shows a watcher everything once when the server is killed and started again", { timeout: 120_000 }, async () => {
  const watcher = start(["sessions", "attach", sessionId, "--json"], env, undefined, 110_000)
  await watcher.until((stdout) => stdout.includes('"type":"live"'))
  await server.kill()
  await watcher.until((_, stderr) => stderr.includes("connection lost"))
  server = await startServer(dataDir)
  await watcher.until((_, stderr) => stderr.includes("connected again"))
  expect((await run(["sessions", "prompt", sessionId, steps({ say: "Still here." }), "--wait"], env)).code).toBe(0)
  expect((await run(["sessions", "stop", sessionId, "--wait"], env)).code).toBe(0)
  const { code, stdout } = await watcher.ended
  expect(code).toBe(0)
  const seqs = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
    .filter(({ type }) => type === "event")
    .map(({ seq }) => seq)
  expect(seqs).toEqual(seqs.map((_, at) => at + 1))
  const stored = await run(["sessions", "logs", sessionId, "--json"], env)
  expect(stored.stdout.trim().split("\n")).toHaveLength(seqs.length)
})

it("has its history to show when all is over", { timeout: 30_000 }, async () => {
  expect((await json("sessions", "show", sessionId)).status).toBe("stopped")
  const { rows } = await json("actor", "history", "session", sessionId)
  expect(rows[0].event.type).toBe("create")
  expect((await run(["sessions", "diff", sessionId], env)).code).toBe(3)
  expect((await run(["ops", "release", sessionId, "--reason", "a look"], env)).stdout).toContain("was not set aside")
})
