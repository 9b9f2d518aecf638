/** Runs a shell command in a sandbox through its daemon's door, as the daemon's protocol has it. */
import { request as plainRequest, type RequestOptions } from "node:http"
import { request as secureRequest } from "node:https"
import { Effect, Schema } from "effect"
import { ExecResult, Health } from "../../actors/ports/daemon.ts"
import type { DaemonEndpoint, Sandboxes } from "../../actors/ports/sandboxes.ts"

const optionsOf = (endpoint: DaemonEndpoint, path: string): RequestOptions => {
  if ("socketPath" in endpoint) return { socketPath: endpoint.socketPath, path }
  const { protocol, hostname, port } = new URL(endpoint.url)
  return { protocol, hostname, port, path, headers: endpoint.headers }
}

const ask = (endpoint: DaemonEndpoint, method: string, path: string, body: unknown) =>
  Effect.callback<string, Error>((resume) => {
    const options = optionsOf(endpoint, path)
    const request = options.protocol === "https:" ? secureRequest : plainRequest
    const headers = { ...options.headers, "content-type": "application/json" }
    const asked = request({ ...options, method, headers, timeout: 30_000 }, (response) => {
      let text = ""
      response.setEncoding("utf8").on("data", (part: string) => {
        text += part
      })
      response.on("end", () => resume(Effect.succeed(text)))
      response.on("error", (error) => resume(Effect.fail(error)))
    })
    asked.on("timeout", () => asked.destroy(new Error(`${path} was not answered in 30 s`)))
    asked.on("error", (error) => resume(Effect.fail(error)))
    asked.end(body === null ? undefined : JSON.stringify(body))
    return Effect.sync(() => asked.destroy())
  })

export const shell = Effect.fnUntraced(function* (sandboxes: Sandboxes["Service"], sandboxId: string, script: string) {
  const endpoint = yield* sandboxes.endpoint(sandboxId)
  const text = yield* ask(endpoint, "POST", "/v1/exec", { argv: ["/bin/bash", "-c", script], timeoutMs: 25_000 })
  return yield* Schema.decodeEffect(Schema.fromJsonString(ExecResult))(text)
})

/** Its standard output; anything but exit code 0 is a failure of the test. */
export const shellOk = Effect.fnUntraced(function* (sandboxes: Sandboxes["Service"], sandboxId: string, script: string) {
  const { exitCode, stdout, stderr } = yield* shell(sandboxes, sandboxId, script)
  if (exitCode !== 0) return yield* Effect.die(new Error(`\`${script}\` ended with ${exitCode}: ${stdout}${stderr}`))
  return stdout.trimEnd()
})

export const healthOf = Effect.fnUntraced(function* (sandboxes: Sandboxes["Service"], sandboxId: string) {
  const text = yield* ask(yield* sandboxes.endpoint(sandboxId), "GET", "/v1/health", null)
  return yield* Schema.decodeEffect(Schema.fromJsonString(Health))(text)
})
