/**
 * Many streams over one WebSocket, for a sandbox that cannot dial its host: the host opens the WebSocket, the daemon opens streams
 * on it, one for each connection made inside. A message is a kind, the stream's number and what belongs to it:
 *
 *   open    daemon → host    a new stream, numbered from 1 upwards
 *   data    both ways        at most 32 KB, and never more than the other end has given credit for (512 KB to begin with)
 *   credit  both ways        so many bytes were read and may be sent again
 *   end     both ways        no more data from here; the other direction goes on
 *   reset   both ways        the stream is over in both directions
 *
 * Neither end trusts the other: what is not in this table, or exceeds its credit, ends the WebSocket and all streams with it.
 */
import { Duplex } from "node:stream"
import type WebSocket from "ws"
import * as limits from "./limits.ts"

const kinds = { open: 0, data: 1, credit: 2, end: 3, reset: 4 } as const
type Kind = keyof typeof kinds
const kindOf = Object.keys(kinds) as ReadonlyArray<Kind>
const headBytes = 5

const broken = () => new Error("the connection between server and sandbox broke")

/** As much of a socket as node's HTTP server asks of one. */
class Stream extends Duplex {
  readonly #send: (kind: Kind, payload?: Buffer) => void
  readonly #closed: () => void
  /** Bytes that may still be sent. */
  #credit = limits.windowBytes
  /** Bytes that the other end may still send. */
  #granted = limits.windowBytes
  /** Read by nobody yet, so not granted again. */
  #unread = 0
  #waiting: { readonly rest: Buffer; readonly done: (error?: Error | null) => void } | null = null
  #isReset = false
  #silenceMs = 0
  #silence: NodeJS.Timeout | undefined

  constructor(send: (kind: Kind, payload?: Buffer) => void, closed: () => void) {
    super({ allowHalfOpen: true, readableHighWaterMark: limits.windowBytes / 2 })
    this.#send = send
    this.#closed = closed
  }

  /** `timeout` is told after so long without a byte in either direction; 0: never. */
  setTimeout(silenceMs: number, told?: () => void): this {
    this.#silenceMs = silenceMs
    if (told !== undefined) this.once("timeout", told)
    this.#stir()
    return this
  }

  #stir(): void {
    clearTimeout(this.#silence)
    if (this.#silenceMs > 0 && !this.destroyed) this.#silence = setTimeout(() => this.emit("timeout"), this.#silenceMs).unref()
  }

  override _read(): void {
    if (this.#unread === 0) return
    const payload = Buffer.alloc(4)
    payload.writeUInt32BE(this.#unread)
    this.#granted += this.#unread
    this.#unread = 0
    this.#send("credit", payload)
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    let rest = chunk
    while (rest.length > 0 && this.#credit > 0) {
      const piece = rest.subarray(0, Math.min(this.#credit, limits.pieceBytesMax))
      this.#credit -= piece.length
      rest = rest.subarray(piece.length)
      this.#send("data", piece)
      this.#stir()
    }
    if (rest.length === 0) done()
    else this.#waiting = { rest, done }
  }

  override _final(done: () => void): void {
    this.#send("end")
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const isOver = this.readableEnded && this.writableFinished
    if (!isOver && !this.#isReset) this.#send("reset")
    this.#waiting = null
    clearTimeout(this.#silence)
    this.#closed()
    done(error)
  }

  /** False: the other end has broken its word. */
  hear(kind: Kind, payload: Buffer): boolean {
    switch (kind) {
      case "data":
        this.#granted -= payload.length
        if (this.#granted < 0 || payload.length === 0) return false
        this.#unread += payload.length
        this.#stir()
        if (this.push(payload)) this._read()
        return true
      case "credit": {
        if (payload.length !== 4) return false
        this.#credit += payload.readUInt32BE()
        const waiting = this.#waiting
        this.#waiting = null
        if (waiting !== null) this._write(waiting.rest, "binary", waiting.done)
        return this.#credit <= limits.windowBytes
      }
      case "end":
        this.push(null)
        return true
      case "reset":
        this.#isReset = true
        this.destroy(broken())
        return true
      case "open":
        return false
    }
  }
}

export interface Mux {
  /** A stream to the other end; null when there may be no more. */
  readonly open: () => Duplex | null
  /** Ends it, and every stream on it. */
  readonly end: () => void
}

interface Ends {
  readonly streamsMax: number
  /** Who accepts streams does not open any. */
  readonly accept?: (stream: Duplex) => void
  readonly ended: () => void
}

export const makeMux = (webSocket: WebSocket, { streamsMax, accept, ended }: Ends): Mux => {
  const streams = new Map<number, Stream>()
  let lastId = 0
  let isOver = false

  const make = (id: number) => {
    const send = (kind: Kind, payload: Buffer = Buffer.alloc(0)) => {
      if (webSocket.readyState !== webSocket.OPEN) return
      const message = Buffer.allocUnsafe(headBytes + payload.length)
      message.writeUInt8(kinds[kind])
      message.writeUInt32BE(id, 1)
      payload.copy(message, headBytes)
      webSocket.send(message)
    }
    const stream = new Stream(send, () => streams.delete(id))
    // Who uses it may listen too late for what breaks at once.
    stream.on("error", () => {})
    streams.set(id, stream)
    lastId = id
    return { stream, send }
  }

  const hear = (message: Buffer): boolean => {
    const kind = kindOf[message[0] ?? -1]
    if (kind === undefined || message.length < headBytes) return false
    const id = message.readUInt32BE(1)
    const known = streams.get(id)
    // It may have ended here while this was under way.
    if (known === undefined && kind !== "open") return id <= lastId
    if (known !== undefined) return known.hear(kind, message.subarray(headBytes))
    if (accept === undefined || id <= lastId) return false
    const { stream } = make(id)
    if (streams.size > streamsMax) stream.destroy()
    else accept(stream)
    return true
  }

  let answered = true
  const pings = setInterval(() => {
    if (!answered) return
    answered = false
    webSocket.ping()
    setTimeout(() => answered || end(), limits.pingAnswerMs).unref()
  }, limits.pingEveryMs)

  const end = () => {
    if (isOver) return
    isOver = true
    clearInterval(pings)
    webSocket.terminate()
    for (const stream of [...streams.values()]) stream.destroy(broken())
    ended()
  }

  webSocket.on("pong", () => {
    answered = true
  })
  webSocket.on("close", end).on("error", end)
  webSocket.on("message", (message: Buffer, isBinary) => {
    if (isOver) return
    if (!isBinary || !hear(message)) end()
  })

  return {
    open: () => {
      if (isOver || streams.size >= streamsMax) return null
      const { stream, send } = make(lastId + 1)
      send("open")
      return stream
    },
    end
  }
}
