/**
 * One session's events to 1 and to 1,000 sockets: from `publish`, through the feed (stored in memory), to the last reader; against
 * uWebSockets.js alone, which publishes the same bytes to a topic. The readers have a thread of their own; the next events are
 * published when the last have arrived.
 */

import type * as UWS from "uWebSockets.js"
import { once } from "node:events"
import { join } from "node:path"
import { Worker } from "node:worker_threads"
import { Effect } from "effect"
import { encodeEvent } from "../../adapters/gateway/frames.ts"
import { loadUws } from "../../adapters/gateway/uws.ts"
import type { FeedEvent } from "../../runtime/feed.ts"
import { Feeds } from "../../runtime/feeds.ts"
import { startGateway } from "../support/gateway.ts"
import type { Reading } from "./reader.ts"
import { type Row, rounds, rowOf } from "./rows.ts"

const counted = 5

/** No two of them can be joined into one frame. */
const eventOf = (sourceSeq: number): FeedEvent => ({
  ...{ source: "daemon/dmn_bench", sourceSeq, kind: "tool", agent: "scripted", parent: null, rev: null, at: 1_760_000_000_000 },
  body: { turnId: "trn_bench", toolCallId: `call_${sourceSeq}`, title: "reads a file", status: "completed" }
})

const readersOf = async (reading: Reading) => {
  const worker = new Worker(join(import.meta.dirname, "reader.ts"), { workerData: reading })
  const [word] = await once(worker, "message")
  if (word !== "ready") throw new Error(`the readers said ${word}`)
  return {
    /** Until each has had so many events in all. */
    had: async (expect: number) => {
      const answer = once(worker, "message")
      worker.postMessage({ expect })
      await answer
    },
    end: () => worker.terminate()
  }
}

const bare = async (sockets: number) => {
  const { uws } = loadUws()
  if (uws === null) throw new Error("uWebSockets.js cannot be loaded here")
  const app = uws.App().ws<object>("/*", {
    maxBackpressure: 64 * 1024 * 1024,
    open: (ws) => void ws.subscribe("session")
  })
  const token = await new Promise<UWS.us_listen_socket>((resolve, reject) =>
    app.listen("127.0.0.1", 0, (listening) => (listening ? resolve(listening) : reject(new Error("cannot listen"))))
  )
  const readers = await readersOf({ port: uws.us_socket_local_port(token), path: "/", token: "", sockets, hello: null })
  return {
    publish: async (events: ReadonlyArray<FeedEvent>) => {
      for (const event of events) app.publish("session", encodeEvent({ ...event, seq: event.sourceSeq }), false)
    },
    readers,
    end: () => app.close()
  }
}

export const benchFanOut = Effect.fnUntraced(function* (sockets: number) {
  const together = sockets === 1 ? 500 : 50
  const batches = sockets === 1 ? 20 : 10
  const gateway = yield* startGateway()
  const { id } = yield* gateway.session()
  const readers = yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const path = `/v1/sessions/${id}/stream`
      const hello = JSON.stringify({ type: "hello", v: 1, cursor: null })
      return await readersOf({ port: gateway.port, path, token: gateway.owner.token, sockets, hello })
    }),
    (all) => Effect.promise(() => all.end())
  )
  const other = yield* Effect.acquireRelease(
    Effect.promise(() => bare(sockets)),
    ({ readers: all, end }) => Effect.promise(() => all.end()).pipe(Effect.andThen(Effect.sync(end)))
  )
  // What the session itself has said: its creation.
  const own = yield* gateway.its(Feeds.use((feeds) => feeds.head({ org: gateway.organisation.id, id })))
  const side = (publish: (events: ReadonlyArray<FeedEvent>) => Promise<void>, all: typeof readers, before: number) => {
    let said = 0
    return async () => {
      const startedAt = performance.now()
      for (let batch = 0; batch < batches; batch++) {
        await publish(Array.from({ length: together }, (_, n) => eventOf(said + 1 + n)))
        said += together
        await all.had(before + said)
      }
      return (sockets * batches * together * 1_000) / (performance.now() - startedAt)
    }
  }
  const measured = yield* Effect.promise(() =>
    rounds(
      counted,
      side((events) => Effect.runPromise(gateway.publish(id, events)), readers, own.seq),
      side(other.publish, other.readers, 0)
    )
  )
  return [
    rowOf(`fan-out to ${sockets}`, "bare uWS publish", "per s", measured.ours, measured.theirs, 0.7)
  ] satisfies ReadonlyArray<Row>
})
