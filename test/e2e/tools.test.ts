/**
 * What an agent may do, as it finds it: a file in its workspace that says so and is written anew when that changes, and tools over MCP
 * that its daemon gave it, in a real sandbox, through the real library, on both ends.
 */
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, it } from "vitest"
import { ActionScene, full, resolve, where } from "../support/action-scene.ts"
import { run, start } from "../support/command.ts"
import { sentryToken } from "../support/services/sentry.ts"

const scene = new ActionScene("tools")
const { json, pending, fake } = scene

/** A turn of the scripted agent that does exactly this, and what it showed. */
const turn = (...steps: ReadonlyArray<unknown>) =>
  start(["sessions", "prompt", scene.session.id, `run: ${JSON.stringify(steps)}`, "--wait", "--json"], scene.env, "", 180_000)
const outcome = async ({ ended }: ReturnType<typeof turn>) => {
  const { code, stdout, stderr } = await ended
  assert.strictEqual(code, 0, stdout + stderr)
  const events = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
  return events.map(({ kind, body }) => (kind === "message" ? body.delta : `\n${body?.output ?? ""}`)).join("")
}
const shown = (...steps: ReadonlyArray<unknown>) => outcome(turn(...steps))
const brief = () => shown({ run: "cat .proliferate/actions.md; git status --porcelain" })

it("lies in the workspace, in no commit, and is written anew when a service is connected", full, async () => {
  const before = await brief()
  assert.match(before, /Sentry \(`sentry`\)[\s\S]*Not usable now: it is not connected/)
  assert.notMatch(before, /\?\? \.proliferate/)
  await json("connections", "add", "sentry", "--secret-env", "SENTRY_TOKEN")
  const after = await brief()
  assert.match(after, /`list_issues` — allow, a read, tool `sentry_list_issues`/)
  assert.match(after, /`update_issue` — asks a person, a write/)
  assert.notInclude(after, sentryToken)
})

it("starts its command from what it compiled before, where no snapshot keeps it", full, async () => {
  const said = await shown({ run: "proliferate --version; proliferate --version; find /tmp/.proliferate -type f | wc -l" })
  assert.match(said, /proliferate v[\s\S]*proliferate v[\s\S]*\b[1-9]\d*\b/)
})

it("are tools of the agent, one for each action that it may call", full, async () => {
  const said = await shown({ tools: true })
  assert.match(said, /tools: .*\bsentry_list_issues\b.*\bsentry_update_issue\b.*\brequest_grant\b/)
  assert.notInclude(said, "github_")
})

it("a read is answered at once, and arguments that do not fit are an error that says what does", full, async () => {
  assert.match(await shown({ call: "sentry_list_issues", args: where }), /"id": "4509876543"/)
  const refused = await shown({ call: "sentry_list_issues", args: { organisation: "acme" } })
  assert.match(refused, /organization_slug/)
})

it("a write waits for a person, and the tool that waited has the answer", full, async () => {
  const waiting = turn({ call: "sentry_update_issue", args: resolve })
  const call = await pending()
  assert.deepInclude(call, { integration: "sentry", action: "update_issue", risk: "write" })
  assert.strictEqual(fake.effects(), 0)
  assert.strictEqual((await run(["approvals", "approve", call.id, "--once"], scene.env)).code, 0)
  assert.match(await outcome(waiting), /"status": "resolved"/)
  assert.strictEqual(fake.effects(), 1)
})

it("a write that is denied is an error of the tool, with the reason", full, async () => {
  const waiting = turn({ call: "sentry_update_issue", args: resolve })
  const call = await pending()
  assert.strictEqual((await run(["approvals", "deny", call.id, "--reason", "not on a Friday"], scene.env)).code, 0)
  assert.match(await outcome(waiting), /is denied: not on a Friday[\s\S]*Do not ask for the same again/)
  assert.strictEqual(fake.effects(), 1)
})

