/**
 * What E2B runs in each of its machines: files over REST, processes over Connect's JSON, by the wire that the SDK speaks. It runs
 * inside the machine, on built-ins alone, and listens on two sockets of a shared directory: `envd.sock` for itself, `ports.sock`
 * for whatever listens inside (the first line names the port).
 */
import { type ChildProcess, spawn } from "node:child_process"
import { chownSync, createReadStream, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { connect, createServer as createNetServer } from "node:net"
import { dirname, join } from "node:path"
import { gunzipSync } from "node:zlib"

interface Started {
  readonly cmd: string
  readonly args?: ReadonlyArray<string>
  readonly envs?: Record<string, string>
  readonly cwd?: string
}

const shared = process.argv[2]!
const processes = new Map<number, { readonly child: ChildProcess; readonly config: Started }>()

/** Of /etc/passwd. */
const userOf = ({ headers: { authorization = "" } }: IncomingMessage, fallback = "user") => {
  const name = Buffer.from(authorization.replace("Basic ", ""), "base64").toString().split(":")[0] || fallback
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((each) => each.startsWith(`${name}:`))
  const [, , uid, gid, , home] = (line ?? "").split(":")
  return { name, uid: Number(uid), gid: Number(gid), home: home ?? "/" }
}

const bodyOf = async (request: IncomingMessage): Promise<Buffer> => {
  const parts: Array<Buffer> = []
  for await (const part of request as AsyncIterable<Buffer>) parts.push(part)
  return Buffer.concat(parts)
}

const json = (response: ServerResponse, status: number, body: unknown) =>
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))

/** A message of a stream: a flag, its length, itself. */
const enveloped = (message: unknown, flag = 0): Buffer => {
  const text = Buffer.from(JSON.stringify(message))
  const head = Buffer.alloc(5)
  head.writeUInt8(flag)
  head.writeUInt32BE(text.length, 1)
  return Buffer.concat([head, text])
}

const start = async (request: IncomingMessage, response: ServerResponse) => {
  const { process: config } = JSON.parse((await bodyOf(request)).subarray(5).toString()) as { readonly process: Started }
  const { name, uid, gid, home } = userOf(request)
  const child = spawn(config.cmd, [...(config.args ?? [])], {
    cwd: config.cwd ?? home,
    env: { PATH: "/usr/local/bin:/usr/bin:/bin", HOME: home, USER: name, LOGNAME: name, ...config.envs },
    detached: true,
    uid,
    gid,
    stdio: ["ignore", "pipe", "pipe"]
  })
  response.writeHead(200, { "content-type": "application/connect+json" })
  const tell = (event: unknown) => response.write(enveloped({ event }))
  const over = (exitCode: number, status: string) => {
    if (child.pid !== undefined) processes.delete(child.pid)
    tell({ end: { exitCode, exited: true, status } })
    response.end(enveloped({}, 2))
  }
  child.on("error", ({ message }) => over(127, message))
  if (child.pid === undefined) return
  processes.set(child.pid, { child, config })
  tell({ start: { pid: child.pid } })
  child.stdout!.on("data", (data: Buffer) => tell({ data: { stdout: data.toString("base64") } }))
  child.stderr!.on("data", (data: Buffer) => tell({ data: { stderr: data.toString("base64") } }))
  // It goes on when nobody listens any more.
  child.on("close", (code, signal) => over(code ?? 137, signal === null ? `exit status ${code}` : `signal: ${signal}`))
}

const list = async (request: IncomingMessage, response: ServerResponse) => {
  await bodyOf(request)
  json(response, 200, { processes: [...processes].map(([pid, { config }]) => ({ pid, config })) })
}

const signal = async (request: IncomingMessage, response: ServerResponse) => {
  const asked = JSON.parse((await bodyOf(request)).toString()) as {
    readonly process: { readonly pid: number }
    readonly signal: string
  }
  const found = processes.get(asked.process.pid)
  if (found === undefined) return json(response, 404, { code: "not_found", message: "there is no such process" })
  found.child.kill(asked.signal === "SIGNAL_SIGTERM" ? "SIGTERM" : "SIGKILL")
  json(response, 200, {})
}

const files = async (request: IncomingMessage, response: ServerResponse, query: URLSearchParams) => {
  const path = query.get("path") ?? ""
  if (request.method === "GET") {
    if (!existsSync(path)) return json(response, 404, { code: 404, message: `${path} is not there` })
    return createReadStream(path).pipe(response)
  }
  if (request.headers["content-type"] !== "application/octet-stream")
    return json(response, 415, { code: 415, message: "this fake takes octet streams alone" })
  const body = await bodyOf(request)
  const { uid, gid } = userOf(request, query.get("username") ?? "user")
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body)
  chownSync(path, uid, gid)
  json(response, 200, [{ name: path.split("/").at(-1), path, type: "file" }])
}

const serve = async (request: IncomingMessage, response: ServerResponse) => {
  const url = new URL(request.url ?? "/", "http://envd")
  if (url.pathname === "/health") return response.writeHead(204).end()
  if (url.pathname === "/files") return files(request, response, url.searchParams)
  if (url.pathname === "/process.Process/Start") return start(request, response)
  if (url.pathname === "/process.Process/List") return list(request, response)
  if (url.pathname === "/process.Process/SendSignal") return signal(request, response)
  json(response, 404, { code: "unimplemented", message: `this fake has no ${url.pathname}` })
}

// A request may break off at any moment.
createServer((request, response) => void serve(request, response).catch(() => response.destroy())).listen(
  join(shared, "envd.sock")
)

createNetServer((outside) => {
  outside.on("error", () => {})
  outside.once("data", (first: Buffer) => {
    const end = first.indexOf(10)
    const inside = connect(Number(first.subarray(0, end).toString()), "127.0.0.1")
    for (const each of [inside, outside]) each.on("error", () => [inside, outside].map((one) => one.destroy()))
    for (const each of [inside, outside]) each.on("close", () => [inside, outside].map((one) => one.destroy()))
    inside.write(first.subarray(end + 1))
    outside.pipe(inside)
    inside.pipe(outside)
  })
}).listen(join(shared, "ports.sock"))
