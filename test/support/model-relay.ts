/**
 * The relay as an agent in a sandbox finds it: a real proxy server on a unix socket, joined to a port on the loopback; behind it the
 * relay, records in memory, and the scripted model. Its clients are the makers' own.
 */
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import type { Server } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import Anthropic from "@anthropic-ai/sdk"
import { Effect, Layer, Logger, Redacted, References, Schedule } from "effect"
import OpenAI from "openai"
import { Directory, type ModelCall } from "../../actors/ports/directory.ts"
import type { Dialect } from "../../actors/ports/models.ts"
import { ProxyRoutes } from "../../actors/ports/proxy.ts"
import { Access } from "../../actors/services/access.ts"
import { memoryDirectory } from "../../adapters/memory/directory.ts"
import { emptyJournal } from "../../adapters/memory/journal-state.ts"
import { Limits, withLimits } from "../../adapters/model/limits.ts"
import { ModelRelay } from "../../adapters/model/relay.ts"
import { Upstreams } from "../../adapters/model/upstreams.ts"
import { makeProxy } from "../../adapters/sandbox/proxy/proxy.ts"
import * as LocalCoordination from "../../runtime/local-coordination.ts"
import { type ModelOptions, scriptedModel } from "./model.ts"
import { relayTo } from "./relay.ts"

export const hostKey = "sk-host-0123456789abcdefghijklmnop"
export const every: ReadonlyArray<Dialect> = ["chat", "responses", "messages"]

export interface RelayTest {
  readonly model?: ModelOptions
  readonly dialects?: ReadonlyArray<Dialect>
  readonly tokensMax?: number
  readonly limits?: Parameters<typeof withLimits>[0]
  /** An endpoint in the scripted model's place. */
  readonly url?: string
  readonly key?: string | null
}

const sessionRow = (id: string, status: string) => ({
  address: { org: "org_a", kind: "session", id, home: id },
  title: id,
  status,
  owner: null,
  configurationId: null,
  archived: false,
  rev: 1,
  createdAtMs: 1,
  updatedAtMs: 1
})

export const startRelay = Effect.fn("startRelay")(function* (options: RelayTest = {}) {
  const { dialects = every, tokensMax = null, limits = {} } = options
  const key = options.key === undefined ? hostKey : options.key
  const model = yield* scriptedModel({ ...(key !== null && { key }), ...options.model })
  const state = emptyJournal()
  for (const [id, status] of [
    ["ses_1", "running"],
    ["ses_2", "running"],
    ["ses_3", "stopped"]
  ] as const) {
    state.projections.set(`session/${id}`, sessionRow(id, status))
  }
  const records = memoryDirectory(state)
  const calls: Array<ModelCall> = []
  const directory = Directory.of({
    ...records,
    addModelCall: (call) =>
      Effect.andThen(
        records.addModelCall(call),
        Effect.sync(() => void calls.push(call))
      )
  })
  const logged: Array<string> = []
  const listening = Logger.make(({ message, cause }) => void logged.push(JSON.stringify([message, cause])))
  const upstream = {
    url: options.url ?? model.url,
    key: key === null ? null : Redacted.make(key),
    dialects,
    models: ["scripted-1", "scripted-2"]
  }
  const context = yield* Layer.build(
    ModelRelay.layer({ tokensMax }).pipe(
      Layer.provideMerge(Access.layer(Redacted.make(new Uint8Array(32).fill(7)))),
      Layer.provideMerge(
        Layer.mergeAll(
          Layer.succeed(Directory, directory),
          Upstreams.layer([upstream]),
          LocalCoordination.layer,
          Layer.succeed(Limits, withLimits(limits)),
          Logger.layer([listening]),
          Layer.succeed(References.MinimumLogLevel, "All")
        )
      )
    )
  )
  const { serve } = yield* Effect.provideContext(ModelRelay, context)
  const { mintSandboxToken } = yield* Effect.provideContext(Access, context)
  const routes = ProxyRoutes.of({
    git: () => Effect.succeed(null),
    api: () => Effect.succeed({ status: 404, headers: {}, body: "" }),
    model: serve
  })
  const proxy = yield* makeProxy.pipe(Effect.provideService(ProxyRoutes, routes), Effect.provideContext(context))

  const socketPath = join(
    yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "proliferate-relay-"))),
      (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
    ),
    "proxy.sock"
  )
  const server: Server = proxy({ sandboxId: "sbx_1", org: "org_a", sessionId: "ses_1", key: "boot" })
  /** What happens to it when its sandbox goes. */
  const close = () => {
    server.close()
    server.closeAllConnections()
  }
  yield* Effect.acquireRelease(
    Effect.promise(() => once(server.listen(socketPath), "listening")),
    () => Effect.sync(close)
  )
  const { port } = yield* relayTo({ path: socketPath })

  const base = `http://127.0.0.1:${port}/model`
  const tokenOf = (sessionId: string, org = "org_a") => mintSandboxToken(org, sessionId)
  const token = tokenOf("ses_1")
  return {
    model,
    base,
    socketPath,
    token,
    tokenOf,
    close,
    logged,
    /** What was counted, oldest first. */
    calls: calls as ReadonlyArray<ModelCall>,
    /** When so many calls are counted. */
    counted: (count: number) =>
      Effect.sync(() => calls.length).pipe(
        Effect.repeat({ until: (length) => length >= count, schedule: Schedule.spaced(5) }),
        Effect.timeoutOrElse({
          duration: 10_000,
          orElse: () => Effect.die(new Error(`${calls.length} calls are counted, not ${count}`))
        })
      ),
    usage: directory.modelUsage("org_a", "ses_1"),
    openai: new OpenAI({ baseURL: `${base}/v1`, apiKey: token, maxRetries: 0 }),
    anthropic: new Anthropic({ baseURL: base, apiKey: token, maxRetries: 0 }),
    /** Plain HTTP, for what no client of a maker would do. */
    ask: (path: string, body: unknown, headers: Record<string, string> = {}) =>
      fetch(`${base}${path}`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
        body: typeof body === "string" ? body : JSON.stringify(body)
      })
  }
})
export type RelayWorld = Effect.Success<ReturnType<typeof startRelay>>
