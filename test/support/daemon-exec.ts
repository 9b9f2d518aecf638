/** Runs a shell command in a sandbox through its daemon's socket, as the daemon's protocol has it. */
import { request } from "node:http"
import { Effect, Schema } from "effect"
import { ExecResult, Health } from "../../actors/ports/daemon.ts"
import type { Sandboxes } from "../../actors/ports/sandboxes.ts"

const ask = (socketPath: string, method: string, path: string, body: unknown) =>
  Effect.callback<string, Error>((resume) => {
    const asked = request(
      { socketPath, method, path, timeout: 30_000, headers: { "content-type": "application/json" } },
      (response) => {
        let text = ""
        response.setEncoding("utf8").on("data", (part: string) => {
          text += part
        })
        response.on("end", () => resume(Effect.succeed(text)))
        response.on("error", (error) => resume(Effect.fail(error)))
      }
    )
    asked.on("timeout", () => asked.destroy(new Error(`${path} was not answered in 30 s`)))
    asked.on("error", (error) => resume(Effect.fail(error)))
    asked.end(body === null ? undefined : JSON.stringify(body))
    return Effect.sync(() => asked.destroy())
  })

const socketOf = Effect.fnUntraced(function* (sandboxes: Sandboxes["Service"], sandboxId: string) {
  const endpoint = yield* sandboxes.endpoint(sandboxId)
  if (!("socketPath" in endpoint)) return yield* Effect.die("this sandbox is not reached by a socket")
  return endpoint.socketPath
})

export const shell = Effect.fnUntraced(function* (sandboxes: Sandboxes["Service"], sandboxId: string, script: string) {
  const socketPath = yield* socketOf(sandboxes, sandboxId)
  const text = yield* ask(socketPath, "POST", "/v1/exec", { argv: ["/bin/bash", "-c", script], timeoutMs: 25_000 })
  return yield* Schema.decodeEffect(Schema.fromJsonString(ExecResult))(text)
})

/** Its standard output; anything but exit code 0 is a failure of the test. */
export const shellOk = Effect.fnUntraced(function* (sandboxes: Sandboxes["Service"], sandboxId: string, script: string) {
  const { exitCode, stdout, stderr } = yield* shell(sandboxes, sandboxId, script)
  if (exitCode !== 0) return yield* Effect.die(new Error(`\`${script}\` ended with ${exitCode}: ${stdout}${stderr}`))
  return stdout.trimEnd()
})

export const healthOf = Effect.fnUntraced(function* (sandboxes: Sandboxes["Service"], sandboxId: string) {
  const text = yield* ask(yield* socketOf(sandboxes, sandboxId), "GET", "/v1/health", null)
  return yield* Schema.decodeEffect(Schema.fromJsonString(Health))(text)
})
