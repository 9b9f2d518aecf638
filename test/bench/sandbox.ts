/**
 * A sandbox on this host, from `provision` until its daemon answers, against the same daemon in a bare bubblewrap; and an agent in
 * it, from `startAgent` until it has a conversation, against the same agent started outside. One after the other, in turn.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Layer, Schedule } from "effect"
import { Daemons } from "../../actors/ports/daemons.ts"
import { Sandboxes } from "../../actors/ports/sandboxes.ts"
import * as DaemonClient from "../../adapters/daemon/client.ts"
import { askHealth } from "../../adapters/sandbox/local/health.ts"
import { lacks, localSandboxes } from "../support/local-sandboxes.ts"
import { bareAgent, bundle } from "./agent.ts"
import { type Row, rounds, rowOf } from "./rows.ts"

const counted = 5

export const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "proliferate-bench-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true, maxRetries: 5 }))
)

/** Real sandboxes with the real daemon, and the client that speaks to it. */
export const sandboxesIn = (dataDir: string) => DaemonClient.layer.pipe(Layer.provideMerge(localSandboxes({ dataDir, bundle })))

const bareBubblewrap = async (at: string): Promise<number> => {
  mkdirSync(join(at, "home"), { recursive: true })
  const socket = join(at, "daemon.sock")
  const daemon = [
    process.execPath,
    bundle,
    "daemon",
    "--socket",
    socket,
    "--workspace",
    join(at, "workspace"),
    "--home",
    join(at, "home")
  ]
  const startedAt = performance.now()
  const child = spawn(
    "bwrap",
    [
      ...["--unshare-all", "--as-pid-1", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--bind", at, at],
      "--",
      ...daemon
    ],
    { stdio: "ignore" }
  )
  await Effect.runPromise(askHealth(socket).pipe(Effect.retry(Schedule.spaced(5)), Effect.timeout("20 seconds")))
  const ms = performance.now() - startedAt
  const ended = once(child, "exit")
  child.kill("SIGKILL")
  await ended
  return ms
}

export const benchSandbox = Effect.gen(function* () {
  const missing = lacks("bubblewrap")
  if (missing !== null) return yield* Effect.die(new Error(missing))
  const at = yield* directory
  return yield* Effect.gen(function* () {
    const [sandboxes, daemons] = [yield* Sandboxes, yield* Daemons]
    const agentMs: Array<number> = []
    const bareAgentMs: Array<number> = []
    const provisioned = (round: number) =>
      Effect.gen(function* () {
        const startedAt = performance.now()
        const { sandboxId } = yield* sandboxes.provision({
          key: `bench:${round}`,
          org: "org_bench",
          sessionId: `ses_bench_${round}`,
          snapshotId: null
        })
        const readyMs = performance.now() - startedAt
        yield* daemons.prepare(sandboxId, {
          ...{ boot: 1, repositories: [], workBranch: "work", restored: false },
          author: { name: "Bench", email: "bench@localhost.invalid" }
        })
        const agentStartedAt = performance.now()
        yield* daemons.startAgent(sandboxId, {
          ...{ boot: 1, name: "scripted", command: ["{node}", "{proliferate}", "agent", "scripted"], env: {}, model: null },
          ...{ modelOption: "{model}", mode: null, permissions: "allow" as const, agentSession: null }
        })
        if (round > 0) agentMs.push(performance.now() - agentStartedAt)
        yield* sandboxes.destroy(sandboxId)
        return readyMs
      })
    const measured = yield* Effect.promise(() =>
      rounds(
        counted,
        (round) => Effect.runPromise(provisioned(round)),
        async (round) => {
          const agent = await bareAgent(at)
          agent.end()
          if (round > 0) bareAgentMs.push(agent.readyMs)
          return bareBubblewrap(join(at, `bare${round}`))
        }
      )
    )
    return [
      rowOf("sandbox, created to daemon ready", "the daemon in a bare bubblewrap", "ms", measured.ours, measured.theirs, null),
      rowOf("agent ready", "the same agent started bare", "ms", agentMs, bareAgentMs, 0.909)
    ] satisfies ReadonlyArray<Row>
  }).pipe(Effect.provide(sandboxesIn(join(at, "data"))))
})
