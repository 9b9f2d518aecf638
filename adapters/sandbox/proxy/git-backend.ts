/**
 * A repository of this host, by `git http-backend`. It runs as whoever owns the repository, so that what is pushed is theirs and
 * their hooks run as themselves; of git's configuration it sees the repository's own and nothing else.
 */
import { spawn } from "node:child_process"
import { stat } from "node:fs/promises"
import { Effect } from "effect"
import { hostPath, killGroup } from "../host.ts"
import { bound, type Exchange, refuse } from "./exchange.ts"

const headerBytesMax = 16_384

const settings = {
  // Pushing needs no name here: who may is decided before a request comes this far.
  "http.receivepack": "true",
  "http.uploadpack": "true",
  "http.getanyfile": "false",
  // Of a repository that a person registered, owned by whoever it is.
  "safe.directory": "*",
  "receive.autogc": "false"
}

const configuration = (): Record<string, string> => {
  const entries = Object.entries(settings)
  const pairs = entries.flatMap(([key, value], index) => [
    [`GIT_CONFIG_KEY_${index}`, key],
    [`GIT_CONFIG_VALUE_${index}`, value]
  ])
  return {
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_CONFIG_COUNT: `${entries.length}`,
    ...Object.fromEntries(pairs)
  }
}

const environment = ({ request, path, search }: Exchange, repository: string): Record<string, string> => {
  const header = (name: string, variable: string) => {
    const value = request.headers[name]
    return typeof value === "string" ? { [variable]: value } : {}
  }
  return {
    PATH: hostPath,
    ...configuration(),
    GIT_PROJECT_ROOT: repository,
    GIT_HTTP_EXPORT_ALL: "1",
    PATH_INFO: path,
    QUERY_STRING: search.slice(1),
    REQUEST_METHOD: request.method!,
    REMOTE_USER: "proliferate",
    REMOTE_ADDR: "127.0.0.1",
    ...header("content-type", "CONTENT_TYPE"),
    ...header("content-length", "CONTENT_LENGTH"),
    ...header("content-encoding", "HTTP_CONTENT_ENCODING"),
    ...header("git-protocol", "HTTP_GIT_PROTOCOL")
  }
}

/** Status and headers from the lines that a CGI program begins with. */
const parseHead = (text: string): { readonly status: number; readonly headers: Record<string, string> } => {
  const pairs = text
    .split("\r\n")
    .map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()] as const)
  const status = pairs.find(([name]) => name === "status")?.[1]
  return {
    status: status === undefined ? 200 : Number.parseInt(status, 10),
    headers: Object.fromEntries(pairs.filter(([name]) => name !== "status"))
  }
}

const exchangeWith = (exchange: Exchange, repository: string, owner: { readonly uid: number; readonly gid: number } | null) =>
  Effect.callback<void>((resume) => {
    const { request, response } = exchange
    const git = spawn("git", ["http-backend"], {
      cwd: "/",
      env: environment(exchange, repository),
      detached: true,
      stdio: ["pipe", "pipe", "ignore"],
      ...owner
    })
    const cut = () => killGroup(git.pid)
    git.on("error", () => {
      refuse(response, 500, "Git is not installed on the host.")
      resume(Effect.void)
    })
    // Not when it was answered: hooks may still be at work.
    git.on("close", () => resume(Effect.void))
    response.on("close", () => {
      if (!response.writableFinished) cut()
    })
    bound(exchange, cut)
    // It may end before it has read everything: a refused push.
    git.stdin.on("error", () => {})
    request.pipe(git.stdin)

    let head = Buffer.alloc(0)
    const onHead = (part: Buffer) => {
      head = Buffer.concat([head, part])
      const at = head.indexOf("\r\n\r\n")
      if (at < 0 && head.length < headerBytesMax) return
      git.stdout.off("data", onHead)
      if (at < 0) return cut()
      const { status, headers } = parseHead(head.subarray(0, at).toString("latin1"))
      response.writeHead(status, headers)
      response.write(head.subarray(at + 4))
      git.stdout.pipe(response)
    }
    git.stdout.on("data", onHead)
    git.stdout.on("end", () => {
      if (!response.headersSent) refuse(response, 500, "Git on the host ended without an answer.")
    })
    return Effect.sync(cut)
  })

export const serveFromBackend = Effect.fn("sandbox.git.backend")(function* (exchange: Exchange, repository: string) {
  const found = yield* Effect.promise(() => stat(repository).catch(() => null))
  if (found === null) return refuse(exchange.response, 404, "This repository is no longer where it was registered.")
  const isOurs = process.geteuid!() !== 0 || found.uid === 0
  yield* exchangeWith(exchange, repository, isOurs ? null : { uid: found.uid, gid: found.gid })
})
