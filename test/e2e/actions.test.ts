/**
 * An action, the whole way: an agent in a sandbox types `proliferate actions run`, it waits, a person approves by the command line, the
 * server calls the service with a key that is nowhere inside, and the agent has the answer. Also when the server is killed meanwhile.
 */
import { statSync } from "node:fs"
import { join } from "node:path"
import { assert, beforeAll, it } from "vitest"
import { ActionScene, full, resolve, where } from "../support/action-scene.ts"
import { run, start } from "../support/command.ts"
import { sentryToken } from "../support/services/sentry.ts"

const scene = new ActionScene("actions")
const { json, pending, fake } = scene
beforeAll(() => json("connections", "add", "sentry", "--secret-env", "SENTRY_TOKEN"))

const command = (action: string, params: unknown, more = "") =>
  `proliferate actions run --integration sentry --action ${action} --params '${JSON.stringify(params)}' ${more}; echo "exit $?"`
/** What the scripted agent is prompted with. */
const asking = (action: string, params: unknown, more = "") => `run: ${JSON.stringify([{ run: command(action, params, more) }])}`
const prompted = (text: string) => start(["sessions", "prompt", scene.session.id, text, "--wait"], scene.env, "", 90_000)

/** What the session's log says, within a minute. */
const said = async (what: RegExp) => {
  const endsAtMs = Date.now() + 60_000
  for (let text = ""; !what.test(text); ) {
    assert.isBelow(Date.now(), endsAtMs, `${what} is not in ${text.slice(-3_000)}`)
    text = (await run(["sessions", "logs", scene.session.id], scene.env)).stdout
  }
}

it("is read at once", full, async () => {
  const { stdout } = await prompted(asking("list_issues", where)).ended
  assert.include(scene.service.asked.at(-1)!.path, "/api/0/projects/acme/api/issues/")
  assert.match(stdout, /exit 0/)
})

it("waits for a person, and the agent that waits has the answer of the service", full, async () => {
  const turn = prompted(asking("update_issue", resolve))
  const call = await pending()
  const watching = start(["inbox", "--follow"], scene.env)
  await watching.until((stdout) => stdout.includes(call.id))
  assert.deepInclude(call, { integration: "sentry", action: "update_issue", risk: "write" })
  assert.strictEqual(fake.effects(), 0)
  const { code, stdout } = await run(["approvals", "approve", call.id, "--once"], scene.env)
  assert.deepStrictEqual([code, stdout], [0, `sentry.update_issue (${call.id}) is approved, this once.\n`])
  const { stdout: said } = await turn.ended
  assert.match(said, /exit 0/, said)
  assert.strictEqual(fake.effects(), 1)
  assert.strictEqual(fake.issue.status, "resolved")
  await watching.until((stdout) => stdout.includes(`${call.id}  waits no more`))
  watching.child.kill()
})

it(
  "goes on after the server was killed while it waited: approved by the next one, and the agent has the outcome",
  full,
  async () => {
    const turn = prompted(asking("update_issue", { ...resolve, status: "ignored" }))
    const call = await pending()
    await scene.server.kill()
    await scene.start()
    assert.strictEqual((await pending()).id, call.id)
    const { code } = await run(["approvals", "approve", call.id, "--once"], scene.env)
    assert.strictEqual(code, 0)
    const status = async () => (await json("approvals", "show", call.id)).status
    const endsAtMs = Date.now() + 60_000
    while ((await status()) !== "completed") assert.isBelow(Date.now(), endsAtMs)
    assert.strictEqual(fake.issue.status, "ignored")
    assert.strictEqual(fake.effects(), 2)
    turn.child.kill()
    await said(/"status":"ignored"[\s\S]*exit 0/)
  }
)

it("that is not waited for comes as a prompt, once it is decided", full, async () => {
  const { stdout } = await prompted(asking("update_issue", { ...resolve, status: "unresolved" }, "--timeout 1")).ended
  assert.match(stdout, /waiting for a person, and it was not over in time/)
  assert.match(stdout, /exit 7/)
  const call = await pending()
  await json("approvals", "deny", call.id, "--reason", "leave it to me")
  await said(new RegExp(`Your action sentry.update_issue \\(${call.id}\\) was denied by a person: leave it to me`))
})

it("has nothing of its credential in the sandbox, the feed, the journal, what is answered, or the log", full, async () => {
  const look = `run: ${JSON.stringify([{ run: "env; cat /proc/[0-9]*/environ | tr '\\0' '\\n'; proliferate connections list" }])}`
  const { stdout } = await prompted(look).ended
  const logs = await run(["sessions", "logs", scene.session.id, "--json"], scene.env)
  const { calls } = await json("inbox", "--status", "completed")
  const history = await json("actor", "history", "approval", calls[0].id)
  for (const text of [
    stdout,
    logs.stdout,
    scene.server.log(),
    JSON.stringify(history),
    JSON.stringify(await json("connections", "list"))
  ])
    assert.notInclude(text, sentryToken)
  assert.strictEqual(statSync(join(scene.dataDir, "actions", "key")).mode & 0o777, 0o600)
})
