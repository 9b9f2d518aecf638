/** A real daemon process in a directory of its own, the real client to it, and what it tells. */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Context, Effect, Latch, Layer, Schedule, Stream } from "effect"
import type { DaemonEvent } from "../../actors/ports/daemon.ts"
import { Daemons } from "../../actors/ports/daemons.ts"
import { Sandboxes } from "../../actors/ports/sandboxes.ts"
import * as DaemonClient from "../../adapters/daemon/client.ts"
import type { Limits } from "../../cli/daemon/limits.ts"
import { programs } from "./programs.ts"

export const sandboxId = "sbx_1"
export const waitMs = 15_000

export type Client = Daemons["Service"]

export interface Daemon {
  readonly client: Client
  readonly directory: string
  readonly socketPath: string
  readonly workspace: string
  readonly home: string
  readonly pid: number
  readonly log: () => string
  readonly exited: Effect.Effect<number | null>
}

export const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "pd-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }))
)

/** A client that finds the daemon of every sandbox at one endpoint. */
export const clientOf = Effect.fnUntraced(function* (socketPath: string) {
  const never = Effect.die("the client asks for endpoints alone")
  const sandboxes = Layer.succeed(Sandboxes, {
    provider: "test",
    isolation: "none",
    endpoint: () => Effect.succeed({ socketPath }),
    provision: () => never,
    revive: () => never,
    status: () => never,
    extend: () => never,
    capture: () => never,
    destroy: () => never,
    discard: () => never,
    list: never
  })
  return Context.get(yield* Layer.build(Layer.fresh(DaemonClient.layer).pipe(Layer.provide(sandboxes))), Daemons)
})

interface StartOptions {
  readonly limits?: Partial<Limits>
  /** Of an earlier daemon: it starts over the same disk. */
  readonly directory?: string
  readonly args?: ReadonlyArray<string>
  /** What to run; the programs of programs.ts if not given. */
  readonly command?: ReadonlyArray<string>
}

/** The process alone: what it is asked, and how it is reached, is the caller's. */
export const spawnDaemon = Effect.fnUntraced(function* (
  args: ReadonlyArray<string>,
  home: string,
  limits: Partial<Limits> = {},
  command?: ReadonlyArray<string>
) {
  const files = yield* Effect.promise(programs)
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(
        process.execPath,
        [...(command ?? [files.daemon, "--program", files.agent, "--limits", JSON.stringify(limits)]), ...args],
        { stdio: ["ignore", "pipe", "pipe"], env: { PATH: process.env["PATH"], HOME: home, TMPDIR: tmpdir() } }
      )
    ),
    (child) =>
      Effect.andThen(
        Effect.sync(() => child.kill("SIGTERM")),
        Effect.timeoutOption(exitOf(child), 8_000)
      )
  )
  let log = ""
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (log += text))
  return { child, log: () => log }
})

export const startDaemon = Effect.fnUntraced(function* ({ limits = {}, directory, args = [], command }: StartOptions = {}) {
  const at = directory ?? (yield* temporary)
  const [socketPath, workspace, home] = ["daemon.sock", "workspace", "home"].map((name) => join(at, name)) as [
    string,
    string,
    string
  ]
  mkdirSync(home, { recursive: true })
  const places = ["--socket", socketPath, "--workspace", workspace, "--home", home]
  const { child, log } = yield* spawnDaemon([...places, ...args], home, limits, command)
  const client = yield* clientOf(socketPath)
  yield* client.health(sandboxId).pipe(
    Effect.retry({ schedule: Schedule.spaced(30), while: () => child.exitCode === null }),
    Effect.timeout(waitMs),
    Effect.mapError((error) => new Error(`the daemon did not start (${error.message}): ${log()}`))
  )
  const daemon: Daemon = {
    client,
    directory: at,
    socketPath,
    workspace,
    home,
    pid: child.pid!,
    log,
    exited: exitOf(child)
  }
  return daemon
})

const exitOf = (child: ChildProcess) =>
  Effect.callback<number | null>((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.succeed(child.exitCode))
    const ended = (code: number | null) => resume(Effect.succeed(code))
    child.once("exit", ended)
    return Effect.sync(() => child.off("exit", ended))
  })

/** The scripted agent, at full speed. */
export const scripted = (args: ReadonlyArray<string> = []) => ["{node}", "{proliferate}", "--pace", "0", ...args]

export const agent = (changes: Partial<Parameters<Client["startAgent"]>[1]> = {}) => ({
  boot: 1,
  name: "scripted",
  command: scripted(),
  env: {},
  model: null,
  modelOption: "{model}",
  mode: null,
  permissions: "allow" as const,
  agentSession: null,
  ...changes
})

/** A prompt that makes the scripted agent do exactly these steps. */
export const steps = (...told: ReadonlyArray<Record<string, unknown>>) => `run: ${JSON.stringify(told)}`

/** Everything that the daemon tells, as it comes; nothing is acknowledged. */
export const listen = Effect.fnUntraced(function* (client: Client) {
  const heard: Array<DaemonEvent> = []
  const news = Latch.makeUnsafe()
  let daemonId = ""
  yield* client
    .events(sandboxId, () => heard.at(-1)?.seq ?? 0)
    .pipe(
      Stream.runForEach((batch) =>
        Effect.sync(() => {
          daemonId = batch.daemonId
          heard.push(...batch.events)
          news.openUnsafe()
        })
      ),
      Effect.forkScoped
    )
  const until = (what: string, isIt: (event: DaemonEvent) => boolean) =>
    Effect.gen(function* () {
      for (;;) {
        const event = heard.find(isIt)
        if (event !== undefined) return event
        news.closeUnsafe()
        yield* news.await
      }
    }).pipe(
      Effect.timeoutOrElse({
        duration: waitMs,
        orElse: () => Effect.die(new Error(`${what} did not come; heard: ${heard.map(({ kind }) => kind).join(" ")}`))
      })
    )
  return {
    heard,
    daemonId: () => daemonId,
    until,
    finished: (turnId: string) =>
      until(`the end of ${turnId}`, ({ kind, body }) => kind === "turn.finished" && body["turnId"] === turnId),
    of: (kind: string) => heard.filter((event) => event.kind === kind),
    /** What was said in a turn, put together. */
    said: (turnId: string, kind = "message") =>
      heard
        .filter((event) => event.kind === kind && event.body["turnId"] === turnId)
        .map(({ body }) => body["delta"])
        .join("")
  }
})

/** Until it holds: for what no event tells. */
export const eventually = (what: string, holds: () => boolean) =>
  Effect.suspend(() => (holds() ? Effect.void : Effect.fail(what))).pipe(
    Effect.retry({ schedule: Schedule.spaced(20) }),
    Effect.timeoutOrElse({ duration: waitMs, orElse: () => Effect.die(new Error(`never: ${what}`)) })
  )

export const isAlive = (pid: number): boolean => {
  try {
    // A zombie has ended.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))
  } catch {
    return false
  }
}
