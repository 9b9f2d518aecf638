import { setTimeout as sleep } from "node:timers/promises"
import { afterEach, beforeAll, beforeEach, expect, it } from "vitest"
import { type ApiServer, problem, startApiServer } from "../support/api-server.ts"
import { makeBundle, run, start } from "../support/command.ts"

/** Small, so that reading takes more than one. */
const pageEvents = 2

let server: ApiServer
let env: Record<string, string>
beforeAll(makeBundle)
beforeEach(async () => {
  server = await startApiServer({
    "GET /v1/sessions/ses_1/events": ({ path }) => {
      const after = Number(new URLSearchParams(path.split("?")[1]).get("after"))
      const events = server.feed.slice(after, after + pageEvents).map(({ type: _, ...event }) => event)
      return { status: 200, body: { epoch: 1, head: server.feed.length, events, gap: null } }
    },
    "GET /v1/sessions/ses_1": { status: 200, body: { reason: "timeout: the boot took too long" } },
    "POST /v1/sessions/ses_1/prompts": ({ body }) => {
      server.say(
        { kind: "prompt", rev: 5, body: { promptId: body.id, text: body.text, by: null } },
        { kind: "turn.opened", rev: 5, body: { turnId: body.id } }
      )
      return { status: 202, body: { promptId: body.id, rev: 5, duplicate: false } }
    },
    "POST /v1/sessions/ses_1/pause": () => {
      server.say({ kind: "state", rev: 6, body: { status: "pausing" } }, { kind: "state", rev: 7, body: { status: "paused" } })
      return { status: 202, body: { rev: 6, duplicate: false } }
    },
    "POST /v1/sessions/ses_1/resume": () => {
      server.say({ kind: "state", rev: 8, body: { status: "restoring" } }, { kind: "state", rev: 9, body: { status: "failed" } })
      return { status: 202, body: { rev: 8, duplicate: false } }
    }
  })
  env = { PROLIFERATE_URL: server.url, PROLIFERATE_TOKEN: "plf_x" }
})
afterEach(() => server.close())

const message = (delta: string) => ({ kind: "message", agent: "scripted", body: { turnId: "t1", messageId: "m1", delta } })
const stopped = { kind: "state", rev: 30, body: { status: "stopped" } }
const seqs = (stdout: string) =>
  stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
    .filter(({ type }) => type === "event")
    .map(({ seq }) => seq)

it("shows a whole session: prompt, thought, words, tools, plan, question and end", async () => {
  server.say(
    { kind: "prompt", body: { promptId: "t1", text: "Mend it.", by: "usr_1" } },
    { kind: "turn.opened", body: { turnId: "t1" } },
    { kind: "thought", body: { turnId: "t1", messageId: "th", delta: "I look first." } },
    message("The last page "),
    message("is missing.\u001b[31m"),
    {
      kind: "plan",
      body: {
        turnId: "t1",
        entries: [
          { content: "Look", status: "completed" },
          { content: "Mend", status: "pending" }
        ]
      }
    },
    { kind: "tool", body: { turnId: "t1", toolCallId: "c1", title: "node --test", toolKind: "execute", status: "running" } },
    {
      kind: "tool",
      body: {
        turnId: "t1",
        toolCallId: "c1",
        title: "node --test",
        status: "failed",
        output: Array.from({ length: 20 }, (_, at) => `line ${at}`).join("\n")
      }
    },
    {
      kind: "question",
      body: {
        turnId: "t1",
        questionId: "q1",
        title: "Write to lib?",
        options: [
          { optionId: "y", name: "Yes" },
          { optionId: "n", name: "No" }
        ]
      }
    },
    { kind: "question.closed", body: { turnId: "t1", questionId: "q1", optionId: "y" } },
    { kind: "usage", body: { turnId: "t1", inputTokens: 12 } },
    { kind: "turn.ended", body: { turnId: "t1", stopReason: "end_turn" } },
    stopped
  )
  const { code, stdout, stderr } = await run(["sessions", "attach", "ses_1"], env)
  expect([code, stderr]).toEqual([0, ""])
  const parts = [
    "Mend the pager  ses_1 · running · agent scripted\n",
    "❯ Mend it.\n",
    "\n  I look first.\n",
    "\n  The last page is missing.[31m\n",
    "  [x] Look\n  [ ] Mend\n",
    "  ▸ node --test\n",
    "  ✘ failed\n    │ … 12 more lines above\n    │ line 12\n",
    "    │ line 19\n",
    "? Write to lib?\n    1  Yes\n    2  No\n",
    "  answered: y\n",
    "turn ended after ",
    " s: end_turn; inputTokens 12\n",
    "  · stopped\n"
  ]
  let at = 0
  for (const part of parts) {
    const found = stdout.indexOf(part, at)
    expect(found, `${part} in order in:\n${stdout}`).toBeGreaterThanOrEqual(at)
    at = found
  }
  expect(stdout).not.toContain("\u001b")
})

