/** Many streams over one WebSocket: neither end can be made to hold more than it gave credit for, and a broken word ends it all. */
import { once } from "node:events"
import type { AddressInfo } from "node:net"
import type { Duplex } from "node:stream"
import { assert, describe, it } from "vitest"
import { WebSocket, WebSocketServer } from "ws"
import { streamsMax, windowBytes } from "../../adapters/sandbox/uplink/limits.ts"
import { makeMux } from "../../adapters/sandbox/uplink/mux.ts"

/** The host accepts streams; what opens them is given the bare WebSocket, to do as it likes. */
const joined = async () => {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" })
  await once(server, "listening")
  const accepted: Array<Duplex> = []
  const ended = new Promise<void>((resolve) =>
    server.on("connection", (host) => makeMux(host, { streamsMax, accept: (stream) => accepted.push(stream), ended: resolve }))
  )
  const daemon = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  await once(daemon, "open")
  const close = () => {
    daemon.terminate()
    server.close()
  }
  return { daemon, accepted, ended, close }
}

const until = async (holds: () => boolean) => {
  for (let turns = 0; !holds(); turns++) {
    assert.isBelow(turns, 1_000_000, "it never came to hold")
    await new Promise((resolve) => setImmediate(resolve))
  }
}

const message = (kind: number, id: number, payload = Buffer.alloc(0)) => {
  const head = Buffer.from([kind, 0, 0, 0, 0])
  head.writeUInt32BE(id, 1)
  return Buffer.concat([head, payload])
}

describe("an uplink's streams", () => {
  it("carry both directions to their own ends, each half closed by itself", async () => {
    const { daemon, accepted, close } = await joined()
    const mux = makeMux(daemon, { streamsMax, ended: () => {} })
    const asked = mux.open()!
    asked.end("question")
    await until(() => accepted.length === 1)
    const heard: Array<Buffer> = []
    for await (const part of accepted[0]! as AsyncIterable<Buffer>) heard.push(part)
    assert.strictEqual(Buffer.concat(heard).toString(), "question")
    const answer = Buffer.alloc(3 * windowBytes, "a")
    accepted[0]!.end(answer)
    let bytes = 0
    for await (const part of asked as AsyncIterable<Buffer>) bytes += part.length
    assert.strictEqual(bytes, answer.length)
    close()
  })

  it("send no more than the other end reads, while others go on", async () => {
    const { daemon, accepted, close } = await joined()
    const mux = makeMux(daemon, { streamsMax, ended: () => {} })
    const [slow, quick] = [mux.open()!, mux.open()!]
    let isTaken = false
    slow.write(Buffer.alloc(4 * windowBytes), () => {
      isTaken = true
    })
    quick.write("quick")
    await until(() => accepted.length === 2 && accepted[1]!.readableLength > 0)
    assert.isFalse(isTaken)
    assert.isAtMost(accepted[0]!.readableLength, 2 * windowBytes)
    accepted[0]!.resume()
    await until(() => isTaken)
    close()
  })

  it("are as many as may be, and one that ended makes room", async () => {
    const { daemon, accepted, close } = await joined()
    const mux = makeMux(daemon, { streamsMax, ended: () => {} })
    const open = Array.from({ length: streamsMax }, () => mux.open()!)
    assert.isNull(mux.open())
    open[0]!.destroy()
    assert.isNotNull(mux.open())
    await until(() => accepted.length >= streamsMax)
    close()
  })

  const broken: ReadonlyArray<readonly [string, ReadonlyArray<Buffer>]> = [
    ["of no kind", [message(9, 1)]],
    ["too short to name a stream", [Buffer.from([0, 0])]],
    ["to a stream that was never opened", [message(1, 7, Buffer.from("x"))]],
    ["that opens a stream twice", [message(0, 1), message(0, 1)]],
    ["of credit for more than was sent", [message(0, 1), message(2, 1, Buffer.from([255, 255, 255, 255]))]],
    [
      "of data beyond the credit",
      [message(0, 1), message(1, 1, Buffer.alloc(windowBytes)), message(1, 1, Buffer.alloc(windowBytes))]
    ]
  ]
  it.each(broken)("end with their WebSocket after a message %s", async (_, messages) => {
    const { daemon, ended, close } = await joined()
    for (const each of messages) daemon.send(each)
    await ended
    close()
  })
})