it("a write that nobody decides within 100 s is told to wait on, and its outcome comes as a prompt", {
  timeout: 240_000
}, async () => {
  const waiting = turn({ call: "sentry_update_issue", args: resolve })
  const beganAtMs = Date.now()
  const call = await pending()
  assert.match(await outcome(waiting), /is not over yet: it waits for a person\. Its outcome will come to you as a prompt/)
  assert.isAtLeast(Date.now() - beganAtMs, 95_000)
  assert.strictEqual((await run(["approvals", "deny", call.id, "--reason", "leave it"], scene.env)).code, 0)
  const endsAtMs = Date.now() + 60_000
  for (let log = ""; !log.includes(`(${call.id}) was denied by a person: leave it`); ) {
    assert.isBelow(Date.now(), endsAtMs, log.slice(-2_000))
    log = (await run(["sessions", "logs", scene.session.id], scene.env)).stdout
  }
  assert.strictEqual(fake.effects(), 1)
})

it("what is refused is no tool any more, and the agent is told that there are others", full, async () => {
  await json("policy", "set", "sentry.update_issue", "deny")
  const said = await shown({ run: "grep -n 'update_issue' .proliferate/actions.md" }, { sleep: 1_500 }, { tools: true })
  assert.match(said, /`update_issue` — refused/)
  assert.notInclude(said, "sentry_update_issue")
  assert.match(said, /changed [1-9]\d* times/)
})

it("asks to be lent a permission, which an administrator finds", full, async () => {
  const asked = { integration: "sentry", action: "update_issue", reason: "triage", where: { organization_slug: "acme" } }
  assert.match(await shown({ call: "request_grant", args: asked }), /grq_\w+ is asked for/)
  const { requests } = await json("grants", "list", "--requests")
  assert.deepInclude(requests[0], { status: "open", reason: "triage", sessionId: scene.session.id })
})

it("keeps the workspace when the turn has ended, and goes on in a sandbox made from it", full, async () => {
  const { sandboxId } = await json("sessions", "show", scene.session.id)
  const said = await shown({ write: "kept.txt", text: "kept" }, { call: "save_snapshot" }, { say: "and the turn goes on" })
  assert.match(said, /captured when this turn has ended[\s\S]*and the turn goes on/)
  assert.match(await shown({ run: "cat kept.txt" }, { tools: true }), /kept[\s\S]*sentry_list_issues/)
  const after = await json("sessions", "show", scene.session.id)
  assert.notStrictEqual(after.sandboxId, sandboxId)
  assert.match(after.snapshotId, /^snp/)

  const layers = join(scene.dataDir, "sandboxes", "layers")
  const found = (text: string) => spawnSync("grep", ["-rlE", text, layers], { encoding: "utf8" }).stdout
  assert.match(found("^kept$"), /kept\.txt/)
  // Neither the service's credential, nor a token of a sandbox or of a person.
  for (const secret of [sentryToken, "psb_[A-Za-z0-9]", scene.env["PROLIFERATE_TOKEN"]!]) assert.strictEqual(found(secret), "")
})

it("keeps evidence, which its people bring to their machine; a link in it is refused", full, async () => {
  const folder = ".proliferate/.verification"
  assert.match(await shown({ run: `rm -rf ${folder}` }, { call: "verify" }), /holds no file/)
  const kept = await shown({ run: `mkdir -p ${folder}/deep && echo it works > ${folder}/deep/log.txt` }, { call: "verify" })
  const [key] = /evd_[0-9a-f]{24}/.exec(kept)!
  const to = join(scene.directory, "evidence")
  const { evidence } = await json("sessions", "evidence", scene.session.id, "--to", to)
  assert.deepStrictEqual(
    evidence.map((one: any) => [one.key, one.files[0].path]),
    [[key, "deep/log.txt"]]
  )
  assert.strictEqual(readFileSync(join(to, key, "deep/log.txt"), "utf8"), "it works\n")
  assert.match(await shown({ run: `ln -s /etc/passwd ${folder}/passwd` }, { call: "verify" }), /passwd is a link/)
  assert.match(await shown({ call: "verify", args: { folder: "../.." } }), /leads out of the workspace/)
})
