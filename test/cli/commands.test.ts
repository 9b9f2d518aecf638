import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest"
import { type ApiServer, problem, sessionView, startApiServer } from "../support/api-server.ts"
import { makeBundle, run } from "../support/command.ts"

const self = {
  kind: "user",
  organisation: { id: "org_1", name: "Acme" },
  user: { id: "usr_1", name: "Ada", email: "ada@acme.test", role: "admin" }
}
const token = `plf_${"a".repeat(43)}`

let server: ApiServer
let env: Record<string, string>
beforeAll(async () => {
  makeBundle()
  server = await startApiServer({
    "GET /v1/whoami": ({ headers }) =>
      headers.authorization === `Bearer ${token}`
        ? { status: 200, body: self }
        : problem(401, "unauthenticated", "the token is unknown"),
    "GET /v1/sessions": { status: 200, body: { sessions: [{ ...sessionView(), org: "org_1" }] } },
    "GET /v1/sessions/ses_1": { status: 200, body: sessionView() },
    "POST /v1/sessions/ses_1/pause": problem(409, "refused", "session ses_1 is stopped", { state: "stopped", accepts: ["show"] }),
    "POST /v1/sessions/ses_1/prompts": ({ body }) => ({ status: 202, body: { promptId: body.id, rev: 7, duplicate: false } }),
    "GET /v1/sessions/ses_1/diff": {
      status: 200,
      body: {
        repositories: [
          {
            path: ".",
            branch: "work",
            base: "1234567890abcdef",
            head: "abcdef1234567890",
            files: [{ path: "lib/a.js", added: 1, removed: 1 }],
            patch: "--- a/lib/a.js\n+++ b/lib/a.js\n@@ -1 +1 @@\n-old\n+new \u001b[2J\n",
            truncated: false
          }
        ]
      }
    },
    "POST /v1/organisations": problem(403, "forbidden", "this needs the role owner; yours is admin"),
    "GET /v1/users": problem(429, "limit", "too many requests", {}),
    "GET /v1/tokens": { ...problem(503, "busy", "too much at once"), headers: { "retry-after": "2" } },
    "DELETE /v1/tokens/tok_1": { status: 204 },
    "GET /v1/configurations": { status: 200, body: { configurations: [{ id: "cfg_1", name: "web" }] } },
    "POST /v1/sessions": ({ headers }) => ({ status: headers["idempotency-key"] === "again" ? 200 : 201, body: sessionView() }),
    "GET /v1/repositories": { status: 200, body: { repositories: "none" } },
    "POST /v1/repositories": problem(422, "reference", "git ls-remote of /nowhere failed: no repository"),
    "POST /v1/operations/actors/session/ses_1/release": problem(423, "quarantined", "it crashed on every try"),
    "GET /v1/actors/session/ses_1/history": {
      status: 200,
      body: {
        rows: [
          {
            rev: 1,
            messageId: "create",
            event: { type: "create" },
            taken: [],
            effects: ["boot"],
            notices: [],
            by: "usr_1",
            cause: null,
            atMs: 1
          }
        ]
      }
    }
  })
  env = { PROLIFERATE_URL: server.url, PROLIFERATE_TOKEN: token }
})
afterAll(() => server.close())

