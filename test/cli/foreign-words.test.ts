/** What agents and strange servers write is shown to people who decide: it must not move their cursor, hide or turn round what stands there. */
import { afterAll, beforeAll, expect, it } from "vitest"
import { type ApiServer, problem, startApiServer } from "../support/api-server.ts"
import { makeBundle, run } from "../support/command.ts"

const nasty = "\u001b[2K\u001b[8mhidden\u009b1Athere\u202eback"
const request = {
  id: "grq_1",
  sessionId: "ses_1",
  createdAtMs: 1_700_000_000_000,
  expiresAtMs: 1_700_000_000_000,
  status: "open",
  by: null,
  answer: null,
  reason: `often ${nasty}`,
  draft: {
    scope: { type: "session", id: "ses_1" },
    integration: "sentry",
    action: "comment",
    constraints: [{ path: "text", op: "equals", value: nasty }],
    usesMax: 1,
    lastsMs: 60_000
  }
}

let server: ApiServer
let env: Record<string, string>
beforeAll(async () => {
  makeBundle()
  server = await startApiServer({
    "GET /v1/grant-requests": { status: 200, body: { requests: [request] } },
    "POST /v1/grants": ({ body }) => ({
      status: 201,
      body: { ...body.draft, id: "grt_1", used: 0, expiresAtMs: 1_700_000_000_000, createdBy: "usr_1", revokedAtMs: null }
    }),
    "GET /v1/actors/session/ses_1": { status: 200, body: { context: { [nasty]: nasty } } },
    "GET /v1/users": problem(409, "refused", `no: ${nasty}`)
  })
  env = { PROLIFERATE_URL: server.url, PROLIFERATE_TOKEN: "plf_x" }
})
afterAll(() => server.close())

const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/

it("are shown without what a terminal would do for them", async () => {
  const listed = await run(["grants", "list", "--requests"], env)
  expect(listed.stdout).toContain("often \ufffd[2K\ufffd[8mhidden\ufffd1Athere\ufffdback")
  const shown = await run(["actor", "show", "session", "ses_1"], env)
  expect(shown.stdout).toContain("hidden\ufffd1Athere\ufffdback")
  const refused = await run(["users", "list"], env)
  expect(refused.stderr).toContain("no: \ufffd[2K\ufffd[8mhidden\ufffd1Athere\ufffdback")
  for (const { stdout, stderr } of [listed, shown, refused]) expect(`${stdout}${stderr}`).not.toMatch(controls)
})

it("are the same to programs, and to the server that gave them", async () => {
  const listed = await run(["grants", "list", "--requests", "--json"], env)
  expect(JSON.parse(listed.stdout).requests).toEqual([request])
  expect((await run(["grants", "create", "--request", "grq_1", "--ttl", "1h"], env)).code).toBe(0)
  expect(server.asked.at(-1)!.body.draft.constraints).toEqual(request.draft.constraints)
})
