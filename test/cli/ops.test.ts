/** The operators' commands: what they print, what they ask for, and how they exit. */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type ApiServer, problem, startApiServer } from "../support/api-server.ts"
import { makeBundle, run } from "../support/command.ts"

const row = {
  id: "sandbox.stray:sbx_1",
  kind: "sandbox.stray",
  subject: "sbx_1",
  actor: "ses_1",
  severity: "warn",
  since: "2026-11-22T15:20:00.000Z",
  ripeAt: null,
  sightings: 2,
  desired: { sandbox: "gone" },
  observed: { sandbox: "exists" },
  reason: "ses_1 is stopped and does not hold it",
  held: null,
  fix: { event: "sandbox.ready", effect: "its session plans its destruction", mode: "safe", ifRevision: 12 },
  attempts: []
}
const kind = {
  kind: "session.sandbox-gone",
  lookedAtMs: 1_700_000_000_000,
  judged: 0,
  drift: 0,
  held: null,
  paused: null as { kind: string; by: string; why: string; untilMs: number } | null,
  unknown: [{ org: null, subject: "e2b", why: "no answer" }]
}

const crash = { reason: "the daemon\nbroke", atMs: 1_700_000_000_000 }
const well = { state: "running", restart: "permanent", crashes: 0, crash: null }
const hosted = {
  homesTotal: 3,
  homes: [
    {
      home: "ses_1",
      strategy: "rest_for_one",
      actorsTotal: 1,
      actors: [
        {
          kind: "session",
          id: "ses_1",
          ...well,
          waiting: 2,
          handling: "prompt",
          standing: [{ id: "link:sbx_1", state: "pausing", restart: "transient", crashes: 2, crash }],
          givenUp: [{ id: "link:sbx_0", ...crash }]
        }
      ]
    }
  ],
  quarantined: [{ kind: "session", id: "ses_2", home: "ses_2", event: { type: "poison" }, ...crash }]
}

let server: ApiServer
let env: Record<string, string>
let drift: Array<typeof row> = []
let kinds = [kind]
let passes = 0

const noted = {
  subject: "session/ses_1",
  fix: "release",
  by: "usr_1",
  why: "mended",
  result: "applied",
  outcome: "released",
  atMs: 1_700_000_000_000
}
beforeAll(async () => {
  makeBundle()
  server = await startApiServer({
    "POST /v1/operations/retention": ({ body: { dryRun } }) => ({
      status: 200,
      body: {
        days: { journal: 90, feed: 30, commands: 0 },
        old: { journal: 12, feed: 0, commands: 0 },
        left: dryRun ? null : { journal: 2, feed: 0, commands: 0 },
        finished: dryRun
      }
    }),
    "GET /v1/operations": () => ({ status: 200, body: { drift, kinds, fixes: [], nodes: [], cells: [] } }),
    "POST /v1/operations/passes": ({ body }) => {
      passes += 1
      const isOver = body.sinceMs === 1_700_000_000_000 && body.kind !== "outbox.dead"
      const handled = { requestedAtMs: 1_700_000_000_000, handledAtMs: isOver ? 1_700_000_005_000 : null }
      return { status: 200, body: { ...handled, kinds, drift, fixes: isOver ? [noted] : [] } }
    },
    "POST /v1/operations/kinds/all/pause": ({ body }) => ({
      status: 200,
      body: {
        org: "org_1",
        kind: "all",
        by: "usr_1",
        why: body.why,
        atMs: 1_700_000_000_000,
        untilMs: 1_700_000_000_000 + body.lastsMs
      }
    }),
    "POST /v1/operations/kinds/sandbox.stray/resume": { status: 200, body: { resumed: false } },
    "GET /v1/operations/audit": { status: 200, body: { notes: [noted] } },
    "GET /v1/operations/tree": ({ path }) => ({
      status: 200,
      body: path.endsWith("?home=ses_none") ? { homesTotal: 0, homes: [], quarantined: [] } : hosted
    }),
    "POST /v1/operations/plans": () => ({ status: 201, body: { plan: "pln_1", madeAt: row.since, drift, kinds: [kind] } }),
    "POST /v1/operations/plans/pln_1/apply": ({ body }) => ({
      status: 200,
      body: {
        items:
          body.items === "safe"
            ? [{ id: row.id, result: "applied", outcome: "revision 13" }]
            : [{ id: row.id, result: "skipped", outcome: "it moved on: revision 12 → 13" }]
      }
    }),
    "POST /v1/operations/plans/pln_old/apply": problem(409, "refused", "there is no plan pln_old, or it is older than 15 min"),
    "POST /v1/operations/actors/session/ses_1/release": { status: 200, body: { released: true } }
  })
  env = { PROLIFERATE_URL: server.url, PROLIFERATE_TOKEN: "plf_x" }
})
afterAll(() => server.close())