describe("what a command answers", () => {
  it("shows people who they are", async () => {
    const { code, stdout, stderr } = await run(["whoami"], env)
    expect(code).toBe(0)
    expect(stdout).toContain("Ada <ada@acme.test>")
    expect(stdout).toContain("admin")
    expect(stderr).toBe("")
  })

  it.each([
    [["whoami"], self],
    [["sessions", "show", "ses_1"], sessionView()],
    [["sessions", "list", "--limit", "3"], { sessions: [{ ...sessionView(), org: "org_1" }] }],
    [["tokens", "revoke", "tok_1"], { id: "tok_1", revoked: true }]
  ])("prints one JSON value and nothing else with --json: %j", async (args, expected) => {
    const { code, stdout, stderr } = await run([...args, "--json"], env)
    expect([code, stderr]).toEqual([0, ""])
    expect(stdout.split("\n")).toHaveLength(2)
    expect(JSON.parse(stdout)).toEqual(expected)
  })

  it("takes --json before the subcommand as well", async () => {
    const { stdout } = await run(["--json", "whoami"], env)
    expect(JSON.parse(stdout)).toEqual(self)
  })

  it("lists with ids first, and in text only", async () => {
    const { stdout } = await run(["sessions", "list"], env)
    expect(stdout).toMatch(/^SESSION +CHANGED +STATUS +TITLE\nses_1 .* running +Mend the pager\n$/)
  })

  it("shows a diff with marks for the control characters that are in it", async () => {
    const { stdout } = await run(["sessions", "diff", "ses_1"], env)
    expect(stdout).toContain("+1 -1  lib/a.js")
    expect(stdout).toContain("+new \ufffd[2J\n")
    expect(stdout).not.toContain("\u001b")
  })

  it("shows what was committed of an actor", async () => {
    const { stdout } = await run(["actor", "history", "session", "ses_1"], env)
    expect(stdout).toMatch(/1 +1970-01-01 00:00 .* create +usr_1 +boot +not taken/)
  })

  it("sends a prompt under an id of its own, and under the caller's", async () => {
    const own = await run(["sessions", "prompt", "ses_1", "hello", "--json"], env)
    expect(JSON.parse(own.stdout).promptId).toMatch(/^cli_[0-9a-f-]{36}$/)
    const given = await run(["sessions", "prompt", "ses_1", "-", "--id", "mine"], env, "from stdin\n")
    expect(given.stdout).toBe("asked: mine\n")
    expect(server.asked.at(-1)!.body).toEqual({ id: "mine", text: "from stdin\n" })
  })

  it("creates a session of a configuration named by name, under an idempotency key", async () => {
    const { code, stdout } = await run(["sessions", "create", "-c", "web", "-p", "Go.", "--idempotency-key", "k1", "--json"], env)
    expect(code).toBe(0)
    expect(JSON.parse(stdout).id).toBe("ses_1")
    expect(server.asked.at(-1)!.headers["idempotency-key"]).toBe("k1")
    expect(server.asked.at(-1)!.body).toEqual({ configurationId: "cfg_1", prompt: { id: "k1:prompt", text: "Go." } })
  })

  it("calls a repository by the last part of where it is, however that is said", async () => {
    await run(["repos", "add", "."], env)
    const { name, location } = server.asked.at(-1)!.body
    expect(name).toMatch(/^proliferate-home-/)
    expect(location.endsWith(`/${name}`)).toBe(true)
    await run(["repos", "add", "https://git.example/team/shop.git"], env)
    expect(server.asked.at(-1)!.body).toEqual({ name: "shop", location: "https://git.example/team/shop.git" })
  })

  it("names the cell of an organisation only where it was asked for", async () => {
    const args = ["organisations", "add", "X", "--owner-name", "A", "--owner-email", "a@b"]
    const body = { name: "X", owner: { name: "A", email: "a@b" } }
    await run(args, env)
    expect(server.asked.at(-1)!.body).toEqual(body)
    await run([...args, "--cell", "eu"], env)
    expect(server.asked.at(-1)!.body).toEqual({ ...body, cell: "eu" })
  })

  it("says so when the same key made the session before", async () => {
    const { code, stderr } = await run(["sessions", "create", "-c", "web", "--idempotency-key", "again", "--json"], env)
    expect([code, stderr]).toEqual([0, "It was there already: the same key made it before.\n"])
  })
})

