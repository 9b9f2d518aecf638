/**
 * Each server of a cluster is stopped and started again, one after another, while clients go on: none of them is told of an error,
 * what was acknowledged stands, watchers miss nothing, and a session that works moves with its files.
 */
import { assert, it } from "vitest"
import { ClusterScene, withinMs } from "../support/cluster-scene.ts"

const scene = new ClusterScene()

it("a rolling restart shows no error to a client, and loses nothing", { timeout: 400_000 }, async () => {
  const { servers, configurationId } = scene
  const working = (await servers.call("POST", "/v1/sessions", { configurationId }, "working")).id
  const idle = await Promise.all(
    Array.from(
      { length: 8 },
      async (_, n) => (await servers.call("POST", "/v1/sessions", { configurationId, start: false }, `idle-${n}`)).id
    )
  )
  const seen = servers.members.map(({ server }) => scene.watch(server.url, working))
  let turns = 0
  const turn = async (steps: ReadonlyArray<object>) => {
    const promptId = `prompt-${++turns}`
    await servers.call("POST", `/v1/sessions/${working}/prompts`, { id: promptId, text: `run: ${JSON.stringify(steps)}` })
    const ended = seen.map((watcher) =>
      watcher.until(promptId, ({ kind, body }) => kind === "turn.ended" && body["turnId"] === promptId, withinMs)
    )
    return (await Promise.all(ended))[0]!.body["stopReason"]
  }
  assert.strictEqual(await turn([{ write: "kept.txt", text: "kept" }]), "end_turn")

  servers.told.length = 0
  let isOver = false
  const titles = new Map<string, string>()
  const clients = idle.map(async (id, client) => {
    for (let n = 0; !isOver; n++) {
      const title = `title ${client} ${n}`
      await servers.call("PATCH", `/v1/sessions/${id}`, { title }, undefined, n)
      titles.set(id, title)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  })
  for (const member of servers.members) {
    const code = await member.server.stop()
    assert.include([0, 130], code, member.server.log())
    await servers.again(member)
  }
  isOver = true
  await Promise.all(clients)
  const errors = servers.told.filter(({ status }) => status >= 400)
  assert.deepStrictEqual(errors, [], `of ${servers.told.length} answers`)
  assert.isAbove(servers.told.length, 100)
  for (const [id, title] of titles) assert.strictEqual((await servers.call("GET", `/v1/sessions/${id}`)).title, title)

  assert.strictEqual(await turn([{ run: "cat kept.txt" }]), "end_turn")
  for (const { events, gaps, connections } of seen) {
    assert.deepStrictEqual(gaps, [])
    assert.isAbove(connections(), 1)
    assert.deepStrictEqual(
      events.map(({ seq }) => seq),
      events.map((_, index) => index + 1)
    )
    assert.match(JSON.stringify(events.slice(-12)), /kept/)
  }
})
