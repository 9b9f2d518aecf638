/**
 * E2B's API through its own SDK: each request with its time, repeated only where a second one changes nothing, its answer against
 * a schema. Ours alone are seen: every sandbox carries the label of this server in its metadata, and nothing secret with it.
 */
import { E2B, type Sandbox as Machine, type SandboxConnectOpts } from "e2b"
import { Effect, Redacted, Schedule, Schema } from "effect"
import type { SandboxError, SandboxInfo } from "../../../actors/ports/sandboxes.ts"
import { failed, failureOf } from "./failure.ts"
import * as limits from "./limits.ts"

export interface ApiOptions {
  readonly apiKey: Redacted.Redacted
  /** E2B's own if not given: for a deployment elsewhere, and for tests. */
  readonly apiUrl?: string | undefined
  readonly sandboxUrl?: string | undefined
  readonly domain?: string | undefined
  /** Of this server, among all who use the same key. */
  readonly label: string
}

const Listed = Schema.Struct({
  sandboxId: Schema.String,
  state: Schema.Literals(["running", "paused"]),
  startedAt: Schema.Date,
  endAt: Schema.Date,
  metadata: Schema.Record(Schema.String, Schema.String)
})
export type Listed = typeof Listed.Type
const Snapshot = Schema.Struct({ snapshotId: Schema.String, names: Schema.Array(Schema.String) })

/** What is known of a sandbox by its metadata; null: not one of ours. */
export const infoOf = ({ sandboxId, metadata }: Listed): SandboxInfo | null => {
  const { key, org, session } = metadata
  return key === undefined || org === undefined || session === undefined ? null : { sandboxId, org, sessionId: session, key }
}

interface Pages {
  readonly hasNext: boolean
  readonly nextItems: (options: { readonly signal: AbortSignal }) => Promise<ReadonlyArray<unknown>>
}

const again = {
  times: limits.triesMax - 1,
  schedule: Schedule.exponential("200 millis"),
  while: ({ reason }: SandboxError) => reason === "unreachable"
}

export const makeApi = ({ apiKey, apiUrl, sandboxUrl, domain, label }: ApiOptions) => {
  const failure = failureOf(apiKey)
  const { Sandbox } = new E2B({
    apiKey: Redacted.value(apiKey),
    requestTimeoutMs: limits.requestMs,
    ...(apiUrl !== undefined && { apiUrl }),
    ...(sandboxUrl !== undefined && { sandboxUrl }),
    ...(domain !== undefined && { domain })
  })

  /** Not repeated. `what` completes "could not …". */
  const once = <A>(what: string, run: (signal: AbortSignal) => Promise<A>, limitMs = limits.requestMs) =>
    Effect.tryPromise({ try: run, catch: (cause) => failure(what, cause) }).pipe(
      Effect.timeoutOrElse({
        duration: limitMs,
        orElse: () => Effect.fail(failed("unreachable", `E2B could not ${what} within ${limitMs / 1_000} s.`))
      })
    )
  const repeatable = <A>(what: string, run: (signal: AbortSignal) => Promise<A>, limitMs?: number) =>
    Effect.retry(once(what, run, limitMs), again)
  const decoded = <A>(what: string, schema: Schema.Codec<A, any>) => {
    const decode = Schema.decodeUnknownEffect(Schema.toType(schema))
    return (answer: unknown) =>
      Effect.mapError(decode(answer), (error) =>
        failed("unreachable", `E2B could not ${what}: it answered with something else: ${error.message}`)
      )
  }

  /** A page is asked for again where it failed: what the list had before stays. */
  const all = Effect.fnUntraced(function* <A>(what: string, pages: Pages, schema: Schema.Codec<A, any>) {
    const found: Array<A> = []
    for (let page = 0; pages.hasNext; page++) {
      if (page >= limits.pagesMax) return yield* failed("unreachable", `E2B could not ${what}: the list has no end.`)
      const items = yield* repeatable(what, (signal) => pages.nextItems({ signal }))
      found.push(...(yield* decoded(what, Schema.Array(schema))(items)))
    }
    return found
  })

  const list = (what: string, metadata: Record<string, string> = {}) =>
    Effect.suspend(() =>
      all(what, Sandbox.list({ query: { metadata: { proliferate: label, ...metadata } }, order: "asc" }) as Pages, Listed)
    )

  return {
    sandboxUrl,
    once,
    repeatable,

    /** Oldest first. E2B has no keys: two may have been made under one. */
    underKey: (key: string) =>
      Effect.map(list("find a sandbox", { key }), (found) =>
        found.sort((a, b) => a.startedAt.getTime() - b.startedAt.getTime() || (a.sandboxId < b.sandboxId ? -1 : 1))
      ),
    list: list("list the sandboxes"),
    info: (sandboxId: string) =>
      repeatable("look at a sandbox", (signal) => Sandbox.getInfo(sandboxId, { signal })).pipe(
        Effect.flatMap(decoded("look at a sandbox", Listed))
      ),
    /** When its answer is lost it may have been made: `underKey` tells. No traffic leaves it but through its daemon. */
    create: (template: string, { key, org, sessionId }: Omit<SandboxInfo, "sandboxId">): Effect.Effect<Machine, SandboxError> =>
      once("make a sandbox", (signal) =>
        Sandbox.create(template, {
          signal,
          timeoutMs: limits.lifeMs,
          metadata: { proliferate: label, key, org, session: sessionId },
          allowInternetAccess: false,
          // A server that is away for longer than a sandbox lives finds its work again.
          lifecycle: { onTimeout: "pause", autoResume: false }
        })
      ),
    /** Resumes a paused one. Its end comes later by this, never earlier. */
    connect: (sandboxId: string): Effect.Effect<Machine, SandboxError> =>
      repeatable("reach a sandbox", (signal) =>
        Sandbox.connect(sandboxId, { signal, timeoutMs: limits.lifeMs } satisfies SandboxConnectOpts)
      ),
    extend: (sandboxId: string) =>
      repeatable("extend a sandbox's life", (signal) => Sandbox.setTimeout(sandboxId, limits.lifeMs, { signal })),
    kill: (sandboxId: string) => repeatable("destroy a sandbox", (signal) => Sandbox.kill(sandboxId, { signal })),

    /** E2B's own id of the snapshot with this name, which is the key of a capture; null: there is none. */
    snapshotNamed: (name: string) =>
      all("find a snapshot", Sandbox.listSnapshots({ name }) as Pages, Snapshot).pipe(
        Effect.map((found) => found[0]?.snapshotId ?? null)
      ),
    snapshot: (sandboxId: string, name: string) =>
      once(
        "capture a sandbox",
        (signal) => Sandbox.createSnapshot(sandboxId, { name, signal, requestTimeoutMs: limits.snapshotMs }),
        limits.snapshotMs
      ).pipe(Effect.flatMap(decoded("capture a sandbox", Snapshot))),
    discard: (snapshotId: string) => repeatable("discard a snapshot", (signal) => Sandbox.deleteSnapshot(snapshotId, { signal }))
  }
}
export type Api = ReturnType<typeof makeApi>
