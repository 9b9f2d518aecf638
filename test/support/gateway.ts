/**
 * The real gateway over the real runtime, with memory under both: sockets, router, feeds, machine and use cases are those of the
 * product. Sandboxes are obliging ones that do nothing: a session that is started runs, and its agent never says a word.
 */
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Context, Effect, Layer } from "effect"
import { Directory, type Role } from "../../actors/ports/directory.ts"
import { Access } from "../../actors/services/access.ts"
import type { IssuedToken } from "../../actors/services/people.ts"
import { Gateway } from "../../adapters/gateway/server.ts"
import { emptyJournal } from "../../adapters/memory/journal-state.ts"
import type { FeedEvent } from "../../runtime/feed.ts"
import { Feeds } from "../../runtime/feeds.ts"
import { founding, type GatewayTest, type Kept, layerOf, type Records, recordsOf } from "./gateway-layers.ts"

const git = (cwd: string, ...args: ReadonlyArray<string>) =>
  execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main", ...args], {
    cwd,
    stdio: "pipe"
  })

/** A directory that lives as long as the test. */
export const scratch = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "proliferate-gateway-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
)

/** A repository with one commit on `main`. */
export const repositoryIn = (directory: string, name = "app"): string => {
  const path = join(directory, name)
  git(directory, "init", "-q", path)
  git(path, "commit", "-q", "--allow-empty", "-m", "first")
  return path
}

export interface Answered {
  readonly status: number
  readonly headers: Headers
  readonly body: any
}

/** A gateway on a free port, with its first organisation; gone at the end of the test's scope. */
export const startGateway = Effect.fn("startGateway")(function* (options: GatewayTest = {}) {
  const directory = yield* scratch
  const { again } = options
  const state = again?.kept.state ?? emptyJournal()
  const records: Context.Context<Records> = again?.kept.records ?? (yield* Layer.build(recordsOf(state, directory, options)))
  const context = yield* Layer.build(layerOf(directory, state, records, options))
  const its = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provideContext(effect, context as never) as Effect.Effect<A, E>
  const { url, port, transport } = yield* its(Gateway)
  const { organisation, owner } = again?.kept ?? (yield* its(founding))
  const token = { secret: owner.token }

  const ask = (as: string | null, method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
    Effect.promise(async (): Promise<Answered> => {
      const isRaw = typeof body === "string" || body instanceof Uint8Array
      const response = await fetch(url + path, {
        method,
        headers: {
          ...(as !== null && { authorization: `Bearer ${as}` }),
          ...(body !== undefined && { "content-type": "application/json" }),
          ...headers
        },
        ...(body !== undefined && { body: isRaw ? (body as string) : JSON.stringify(body) })
      })
      const text = await response.text()
      return { status: response.status, headers: response.headers, body: text === "" ? null : JSON.parse(text) }
    })

  const must = Effect.fnUntraced(function* (as: string, method: string, path: string, body?: unknown) {
    const answered = yield* ask(as, method, path, body)
    if (answered.status > 299) throw new Error(`${method} ${path}: ${answered.status} ${JSON.stringify(answered.body)}`)
    return answered.body
  })

  let people = 0
  const person = Effect.fnUntraced(function* (role: Role) {
    people += 1
    const added = yield* must(token.secret, "POST", "/v1/users", { name: `P${people}`, email: `p${people}@example.org`, role })
    const issued: IssuedToken = yield* must(token.secret, "POST", "/v1/tokens", { userId: added.id, name: "test" })
    return { id: added.id as string, token: issued.secret, tokenId: issued.id }
  })

  const configuration = Effect.fnUntraced(function* (name = "app", as = token.secret) {
    const repository = yield* must(as, "POST", "/v1/repositories", { name, location: repositoryIn(directory, name) })
    const added = yield* must(as, "POST", "/v1/configurations", {
      name,
      repositories: [{ repositoryId: repository.id }],
      agent: "scripted"
    })
    return { id: added.id as string, repositoryId: repository.id as string }
  })

  const session = Effect.fnUntraced(function* (body: Record<string, unknown> = {}, as = token.secret) {
    const known = (yield* must(as, "GET", "/v1/configurations")).configurations[0]
    const configurationId = known?.id ?? (yield* configuration("app", as)).id
    return (yield* must(as, "POST", "/v1/sessions", { configurationId, start: false, ...body })) as {
      id: string
      [field: string]: any
    }
  })

  const publish = (sessionId: string, events: ReadonlyArray<FeedEvent>) =>
    its(Feeds.use((feeds) => feeds.publish({ org: organisation.id, id: sessionId }, events)))

  return {
    url,
    port,
    transport,
    directory,
    organisation,
    owner,
    kept: { state, records, organisation, owner } satisfies Kept as Kept,
    its,
    ask,
    must,
    person,
    configuration,
    session,
    publish,
    sandboxToken: (sessionId: string) =>
      its(Access.use((access) => Effect.succeed(access.mintSandboxToken(organisation.id, sessionId)))),
    directoryOf: its(Directory)
  }
})
export type Started = Effect.Success<ReturnType<typeof startGateway>>

/** What an agent would say: `count` deltas of one message. */
export const deltas = (from: number, count: number, text = (n: number) => `${n} `, messageId = "m1"): ReadonlyArray<FeedEvent> =>
  Array.from({ length: count }, (_, index) => ({
    source: "daemon/d",
    sourceSeq: from + index,
    kind: "message",
    agent: "scripted",
    parent: null,
    rev: null,
    at: 1,
    body: { turnId: "t1", messageId, delta: text(from + index) }
  }))
