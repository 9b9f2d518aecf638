/** Two servers with sandboxes of their own, on one machine: sessions move between them, and one of a host that is lost says what it lost. */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { assert, it } from "vitest"
import { ClusterScene, withinMs } from "../support/cluster-scene.ts"
import type { Watcher } from "../support/watcher.ts"

const scene = new ClusterScene()

const sandboxOf = async (id: string): Promise<string> => (await scene.servers.call("GET", `/v1/sessions/${id}`)).sandboxId

it("a session whose host is lost goes on at another from its last snapshot, and says what it lost; what it left is destroyed", {
  timeout: 300_000
}, async () => {
  const { servers, configurationId } = scene
  const { id } = await servers.call("POST", "/v1/sessions", { configurationId }, "the-one")
  const watcher = scene.watch(servers.members[0]!.server.url, id)
  let turns = 0
  const turn = async (seen: Watcher, steps: ReadonlyArray<object>) => {
    const promptId = `prompt-${++turns}`
    await servers.call("POST", `/v1/sessions/${id}/prompts`, { id: promptId, text: `run: ${JSON.stringify(steps)}` })
    const { body } = await seen.until(
      promptId,
      ({ kind, body: told }) => kind === "turn.ended" && told["turnId"] === promptId,
      withinMs
    )
    return body
  }
  assert.strictEqual((await turn(watcher, [{ write: "kept.txt", text: "kept" }]))["stopReason"], "end_turn")
  await servers.call("POST", `/v1/sessions/${id}/pause`)
  await watcher.until("paused", ({ kind, body }) => kind === "state" && body["status"] === "paused", withinMs)
  assert.strictEqual((await turn(watcher, [{ write: "lost.txt", text: "lost" }]))["stopReason"], "end_turn")

  const sandboxId = await sandboxOf(id)
  const lost = servers.holderOf(sandboxId)!
  const other = servers.members.find((member) => member !== lost)!
  const left = scene.watch(other.server.url, id)
  const killedAtMs = Date.now()
  await lost.server.kill()
  await left.until("what was lost", ({ kind }) => kind === "state.lost", withinMs)
  const lostAfterMs = Date.now() - killedAtMs
  await turn(left, [{ run: "ls kept.txt lost.txt" }])
  const said = left.events.map(({ body }) => JSON.stringify(body)).join("\n")
  assert.include(said, "kept.txt")
  assert.match(said, /cannot access 'lost.txt'|lost.txt.*No such file/)
  const now = await sandboxOf(id)
  assert.notStrictEqual(now, sandboxId)
  assert.strictEqual(servers.holderOf(now), other)
  assert.isAbove(lostAfterMs, 15_000)

  await servers.again(lost)
  assert.isTrue(existsSync(join(lost.dataDir, "sandboxes/sandboxes", sandboxId)))
  const at = servers.members.indexOf(lost)
  const plan = await servers.call("POST", "/v1/operations/plans", { kind: "sandbox.stray" }, undefined, at)
  const item = plan.drift.find(({ id: row }: { id: string }) => row.includes(sandboxId))
  assert.isDefined(item, JSON.stringify(plan))
  await servers.call(
    "POST",
    `/v1/operations/plans/${plan.plan}/apply`,
    { items: [item.id], why: "a host came back" },
    undefined,
    at
  )
  const endsAtMs = Date.now() + withinMs
  while (existsSync(join(lost.dataDir, "sandboxes/sandboxes", sandboxId)) && Date.now() < endsAtMs)
    await new Promise((resolve) => setTimeout(resolve, 100))
  assert.isFalse(existsSync(join(lost.dataDir, "sandboxes/sandboxes", sandboxId)))
  assert.strictEqual(await sandboxOf(id), now)
  assert.strictEqual((await turn(left, [{ say: "still here" }]))["stopReason"], "end_turn")
})
