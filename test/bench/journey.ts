/**
 * What a person waits for, with a real server, sandbox and agent in their own processes:
 *
 *   hop          from the daemon's write of an event to a client's receipt, stored in PostgreSQL on the way; one clock
 *   first token  from the request with a prompt to the first word of the agent at a client
 *   reconnect    from an open socket to the first event that was missed
 *
 * beside uWebSockets.js that only echoes, and the same agent asked over its own pipe.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import WebSocket from "ws"
import { repositoryIn } from "../support/gateway.ts"
import { type Server, startServer } from "../support/server.ts"
import { bareAgent } from "./agent.ts"
import { quantile, type Row, rowOf } from "./rows.ts"

const rounds = 5
const words = 120
const reconnects = 40
const limitMs = 60_000

const now = () => performance.timeOrigin + performance.now()

interface Frame {
  readonly type: string
  readonly seq: number
  readonly epoch: number
  readonly kind?: string
  readonly at?: number
  readonly source?: string
  readonly body: Readonly<Record<string, unknown>>
}

/** A client that notes when what came. */
const watch = async (url: string, sessionId: string, token: string, cursor: { epoch: number; seq: number } | null) => {
  const socket = new WebSocket(`${url.replace(/^http/, "ws")}/v1/sessions/${sessionId}/stream`, {
    headers: { authorization: `Bearer ${token}` }
  })
  const heard: Array<{ readonly frame: Frame; readonly atMs: number }> = []
  const waiters = new Set<() => void>()
  socket.on("message", (data) => {
    heard.push({ atMs: now(), frame: JSON.parse(String(data)) })
    for (const waiter of [...waiters]) waiter()
  })
  await once(socket, "open")
  const openedAtMs = now()
  socket.send(JSON.stringify({ type: "hello", v: 1, cursor }))
  const until = (what: string, from: number, fits: (frame: Frame) => boolean) =>
    new Promise<{ readonly frame: Frame; readonly atMs: number; readonly index: number }>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${what} did not come; ${JSON.stringify(heard.slice(-2))}`)), limitMs)
      const look = () => {
        const index = heard.findIndex(({ frame }, at) => at >= from && fits(frame))
        if (index < 0) return
        clearTimeout(timer)
        waiters.delete(look)
        resolve({ ...heard[index]!, index })
      }
      waiters.add(look)
      look()
    })
  return { heard, until, openedAtMs, end: () => socket.terminate() }
}

const echoing = async (): Promise<{ readonly port: number; readonly child: ChildProcess }> => {
  const child = spawn(process.execPath, [join(import.meta.dirname, "echo.ts")], { stdio: ["pipe", "pipe", "inherit"] })
  const [said] = await once(child.stdout!, "data")
  return { port: Number(String(said)), child }
}

const said = (count: number) => Array.from({ length: count }, (_, n) => `word${n}`).join(" ")
const prompt = (count: number) => `run: ${JSON.stringify([{ say: said(count) }])}`

const play = async (server: Server, directory: string): Promise<ReadonlyArray<Row>> => {
  const { url, token } = server
  const post = async (path: string, body: unknown) => {
    const response = await fetch(url + path, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(body)
    })
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    return (await response.json()) as { readonly id: string }
  }
  const repository = await post("/v1/repositories", { name: "app", location: repositoryIn(directory) })
  const configuration = await post("/v1/configurations", {
    name: "app",
    repositories: [{ repositoryId: repository.id }],
    agent: "scripted"
  })
  const { id } = await post("/v1/sessions", { configurationId: configuration.id })
  const client = await watch(url, id, token!, null)
  await client.until("a running session", 0, ({ kind, body }) => kind === "state" && body["status"] === "running")

  const [hopP50, hopP99, firstToken, bareToken]: [Array<number>, Array<number>, Array<number>, Array<number>] = [[], [], [], []]
  const [echoP50, echoP99]: [Array<number>, Array<number>] = [[], []]
  const echo = await echoing()
  const agent = await bareAgent(directory)
  const plain = new WebSocket(`ws://127.0.0.1:${echo.port}/`)
  await once(plain, "open")
  for (let round = 0; round <= rounds; round++) {
    const from = client.heard.length
    const askedAtMs = now()
    await post(`/v1/sessions/${id}/prompts`, { id: `prm_${round}`, text: prompt(words) })
    const first = await client.until("a word", from, ({ kind }) => kind === "message")
    await client.until("the end", from, ({ kind }) => kind === "turn.ended")
    const hops = client.heard
      .slice(from)
      .filter(({ frame }) => frame.kind === "message")
      .map(({ frame, atMs }) => Math.max(0, atMs - frame.at!))

    const echoes: Array<number> = []
    for (let n = 0; n < words; n++) {
      const sentAtMs = now()
      plain.send(
        `{"n":${n},"text":"a frame about as long as an event of one word, with its source and its kind and when it was said"}`
      )
      await once(plain, "message")
      echoes.push(now() - sentAtMs)
      // At the pace of the agent's words.
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    const bare = await agent.firstToken(prompt(3))
    if (round === 0) continue
    firstToken.push(first.atMs - askedAtMs)
    bareToken.push(bare)
    hopP50.push(quantile(hops, 0.5))
    hopP99.push(quantile(hops, 0.99))
    echoP50.push(quantile(echoes, 0.5))
    echoP99.push(quantile(echoes, 0.99))
  }
  plain.terminate()
  agent.end()

  const head = client.heard.findLast(({ frame }) => frame.type === "event")!.frame.seq
  const { epoch } = client.heard.find(({ frame }) => frame.type === "welcome")!.frame
  const [gaps, bareGaps]: [Array<number>, Array<number>] = [[], []]
  for (let n = 0; n < reconnects; n++) {
    const back = await watch(url, id, token!, { epoch, seq: head - 100 })
    const { atMs } = await back.until("a missed event", 0, ({ type }) => type === "event")
    gaps.push(atMs - back.openedAtMs)
    back.end()
    const socket = new WebSocket(`ws://127.0.0.1:${echo.port}/`)
    await once(socket, "open")
    const openedAtMs = now()
    socket.send('{"type":"hello"}')
    await once(socket, "message")
    bareGaps.push(now() - openedAtMs)
    socket.terminate()
  }
  client.end()
  echo.child.stdin!.end()
  const slices = (values: ReadonlyArray<number>, q: number) =>
    Array.from({ length: 4 }, (_, n) => quantile(values.slice((n * reconnects) / 4, ((n + 1) * reconnects) / 4), q))
  return [
    rowOf("hop p50", "a bare echo, there and back", "ms", hopP50, echoP50, null),
    rowOf("hop p99", "a bare echo, there and back", "ms", hopP99, echoP99, null),
    rowOf("API to first token", "the agent's own pipe", "ms", firstToken, bareToken, null),
    rowOf("reconnect gap p50", "a bare hello and its echo", "ms", slices(gaps, 0.5), slices(bareGaps, 0.5), null),
    rowOf("reconnect gap p99", "a bare hello and its echo", "ms", slices(gaps, 0.99), slices(bareGaps, 0.99), null)
  ]
}

export const benchJourney = Effect.gen(function* () {
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "proliferate-bench-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true, maxRetries: 5 }))
  )
  const server = yield* Effect.acquireRelease(
    Effect.promise(() => startServer(join(directory, "data"))),
    (started) => Effect.promise(() => started.stop())
  )
  return yield* Effect.promise(() => play(server, directory))
})
