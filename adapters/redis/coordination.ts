/**
 * Coordination over Redis: what two servers could do at once is one script there, by its own clock. Two connections, one to ask
 * and one to listen, come back by themselves, after 50 ms at first and 2 s at most; nothing is kept for a Redis that is away, and
 * nothing is asked twice. Keys begin with `p:{N}:`, N being the number of the database, and so do channels, which Redis itself
 * does not keep apart by database.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Layer, Schema } from "effect"
import { Redis, type RedisOptions } from "ioredis"
import { newId } from "../../runtime/address.ts"
import { Coordination, CoordinationError, type CoordinationServer, type Hear, type Topic } from "../../runtime/coordination.ts"
import { coordinationRestMs } from "../../runtime/limits.ts"
import { sharedCoordination } from "../../runtime/shared-coordination.ts"

const reconnectPauseMs = 50
const reconnectPauseMaxMs = 2_000
const connectTimeoutMs = 5_000
const urlExample = "redis://user:password@host:6379/0"

/** The URL cannot be used. No message shows it: it may hold a password. */
export class RedisUrlError extends Schema.TaggedError<RedisUrlError>()("RedisUrlError", { message: Schema.String }) {}

const script = (name: string) => readFileSync(join(import.meta.dirname, `${name}.lua`), "utf8")
const scripts = {
  take: { numberOfKeys: 1, lua: script("take") },
  enter: { numberOfKeys: 2, lua: script("enter") },
  leave: { numberOfKeys: 2, lua: script("leave") },
  present: { numberOfKeys: 2, lua: script("present"), readOnly: false }
}

type Script = keyof typeof scripts
type Scripted = Redis & Record<Script, (...args: ReadonlyArray<string | number>) => Promise<unknown>>

const checked = (url: string): Effect.Effect<number, RedisUrlError> =>
  Effect.suspend(() => {
    const parsed = URL.canParse(url) ? new URL(url) : null
    const database = Number(parsed?.pathname.slice(1) || 0)
    return parsed !== null && /^rediss?:$/.test(parsed.protocol) && Number.isInteger(database) && parsed.hostname !== ""
      ? Effect.succeed(database)
      : Effect.fail(new RedisUrlError({ message: `REDIS_URL is not a URL such as ${urlExample}` }))
  })

const connection = (url: string, options: RedisOptions) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const all: RedisOptions & { readonly replyMapping: "legacy" } = {
        ...options,
        replyMapping: "legacy",
        lazyConnect: true,
        connectTimeout: connectTimeoutMs,
        retryStrategy: (tries) => Math.min(reconnectPauseMs * 2 ** (tries - 1), reconnectPauseMaxMs),
        scripts
      }
      const redis = new Redis(url, all)
      // Each failure is told to whoever asked; an event that nobody hears would end the process.
      redis.on("error", () => {})
      return { redis: redis as Scripted, connected: redis.connect().catch(() => {}) }
    }),
    ({ redis }) => Effect.sync(() => redis.disconnect())
  ).pipe(
    // One that answers is asked from the first question on; for one that does not, nobody waits.
    Effect.tap(({ connected }) =>
      Effect.timeoutOption(
        Effect.promise(() => connected),
        coordinationRestMs
      )
    ),
    Effect.map(({ redis }) => redis)
  )

const call = <A>(run: () => Promise<A>): Effect.Effect<A, CoordinationError> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => new CoordinationError({ message: cause instanceof Error ? cause.message : String(cause) })
  })

const redisServer = Effect.fnUntraced(function* (url: string) {
  const prefix = `p:{${yield* checked(url)}}:`
  // A question to a Redis that is away fails at once, and one that was under way is not sent again: it may have been heard.
  const asking = yield* connection(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false
  })
  // What is listened to is said again with each connection.
  const listening = yield* connection(url, { maxRetriesPerRequest: null })
  const self = yield* newId("hst")
  const ears = new Map<string, Set<Hear>>()
  let wasReady = listening.status === "ready"

  listening.on("message", (channel: string, said: string) => {
    const [from, word] = [said.slice(0, self.length), said.slice(self.length + 1)]
    if (from !== self) for (const hear of ears.get(channel) ?? []) hear(word)
  })
  listening.on("ready", () => {
    if (wasReady) for (const all of ears.values()) for (const hear of all) hear(null)
    wasReady = true
  })

  const channelOf = (topic: Topic) => `${prefix}wake:${topic}`
  const roomKeys = (room: string) => [`${prefix}room:${room}:until`, `${prefix}room:${room}:says`] as const

  return {
    take: (key, { burst, perSecond }) =>
      call(() => asking.take(`${prefix}rate:${key}`, burst, 1_000 / perSecond) as Promise<number>),
    enter: (room, { who, says }, forMs) =>
      Effect.asVoid(call(() => asking.enter(...roomKeys(room), who, says, Math.ceil(forMs)))),
    leave: (room, who, says) =>
      Effect.asVoid(call(() => asking.leave(...roomKeys(room), who, ...(says === undefined ? [] : [says])))),
    present: (room) =>
      Effect.map(
        call(() => asking.present(...roomKeys(room)) as Promise<ReadonlyArray<string>>),
        (said) =>
          Array.from({ length: said.length / 2 }, (_, n) => ({ who: said[2 * n]!, says: said[2 * n + 1]! })).sort((one, other) =>
            one.who < other.who ? -1 : 1
          )
      ),
    publish: (topic, word) => Effect.asVoid(call(() => asking.publish(channelOf(topic), `${self} ${word}`))),
    subscribe: (topic, hear) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          const channel = channelOf(topic)
          const all = ears.get(channel) ?? new Set()
          // Waits for the connection; should that fail, the next connection says null.
          if (all.size === 0) listening.subscribe(channel).catch(() => {})
          ears.set(channel, all.add(hear))
        }),
        () => Effect.sync(() => ears.get(channelOf(topic))?.delete(hear))
      )
  } satisfies CoordinationServer as CoordinationServer
})

export const layer = (url: string): Layer.Layer<Coordination, RedisUrlError> =>
  Layer.effect(
    Coordination,
    redisServer(url).pipe(
      Effect.map((server) => sharedCoordination("Redis at REDIS_URL", server)),
      // Says at the start already if nobody answers.
      Effect.tap(({ present }) => present("leases"))
    )
  )
