/** Runs the daemon by itself: `node cli/daemon/main.ts --socket PATH …`, as tests and curious people do. */

import { homedir } from "node:os"
import { parseArgs } from "node:util"
import { NodeRuntime } from "@effect/platform-node"
import { Effect } from "effect"
import { relayPort } from "../../actors/ports/proxy.ts"
import { daemon } from "./daemon.ts"
import { Limits, withLimits } from "./limits.ts"

const { values } = parseArgs({
  options: {
    socket: { type: "string" },
    port: { type: "string" },
    "secret-sha256": { type: "string", default: "" },
    workspace: { type: "string", default: "/workspace" },
    home: { type: "string", default: homedir() },
    proxy: { type: "string" },
    session: { type: "string" },
    "relay-port": { type: "string", default: String(relayPort) },
    program: { type: "string", default: process.argv[1]! },
    /** JSON of what to change in limits.ts. */
    limits: { type: "string", default: "{}" }
  }
})
if ((values.socket === undefined) === (values.port === undefined)) {
  console.error(
    "usage: main.ts --socket PATH | --port N --secret-sha256 HEX [--workspace DIR] [--home DIR] [--proxy SOCKET] [--session ID] [--relay-port N] [--program FILE] [--limits JSON]"
  )
  process.exit(2)
}

NodeRuntime.runMain(
  daemon({
    door:
      values.socket === undefined
        ? { port: Number(values.port), secretSha256: values["secret-sha256"] }
        : { socketPath: values.socket },
    workspace: values.workspace,
    home: values.home,
    program: values.program,
    proxySocket: values.proxy ?? null,
    relayPort: Number(values["relay-port"]),
    sessionId: values.session ?? null
  }).pipe(Effect.provideService(Limits, withLimits(JSON.parse(values.limits))))
)
