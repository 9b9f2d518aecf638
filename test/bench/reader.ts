/**
 * Many WebSockets that only read, in a thread of their own: they say a hello if there is one, and count the frames that carry an
 * event. Told `{ expect }`, it answers once each has had so many since the last time.
 */
import { createConnection, type Socket } from "node:net"
import { parentPort, workerData } from "node:worker_threads"

export interface Reading {
  readonly port: number
  readonly path: string
  readonly token: string
  readonly sockets: number
  readonly hello: string | null
}

const { port, path, token, sockets, hello } = workerData as Reading
/** The letter behind `{"type":"` of an event, and of `live`. */
const [letterAt, event, live] = [9, 0x65, 0x6c]

const masked = (text: string): Buffer => {
  const body = Buffer.from(text)
  return Buffer.concat([Buffer.from([0x81, 0x80 | body.length, 0, 0, 0, 0]), body])
}

let expected = Number.POSITIVE_INFINITY
let missing = sockets
let ready = 0

class Reader {
  readonly #socket: Socket
  #rest: Buffer = Buffer.alloc(0)
  #isOpen = false
  #isLive = false
  count = 0

  constructor() {
    this.#socket = createConnection(port, "127.0.0.1")
    this.#socket.setNoDelay(true)
    this.#socket.on("data", (chunk) => this.#read(chunk))
    this.#socket.write(
      `GET ${path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n` +
        `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer ${token}\r\n\r\n`
    )
  }

  #read(chunk: Buffer): void {
    const all = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    let at = 0
    if (!this.#isOpen) {
      const end = all.indexOf("\r\n\r\n")
      if (end < 0) {
        this.#rest = all
        return
      }
      this.#isOpen = true
      at = end + 4
      if (hello !== null) this.#socket.write(masked(hello))
      else this.#live()
    }
    while (at + 2 <= all.length) {
      const short = all[at + 1]! & 127
      const from = at + (short === 126 ? 4 : short === 127 ? 10 : 2)
      if (from > all.length) break
      const length = short === 126 ? all.readUInt16BE(at + 2) : short === 127 ? Number(all.readBigUInt64BE(at + 2)) : short
      if (from + length > all.length) break
      const letter = all[from + letterAt]
      if (letter === event) {
        this.count += 1
        if (this.count === expected) this.#has()
      } else if (letter === live) this.#live()
      at = from + length
    }
    this.#rest = all.subarray(at)
  }

  #live(): void {
    if (this.#isLive) return
    this.#isLive = true
    if (++ready === sockets) parentPort!.postMessage("ready")
  }

  #has(): void {
    missing -= 1
    if (missing === 0) parentPort!.postMessage("had")
  }
}

const readers = Array.from({ length: sockets }, () => new Reader())

parentPort!.on("message", ({ expect }: { readonly expect: number }) => {
  expected = expect
  missing = readers.filter(({ count }) => count < expect).length
  if (missing === 0) parentPort!.postMessage("had")
})