it("streams words as they come, before their line has ended", async () => {
  const attached = start(["sessions", "attach", "ses_1"], env)
  await attached.until((stdout) => stdout.includes("ses_1"))
  server.say(message("Half a"))
  await attached.until((stdout) => stdout.endsWith("  Half a"))
  server.say(message(" word"))
  await attached.until((stdout) => stdout.endsWith("  Half a word"))
  server.say(stopped)
  expect((await attached.ended).code).toBe(0)
})

it("comes back at its cursor when the connection is cut, and prints nothing twice", async () => {
  server.say(message("one"), message("two"))
  const attached = start(["sessions", "attach", "ses_1", "--json"], env)
  await attached.until((stdout) => stdout.includes('"type":"live"'))
  server.drop()
  server.say(message("three"))
  await attached.until((stdout) => stdout.includes("three"))
  server.repeat(2)
  server.drop()
  server.say(message("four"), stopped)
  const { code, stdout, stderr } = await attached.ended
  expect(code).toBe(0)
  expect(seqs(stdout)).toEqual([1, 2, 3, 4, 5])
  expect(server.hellos.map(({ cursor }) => cursor)).toEqual([null, { epoch: 1, seq: 2 }, { epoch: 1, seq: 3 }])
  expect(stderr.match(/connection lost/g)).toHaveLength(2)
  expect(stderr.match(/connected again/g)).toHaveLength(2)
})

it("survives a server that is away for a while, with one line about it", async () => {
  server.say(message("before"))
  const attached = start(["sessions", "attach", "ses_1"], env)
  await attached.until((stdout) => stdout.includes("before"))
  await server.restart(async () => {
    await attached.until((stdout) => stdout.includes("connection lost"))
    // Long enough for attempts that find nobody.
    await sleep(600)
  })
  await attached.until((stdout) => stdout.includes("connected again"))
  server.say({ ...message("after"), body: { messageId: "m2", delta: "after" } }, stopped)
  const { code, stdout } = await attached.ended
  expect(code).toBe(0)
  expect(stdout.match(/before/g)).toHaveLength(1)
  expect(stdout.match(/after/g)).toHaveLength(1)
  expect(stdout.match(/connection lost/g)).toHaveLength(1)
})

it("comes back as well when the first connection is cut before its welcome", async () => {
  server.cutNext()
  const attached = start(["sessions", "attach", "ses_1"], env)
  await attached.until((stdout) => stdout.includes("connected again"))
  server.say(stopped)
  expect((await attached.ended).code).toBe(0)
})

it("starts over when the feed is another one", async () => {
  server.say(message("old"))
  const attached = start(["sessions", "attach", "ses_1", "--json"], env)
  await attached.until((stdout) => stdout.includes("old"))
  server.drop()
  server.renew()
  server.say(message("new"), stopped)
  const { stdout } = await attached.ended
  expect(stdout).toContain("new")
})

it("begins where it is told to: now, or at a cursor", async () => {
  server.say(message("one"), message("two"), message("three"))
  const now = start(["sessions", "attach", "ses_1", "--from", "now", "--json"], env)
  await now.until((stdout) => stdout.includes('"live"'))
  const cursor = start(["sessions", "attach", "ses_1", "--from", "1:2", "--json"], env)
  await cursor.until((stdout) => stdout.includes('"live"'))
  server.say(stopped)
  expect(seqs((await now.ended).stdout)).toEqual([4])
  expect(seqs((await cursor.ended).stdout)).toEqual([3, 4])
})

it("leaves when nothing is left to do, if it was asked to", async () => {
  server.setView({ turnId: "t1" })
  const attached = start(["sessions", "attach", "ses_1", "--exit-when", "idle"], env)
  await attached.until((stdout) => stdout.includes("ses_1"))
  server.say({ kind: "turn.ended", rev: 9, body: { turnId: "t1", stopReason: "end_turn" } })
  expect((await attached.ended).code).toBe(0)
})

