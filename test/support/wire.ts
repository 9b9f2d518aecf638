/** A TCP wire to the PostgreSQL of a URL that can be cut under a statement: before the server hears it, or after it has done it. */
import { once } from "node:events"
import { type AddressInfo, createConnection, createServer, type Socket } from "node:net"
import { Effect } from "effect"

export interface Wire {
  /** The same database, through the wire. */
  readonly url: string
  /** Cuts the connection that speaks next. The connections must be open: their greeting counts as speech. */
  readonly cut: (what: "question" | "answer") => void
}

const toServer = (url: URL): Socket => {
  const directory = decodeURIComponent(url.hostname)
  const port = Number(url.port || 5432)
  return directory.startsWith("/") ? createConnection(`${directory}/.s.PGSQL.${port}`) : createConnection(port, directory)
}

/** The end of every answer: ReadyForQuery, with the state of the transaction as its last byte. */
const isAnswered = (chunk: Buffer) => chunk.subarray(-6, -1).equals(Buffer.from([0x5a, 0, 0, 0, 5]))

export const wireTo = Effect.fn("wireTo")(function* (databaseUrl: string) {
  const target = new URL(databaseUrl)
  const sockets = new Set<Socket>()
  let next: "question" | "answer" | null = null

  const server = createServer((client) => {
    const upstream = toServer(target)
    const cut = () => {
      next = null
      client.destroy()
      upstream.destroy()
    }
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on("error", () => {})
      socket.on("close", () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.on("data", (chunk) => (next === "question" ? cut() : upstream.write(chunk)))
    upstream.on("data", (chunk) => (next === "answer" && isAnswered(chunk) ? cut() : client.write(chunk)))
  })
  yield* Effect.acquireRelease(
    Effect.promise(() => once(server.listen(0, "127.0.0.1"), "listening")),
    () =>
      Effect.sync(() => {
        server.close()
        for (const socket of sockets) socket.destroy()
      })
  )
  const url = new URL(databaseUrl)
  url.hostname = "127.0.0.1"
  url.port = String((server.address() as AddressInfo).port)
  const wire: Wire = {
    url: url.href,
    cut: (what) => {
      next = what
    }
  }
  return wire
})
