/**
 * The least that a sandbox can run: health, exec and quiesce of the daemon's protocol, and the relay to the proxy socket. For
 * tests of sandboxes that must not depend on the daemon.
 */
import { spawn } from "node:child_process"
import { stat } from "node:fs/promises"
import { createServer } from "node:http"
import { connect, createServer as createRelay } from "node:net"

const socket = process.argv[process.argv.indexOf("--socket") + 1]
const daemonId = `tiny-${process.hrtime.bigint()}`

// Starts node's pool of threads while there are threads to be had: later, where none is left, node would end at its first use.
await stat("/")

createRelay((client) => {
  const up = connect(process.env.PROLIFERATE_PROXY)
  client.pipe(up)
  up.pipe(client)
  client.on("error", () => up.destroy())
  up.on("error", () => client.destroy())
}).listen(3128, "127.0.0.1")

const exec = ({ argv, timeoutMs }) =>
  new Promise((resolve) => {
    const child = spawn(argv[0], argv.slice(1), { cwd: process.cwd(), timeout: timeoutMs, killSignal: "SIGKILL" })
    let stdout = ""
    let stderr = ""
    child.stdout.on("data", (text) => {
      stdout += text
    })
    child.stderr.on("data", (text) => {
      stderr += text
    })
    child.on("error", (error) => resolve({ exitCode: 127, stdout, stderr: error.message, truncated: false }))
    child.on("exit", (code) => setImmediate(() => resolve({ exitCode: code ?? 137, stdout, stderr, truncated: false })))
  })

createServer(async (request, response) => {
  let body = ""
  for await (const part of request) body += part
  const answer = (value) => response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value))
  if (request.url === "/v1/health") return answer({ daemonId, version: "test", boot: null, turnId: null, lastSeq: 0 })
  if (request.url === "/v1/exec") return answer(await exec(JSON.parse(body)))
  answer({})
}).listen(socket)