it("fails with the reason when the session did", async () => {
  server.say({ kind: "state", rev: 9, body: { status: "failed" } })
  const { code, stderr } = await run(["sessions", "attach", "ses_1", "--exit-when", "ended"], env)
  expect(code).toBe(1)
  expect(stderr).toContain("session ses_1 is failed: timeout: the boot took too long")
})

it("does not try again what cannot get better", async () => {
  server.setRefusal(problem(404, "not-found", "there is no session ses_1"))
  const missing = await run(["sessions", "attach", "ses_1"], env)
  expect([missing.code, missing.stderr.split("\n")[0]]).toEqual([1, "proliferate: there is no session ses_1"])
  server.setRefusal(problem(401, "unauthenticated", "the token is unknown"))
  expect((await run(["sessions", "attach", "ses_1"], env)).code).toBe(3)
  expect((await run(["sessions", "attach", "ses_1"], { PROLIFERATE_URL: "http://127.0.0.1:9" })).code).toBe(69)
})

it("ends with 130 and without a word on stdout when it is interrupted", async () => {
  const attached = start(["sessions", "attach", "ses_1", "--json"], env)
  await attached.until((stdout) => stdout.includes('"live"'))
  attached.child.kill("SIGINT")
  expect((await attached.ended).code).toBe(130)
})

it.each([
  ["end_turn", 0],
  ["cancelled", 130],
  ["refusal", 3],
  ["max_tokens", 6],
  ["crashed", 1]
])("waits for the turn of a prompt and leaves by its outcome: %s is %i", async (stopReason, exit) => {
  server.say(message("of an earlier turn"))
  const asked = start(["sessions", "prompt", "ses_1", "Go.", "--id", "p1", "--wait"], env)
  await asked.until((stdout) => stdout.includes("❯ Go."))
  server.say(
    { kind: "message", body: { turnId: "p1", messageId: "m", delta: "Done." } },
    { kind: "turn.ended", rev: 6, body: { turnId: "p1", stopReason } }
  )
  const { code, stdout } = await asked.ended
  expect(code).toBe(exit)
  expect(stdout).toContain("Done.")
  expect(stdout).not.toContain("earlier")
})

it("ends with one line of outcome when a program waits", async () => {
  const asked = start(["sessions", "prompt", "ses_1", "Go.", "--id", "p1", "--wait", "--json"], env)
  await asked.until((stdout) => stdout.includes("turn.opened"))
  server.drop()
  server.say({ kind: "turn.ended", rev: 6, body: { turnId: "p1", stopReason: "end_turn" } })
  const { code, stdout } = await asked.ended
  expect(code).toBe(0)
  expect(JSON.parse(stdout.trim().split("\n").at(-1)!)).toEqual({
    type: "outcome",
    promptId: "p1",
    stopReason: "end_turn",
    message: null
  })
})

it("says 7 when the turn is not over in time", async () => {
  const { code, stderr } = await run(["sessions", "prompt", "ses_1", "Go.", "--wait", "--timeout", "1"], env)
  expect(code).toBe(7)
  expect(stderr).toContain("the turn has not ended in 1 s")
})

it("waits until what was asked of the session is done, and is not fooled by how it was before", async () => {
  expect((await run(["sessions", "pause", "ses_1", "--wait"], env)).code).toBe(0)
  server.setView({ status: "failed", rev: 7 })
  const { code, stdout } = await run(["sessions", "resume", "ses_1", "--wait"], env)
  expect(code).toBe(1)
  expect(stdout).toContain("· restoring")
})

it("shows what is stored, over as many pages as there are, and leaves", async () => {
  server.say(message("one "), message("two "), message("three "), message("four "), message("five"))
  const json = await run(["sessions", "logs", "ses_1", "--after", "1", "--json"], env)
  expect([json.code, seqs(json.stdout)]).toEqual([0, [2, 3, 4, 5]])
  expect((await run(["sessions", "logs", "ses_1"], env)).stdout).toBe("\n  one two three four five\n")
  expect((await run(["sessions", "logs", "ses_1", "--after", "5"], env)).stderr).toBe("Nothing was said after that.\n")
})

it("follows on from the event that it was told", async () => {
  server.say(message("one"), message("two"))
  const following = start(["sessions", "logs", "ses_1", "--after", "1", "--follow", "--json"], env)
  await following.until((stdout) => stdout.includes('"live"'))
  server.say(stopped)
  const { code, stdout } = await following.ended
  expect([code, seqs(stdout)]).toEqual([0, [2, 3]])
})