const lastAsked = () => server.asked.at(-1)!

describe("proliferate ops", () => {
  it("exits with 0 where nothing has come apart, and says what it could not see", async () => {
    drift = []
    const { code, stdout } = await run(["ops", "drift"], env)
    expect(code).toBe(0)
    expect(stdout).toContain("No drift.")
    expect(stdout).toContain("unknown  session.sandbox-gone: e2b, no answer")
    expect((await run(["ops", "status"], env)).code).toBe(0)
  })

  it("exits with 8 where something has: status, drift and dry run alike", async () => {
    drift = [row]
    for (const command of [["status"], ["drift"], ["reconcile", "--dry-run"]])
      expect([command, (await run(["ops", ...command], env)).code]).toEqual([command, 8])
    const { stdout } = await run(["ops", "reconcile", "--dry-run", "--kind", "sandbox.stray", "--actor", "ses_1"], env)
    expect(lastAsked().body).toEqual({ kind: "sandbox.stray", actor: "ses_1" })
    expect(stdout).toContain("sandbox.stray:sbx_1")
    expect(stdout).toContain("its session plans its destruction")
    expect(stdout).toContain("proliferate ops reconcile --plan pln_1 --apply safe")
  })

  it("prints with --json what the API says, row for row", async () => {
    drift = [row]
    const { code, stdout } = await run(["ops", "drift", "--json"], env)
    expect(code).toBe(8)
    expect(JSON.parse(stdout)).toEqual({ drift: [row], kinds: [kind] })
    expect(JSON.parse((await run(["ops", "reconcile", "--dry-run", "--json"], env)).stdout).plan).toBe("pln_1")
  })

  it("applies a plan for a reason, and fails where something was skipped or the plan is too old", async () => {
    const applied = await run(["ops", "reconcile", "--plan", "pln_1", "--reason", "after the outage"], env)
    expect([applied.code, lastAsked().body]).toEqual([0, { items: "safe", why: "after the outage" }])
    const skipped = await run(["ops", "reconcile", "--plan", "pln_1", "--apply", `${row.id}, other`, "--reason", "x"], env)
    expect([skipped.code, lastAsked().body.items]).toEqual([1, [row.id, "other"]])
    expect(skipped.stdout).toContain("it moved on: revision 12 → 13")
    expect((await run(["ops", "reconcile", "--plan", "pln_old", "--reason", "x"], env)).code).toBe(3)
  })

  it("asks for one thing, and for a reason, before it asks the server", async () => {
    const before = server.asked.length
    for (const wrong of [
      ["reconcile"],
      ["reconcile", "--dry-run", "--plan", "pln_1"],
      ["reconcile", "--plan", "pln_1"],
      ["reconcile", "--now", "--dry-run"],
      ["reconcile", "--now", "--actor", "ses_1"],
      ["reconcile", "--now", "--wait", "soon"],
      ["pause", "all", "--for", "30m"],
      ["pause", "all", "--reason", "x"],
      ["pause", "all", "--for", "ever", "--reason", "x"],
      ["audit", "--since", "yesterday"],
      ["release", "ses_1"],
      ["release", "session/", "--reason", "x"]
    ])
      expect([wrong, (await run(["ops", ...wrong], env)).code]).toEqual([wrong, 2])
    expect(server.asked.length).toBe(before)
  })

  it("draws what is hosted, with crashes, what was given up and who is set aside", async () => {
    const { code, stdout } = await run(["ops", "tree"], env)
    expect(code).toBe(0)
    const lines = stdout
      .replaceAll(/\(\d+ d ago\)/g, "(long ago)")
      .trimEnd()
      .split("\n")
    expect(lines).toEqual([
      "ses_1  rest_for_one",
      "└─ session ses_1: running; decides on prompt; 2 waiting",
      "   ├─ link:sbx_1: pausing; 2 crashes in the last minute, the daemon broke (long ago)",
      "   └─ link:sbx_0: given up, the daemon broke (long ago)",
      "and 2 more homes, not in trouble or behind these",
      "",
      "set aside, until `proliferate ops release`:",
      "   session ses_2: the daemon broke (long ago)"
    ])
    expect(JSON.parse((await run(["ops", "tree", "--json"], env)).stdout)).toEqual(hosted)
    expect((await run(["ops", "tree", "--home", "ses_none"], env)).stdout).toContain("Nothing is in memory here.")
  })

  it("releases an actor, for a reason", async () => {
    const released = await run(["ops", "release", "ses_1", "--reason", "mended"], env)
    expect([released.code, lastAsked().path]).toEqual([0, "/v1/operations/actors/session/ses_1/release"])
    expect(released.stdout).toContain("goes on")
  })

  it("pauses for so long and resumes, and shows in its status what is paused", async () => {
    const paused = await run(["ops", "pause", "all", "--for", "30m", "--reason", "an incident"], env)
    expect([paused.code, lastAsked().body]).toEqual([0, { lastsMs: 1_800_000, why: "an incident" }])
    expect(paused.stdout).toContain("all is paused until 2023-11-14 22:43 by usr_1: an incident")
    const resumed = await run(["ops", "resume", "sandbox.stray"], env)
    expect([resumed.code, resumed.stdout.trimEnd()]).toEqual([0, "sandbox.stray was not paused."])
    kinds = [{ ...kind, paused: { kind: kind.kind, by: "usr_1", why: "a drill", untilMs: 1_700_000_000_000 } }]
    expect((await run(["ops", "status"], env)).stdout).toContain("paused until 2023-11-14 22:13 by usr_1: a drill")
    kinds = [kind]
  })

  it("asks for a pass, and after it until it has been made; leaves with 7 where it takes too long", async () => {
    drift = []
    passes = 0
    const made = await run(["ops", "reconcile", "--now", "--kind", "sandbox.stray"], env)
    expect([made.code, passes, lastAsked().body]).toEqual([0, 2, { kind: "sandbox.stray", sinceMs: 1_700_000_000_000 }])
    expect(made.stdout).toContain("No drift.")
    expect(made.stdout).toContain("applied: released")
    drift = [row]
    expect((await run(["ops", "reconcile", "--now"], env)).code).toBe(8)
    const late = await run(["ops", "reconcile", "--now", "--kind", "outbox.dead", "--wait", "0s"], env)
    expect([late.code, late.stdout]).toEqual([7, ""])
    expect(late.stderr).toContain("not over yet")
  })

  it("lists who did what, and why", async () => {
    const { code, stdout } = await run(["ops", "audit", "--since", "1h", "--by", "usr_1"], env)
    expect([code, lastAsked().path]).toEqual([0, "/v1/operations/audit?limit=100&withinMs=3600000&by=usr_1"])
    expect(stdout).toContain("mended")
    expect(JSON.parse((await run(["ops", "audit", "--json"], env)).stdout)).toEqual({ notes: [noted] })
  })

  it("says what is older than is kept, and what was archived and dropped of it", async () => {
    const dry = await run(["ops", "retention", "--dry-run"], env)
    expect([dry.code, lastAsked().body]).toEqual([0, { dryRun: true }])
    expect(dry.stdout.trimEnd().split("\n")).toEqual([
      "journal rows         12 older than 90 days",
      "feed events          0 older than 30 days",
      "given up commands    kept for ever"
    ])
    const done = await run(["ops", "retention"], env)
    expect(done.stdout.trimEnd().split("\n")).toEqual([
      "journal rows         12 older than 90 days, 10 archived and dropped",
      "feed events          0 older than 30 days",
      "given up commands    kept for ever",
      "There is more, or another server is at it: it goes on by the hour."
    ])
  })
})
