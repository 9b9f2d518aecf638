/** A git host on the loopback that asks for a password, and sends away below `/moved/`. */
import { spawn } from "node:child_process"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

const answerFrom = (root: string, request: IncomingMessage, response: ServerResponse) => {
  const { pathname, search } = new URL(request.url!, "http://git")
  const backend = spawn("git", ["http-backend"], {
    env: {
      PATH: process.env["PATH"],
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: "1",
      PATH_INFO: pathname,
      QUERY_STRING: search.slice(1),
      REQUEST_METHOD: request.method,
      REMOTE_USER: "ada",
      REMOTE_ADDR: "127.0.0.1",
      CONTENT_TYPE: request.headers["content-type"] ?? "",
      HTTP_CONTENT_ENCODING: request.headers["content-encoding"] ?? "",
      HTTP_GIT_PROTOCOL: String(request.headers["git-protocol"] ?? "")
    },
    stdio: ["pipe", "pipe", "inherit"]
  })
  request.pipe(backend.stdin)
  const parts: Array<Buffer> = []
  backend.stdout.on("data", (part: Buffer) => parts.push(part))
  backend.on("close", () => {
    const all = Buffer.concat(parts)
    const end = all.indexOf("\r\n\r\n")
    const lines = all.subarray(0, end).toString().split("\r\n")
    const headers = lines.map((line) => line.split(/:\s*(.*)/).slice(0, 2) as [string, string])
    const status = headers.find(([name]) => name === "Status")
    response.writeHead(status === undefined ? 200 : Number.parseInt(status[1], 10), Object.fromEntries(headers))
    response.end(all.subarray(end + 4))
  })
}

export interface LockedGit {
  readonly url: string
  /** Every Authorization header that came. */
  readonly seen: ReadonlyArray<string | undefined>
  readonly server: Server
}

export const lockedGit = (root: string, authorization: string): Promise<LockedGit> =>
  new Promise((resolve) => {
    const seen: Array<string | undefined> = []
    const server = createServer((request, response) => {
      seen.push(request.headers.authorization)
      if (request.url!.startsWith("/moved/"))
        return response.writeHead(301, { location: "https://elsewhere.example/repo.git" }).end()
      if (request.headers.authorization === authorization) return answerFrom(root, request, response)
      response.writeHead(401, { "www-authenticate": 'Basic realm="git"' }).end()
    })
    server.listen(0, "127.0.0.1", () =>
      resolve({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen, server })
    )
  })
