/** `ops outbox`: what it prints, what it asks for, and how it exits. */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type ApiServer, startApiServer } from "../support/api-server.ts"
import { makeBundle, run } from "../support/command.ts"

const command = {
  key: "session:ses_1:3:0",
  kind: "session",
  actor: "ses_1",
  name: "startTurn",
  state: "waiting",
  isAside: false,
  attempt: 2,
  error: "no\nanswer",
  ageMs: 90_000,
  inMs: 4_000
}
let server: ApiServer
let env: Record<string, string>
beforeAll(async () => {
  makeBundle()
  server = await startApiServer({
    "GET /v1/operations/commands": ({ path }) => ({
      status: 200,
      body: path.includes("dead=true")
        ? { commands: [{ ...command, state: "dead", ageMs: null, inMs: -7_200_000 }], isCut: true }
        : {
            commands: [
              command,
              { ...command, state: "running", error: null },
              { ...command, isAside: true },
              { ...command, inMs: -9_000 }
            ],
            isCut: false
          }
    }),
    "POST /v1/operations/commands/retry": ({ body }) => ({
      status: 200,
      body: { keys: body.keys?.slice(0, 1) ?? ["session:ses_1:3:0"], isCut: false }
    }),
    "POST /v1/operations/commands/session%3Ases_1%3A3%3A0/discard": { status: 204 }
  })
  env = { PROLIFERATE_URL: server.url, PROLIFERATE_TOKEN: "plf_x" }
})
afterAll(() => server.close())

const lastAsked = () => server.asked.at(-1)!

describe("proliferate ops outbox", () => {
  it("lists commands: how each stands, how often it was tried, its last error", async () => {
    const { code, stdout } = await run(["ops", "outbox", "--limit", "7"], env)
    expect([code, lastAsked().path]).toEqual([0, "/v1/operations/commands?limit=7"])
    expect(stdout.trimEnd().split("\n").slice(1)).toEqual([
      "session:ses_1:3:0  startTurn  due in 4 s              2      90 s  no answer",
      "session:ses_1:3:0  startTurn  running                 2      90 s  ",
      "session:ses_1:3:0  startTurn  its actor is set aside  2      90 s  no answer",
      "session:ses_1:3:0  startTurn  due for 9 s             2      90 s  no answer"
    ])
    const dead = await run(["ops", "outbox", "--dead"], env)
    expect(dead.stdout).toContain("dead for 2 h")
    expect(dead.stdout).toContain("There are more")
    expect(JSON.parse((await run(["ops", "outbox", "--json"], env)).stdout).commands[0]).toEqual(command)
  })

  it("retries commands by key or by what they are, and discards one", async () => {
    const one = await run(["ops", "outbox", "retry", "session:ses_1:3:0", "--reason", "it is back"], env)
    expect([one.code, lastAsked().body]).toEqual([0, { keys: ["session:ses_1:3:0"], why: "it is back" }])
    expect(one.stdout).toContain("session:ses_1:3:0 is due again.")
    const two = await run(["ops", "outbox", "retry", "session:ses_1:3:0", "session:ses_1:4:0", "--reason", "x"], env)
    expect([two.code, two.stdout.trimEnd().split("\n").at(-1)]).toEqual([1, "session:ses_1:4:0 was not given up."])
    const query = ["ops", "outbox", "retry", "--query", "name=startTurn actor=ses_1 error=no answer from it"]
    const dry = await run([...query, "--dry-run"], env)
    const fields = { name: "startTurn", actor: "ses_1", error: "no answer from it" }
    expect([dry.code, lastAsked().body]).toEqual([0, { query: fields, dryRun: true }])
    expect(dry.stdout).toContain("would be due again")
    await run([...query, "--reason", "x"], env)
    expect(lastAsked().body).toEqual({ query: fields, dryRun: false, why: "x" })
    const discarded = await run(["ops", "outbox", "discard", "session:ses_1:3:0", "--reason", "for good", "--json"], env)
    expect([discarded.code, lastAsked().body]).toEqual([0, { why: "for good" }])
    expect(JSON.parse(discarded.stdout)).toEqual({ discarded: "session:ses_1:3:0" })
  })

  it("asks for what it needs before it asks the server", async () => {
    const before = server.asked.length
    for (const wrong of [
      ["outbox", "retry", "--reason", "x"],
      ["outbox", "retry", "session:ses_1:3:0"],
      ["outbox", "retry", "session:ses_1:3:0", "--dry-run"],
      ["outbox", "retry", "session:ses_1:3:0", "--query", "name=startTurn", "--reason", "x"],
      ["outbox", "retry", "--query", "startTurn", "--reason", "x"],
      ["outbox", "discard", "session:ses_1:3:0"]
    ])
      expect([wrong, (await run(["ops", ...wrong], env)).code]).toEqual([wrong, 2])
    expect(server.asked.length).toBe(before)
  })
})
