/** A client of a session's WebSocket that hides nothing: frames as they came, and how it ended. Every wait has a limit. */
import { Effect } from "effect"
import WebSocket from "ws"

const limitMs = 5_000

export interface Ended {
  readonly code: number
  readonly reason: string
  /** The handshake's answer, if it was refused. */
  readonly status?: number
  readonly body?: any
}

export interface Client {
  readonly frames: ReadonlyArray<any>
  readonly raw: WebSocket
  readonly send: (frame: unknown) => void
  /** The first frame, of those that came and those to come, that fits. */
  readonly until: (what: string, fits: (frame: any) => boolean) => Effect.Effect<any>
  readonly of: (type: string) => ReadonlyArray<any>
  readonly ended: Effect.Effect<Ended>
}

export interface Opening {
  readonly headers?: Record<string, string>
  readonly protocols?: ReadonlyArray<string>
  /** Undefined: say no hello. */
  readonly cursor?: { readonly epoch: number; readonly seq: number } | null
  /** False: does not answer pings, as a client whose machine is gone. */
  readonly autoPong?: boolean
}

const within = <A>(what: string, promise: Promise<A>, state: () => unknown): Effect.Effect<A> =>
  Effect.promise(
    () =>
      new Promise<A>((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`${what}: not within ${limitMs} ms; ${JSON.stringify(state()).slice(0, 500)}`)),
          limitMs
        )
        promise.then(resolve, reject).finally(() => clearTimeout(timer))
      })
  )

/** Opens a session's socket, and closes it at the end of the test's scope. */
export const open = (url: string, sessionId: string, token: string | null, opening: Opening = {}) =>
  openAt(url, `/v1/sessions/${sessionId}/stream`, token, opening)

export const openAt = (
  url: string,
  path: string,
  token: string | null,
  { headers, protocols, cursor, autoPong = true }: Opening = {}
) =>
  Effect.acquireRelease(
    Effect.sync((): Client => {
      const raw = new WebSocket(`${url.replace(/^http/, "ws")}${path}`, [...(protocols ?? [])], {
        autoPong,
        headers: { ...(token !== null && { authorization: `Bearer ${token}` }), ...headers }
      })
      const frames: Array<any> = []
      const waiters = new Set<() => void>()
      const wake = () => {
        for (const waiter of [...waiters]) waiter()
      }
      let end: Ended | null = null
      raw.on("open", () => {
        if (cursor !== undefined) raw.send(JSON.stringify({ type: "hello", v: 1, cursor }))
      })
      raw.on("message", (data) => {
        frames.push(JSON.parse(String(data)))
        wake()
      })
      raw.on("unexpected-response", (_, response) => {
        let body = ""
        response.on("data", (chunk) => {
          body += chunk
        })
        response.on("end", () => {
          end = { code: 0, reason: "", status: response.statusCode!, body: JSON.parse(body) }
          wake()
        })
      })
      raw.on("error", () => {})
      raw.on("close", (code, reason) => {
        end ??= { code, reason: String(reason) }
        wake()
      })
      const eventually = <A>(what: string, look: () => A | undefined): Effect.Effect<A> =>
        Effect.suspend(() => {
          let waiter = () => {}
          const promise = new Promise<A>((resolve) => {
            waiter = () => {
              const found = look()
              if (found !== undefined) resolve(found)
            }
            waiters.add(waiter)
            waiter()
          })
          return within(what, promise, () => ({ end, frames: frames.slice(-3) })).pipe(
            Effect.ensuring(Effect.sync(() => waiters.delete(waiter)))
          )
        })
      return {
        frames,
        raw,
        send: (frame) => raw.send(typeof frame === "string" || frame instanceof Uint8Array ? frame : JSON.stringify(frame)),
        until: (what, fits) => eventually(what, () => frames.find(fits)),
        of: (type) => frames.filter((frame) => frame.type === type),
        ended: eventually("its end", () => end ?? undefined)
      }
    }),
    ({ raw }) => Effect.sync(() => raw.terminate())
  )

/** Opened, with a hello from the beginning, and live. */
export const follow = Effect.fnUntraced(function* (
  url: string,
  sessionId: string,
  token: string,
  cursor: Opening["cursor"] = null
) {
  const client = yield* open(url, sessionId, token, { cursor })
  yield* client.until("live", ({ type }) => type === "live")
  return client
})

/** An organisation's inbox, with a hello, and live. */
export const followInbox = Effect.fnUntraced(function* (url: string, token: string, cursor: Opening["cursor"] = null) {
  const client = yield* openAt(url, "/v1/inbox/stream", token, { cursor })
  yield* client.until("live", ({ type }) => type === "live")
  return client
})