describe("how a command fails", () => {
  it.each([
    ["a request that the state does not take", ["sessions", "pause", "ses_1"], 3, "session ses_1 is stopped", "takes: show"],
    [
      "a role that does not suffice",
      ["organisations", "add", "X", "--owner-name", "A", "--owner-email", "a@b"],
      3,
      "needs the role owner",
      "whoami"
    ],
    ["too many requests", ["users", "list"], 6, "too many requests", "try again"],
    ["a busy server", ["tokens", "list"], 69, "too much at once", "Try again in 2 s"],
    ["something that is not there", ["sessions", "show", "ses_2"], 1, "there is no /v1/sessions/ses_2", "`list`"],
    ["a reference that cannot be used", ["repos", "add", "/nowhere"], 1, "git ls-remote", "Correct it"],
    ["a quarantined actor", ["ops", "release", "ses_1", "--reason", "x"], 3, "it crashed", "actor show"],
    ["an answer of another version", ["repos", "list"], 1, "does not understand", "same version"],
    ["a configuration that is not there", ["sessions", "create", "-c", "nope"], 2, "no configuration nope", "There is: web."]
  ])("says what was wrong and what to do about %s", async (_, args, exit, what, todo) => {
    const { code, stdout, stderr } = await run(args, env)
    expect(code).toBe(exit)
    expect(stdout).toBe("")
    const [first, second, ...rest] = stderr.split("\n")
    expect(first).toContain(`proliferate: `)
    expect(first).toContain(what)
    expect(second).toMatch(/^ {2}\S/)
    expect(second).toContain(todo)
    expect(rest).toEqual([""])
  })

  it("puts the server's problem on stderr with --json, and nothing on stdout", async () => {
    const { code, stdout, stderr } = await run(["sessions", "pause", "ses_1", "--json"], env)
    expect([code, stdout]).toEqual([3, ""])
    expect(JSON.parse(stderr)).toMatchObject({ code: "refused", status: 409, state: "stopped", accepts: ["show"], exit: 3 })
  })

  it("refuses a token that the server does not know", async () => {
    const { code, stderr } = await run(["whoami"], { ...env, PROLIFERATE_TOKEN: "plf_no" })
    expect(code).toBe(3)
    expect(stderr).toContain("tokens create --local")
  })

  it("finds the token in its file, and does not use one that others can read", async () => {
    const config = mkdtempSync(join(tmpdir(), "proliferate-config-"))
    onTestFinished(() => rmSync(config, { recursive: true, force: true }))
    mkdirSync(join(config, "proliferate"))
    writeFileSync(join(config, "proliferate", "token"), `${token}\n`, { mode: 0o600 })
    const there = { PROLIFERATE_URL: server.url, XDG_CONFIG_HOME: config }
    expect((await run(["whoami"], there)).code).toBe(0)
    chmodSync(join(config, "proliferate", "token"), 0o644)
    const { code, stderr } = await run(["whoami"], there)
    expect([code, stderr.split("\n")[1]]).toEqual([2, `  Close it: chmod 600 ${join(config, "proliferate", "token")}`])
  })

  it.each([
    [["sessions", "show"], "Missing required argument: session"],
    [["sessions", "show", "../../etc"], "1 to 128 letters"],
    [["sessions", "lst"], "did you mean list"],
    [["sessions", "list", "--limt", "3"], "did you mean --limit?"],
    [["sessions", "attach", "ses_1", "--from", "yesterday"], "not a place in the stream"],
    [["configurations", "create", "--name", "x"], "--repo"],
    [["sessions", "create", "-c", "web", "-p", "x", "--no-start"], "a prompt starts its session"],
    [["nothing"], "nothing"]
  ])("answers 2 to a call that cannot be meant: %j", async (args, what) => {
    const { code, stdout, stderr } = await run(args, env)
    expect([code, stdout]).toEqual([2, ""])
    expect(stderr).toContain(what)
    expect(stderr).toMatch(/^proliferate: .+\n {2}.+\n$/)
    const asJson = await run([...args, "--json"], env)
    expect([asJson.code, asJson.stdout]).toEqual([2, ""])
    expect(JSON.parse(asJson.stderr)).toMatchObject({ code: "usage", exit: 2 })
  })

  it("answers 69 when no server does, and says how to get one", async () => {
    const { code, stdout, stderr } = await run(["whoami"], { PROLIFERATE_URL: "http://127.0.0.1:9" })
    expect([code, stdout]).toEqual([69, ""])
    expect(stderr).toBe(
      "proliferate: no server answers at http://127.0.0.1:9 (ECONNREFUSED)\n  Start one with `npm start`, or set PROLIFERATE_URL to where it runs.\n"
    )
  })

  it("knows what is no proliferate server, and what is no address", async () => {
    const other = createServer((_, response) => response.writeHead(418).end("<html>")).listen(0, "127.0.0.1")
    await new Promise((resolve) => other.once("listening", resolve))
    const { port } = other.address() as { port: number }
    const { code, stderr } = await run(["whoami"], { PROLIFERATE_URL: `http://127.0.0.1:${port}` })
    other.close()
    expect([code, stderr.split("\n")[0]]).toEqual([
      1,
      `proliferate: what answers at http://127.0.0.1:${port} said 418 and is no proliferate server`
    ])
    expect((await run(["whoami"], { PROLIFERATE_URL: "ftp://x" })).code).toBe(2)
  })
})

describe("inside a sandbox", () => {
  it("asks through the proxy's socket, below /api and without a token", async () => {
    const directory = mkdtempSync(join(tmpdir(), "proliferate-proxy-"))
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    const socket = join(directory, "proxy.sock")
    const asked: Array<string> = []
    const proxy = createServer(({ url, headers }, response) => {
      asked.push(`${url} ${headers.authorization ?? "no token"}`)
      response.end(
        JSON.stringify({
          kind: "sandbox",
          organisation: { id: "org_1", name: "Acme" },
          session: { id: "ses_1", title: "T", status: "running" }
        })
      )
    }).listen(socket)
    await new Promise((resolve) => proxy.once("listening", resolve))
    const { code, stdout } = await run(["whoami"], { PROLIFERATE_PROXY: socket })
    proxy.close()
    expect([code, asked]).toEqual([0, ["/api/v1/whoami no token"]])
    expect(stdout).toContain("ses_1 T (running)")
  })

  it("says that its link is down when the socket is gone", async () => {
    const { code, stderr } = await run(["whoami"], { PROLIFERATE_PROXY: "/nowhere/proxy.sock" })
    expect(code).toBe(69)
    expect(stderr).toContain("the sandbox's link to the server does not answer (ENOENT)")
  })
})
