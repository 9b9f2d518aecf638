/**
 * The process of an agent: started at the head of a process group of its own, spoken to in ACP over its standard streams, ended as
 * a group. However it ends, `over` says why, after everything that it had said was heard.
 */
import { type ChildProcess, spawn } from "node:child_process"
import * as acp from "@agentclientprotocol/sdk"
import { Deferred, Effect, Option } from "effect"
import { Limits } from "./limits.ts"
import { cannot, type Refusal } from "./refusal.ts"
import { cutEnd } from "./text.ts"
import { agentStream, type Hooks, Malformed } from "./transport.ts"

export interface Ended {
  readonly reason: "crashed" | "malformed"
  readonly message: string
}

export interface AgentProcess {
  readonly agent: acp.ClientContext
  readonly over: Effect.Effect<Ended>
}

export interface AgentCommand {
  readonly name: string
  readonly argv: ReadonlyArray<string>
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
}

export interface AgentHooks extends Hooks {
  readonly onPermission: (request: acp.RequestPermissionRequest) => Promise<acp.RequestPermissionResponse>
  readonly onStderr: (text: string) => void
}

/** The process lives as long as the scope. */
export const spawnAgent = Effect.fnUntraced(function* (command: AgentCommand, hooks: AgentHooks) {
  const limits = yield* Limits
  const exited = Deferred.makeUnsafe<string>()
  const child = yield* Effect.acquireRelease(launch(command), (child) =>
    endGroup(child, Deferred.await(exited), limits.killGraceMs)
  )
  let lastWords = ""
  child.stderr!.setEncoding("utf8").on("data", (text: string) => {
    lastWords = (lastWords + text).slice(-2_000)
    hooks.onStderr(text)
  })
  child.on("exit", (code, signal) => {
    // What it left behind may hold its output open.
    signalGroup(child, "SIGKILL")
    Deferred.doneUnsafe(exited, Effect.succeed(signal === null ? `it exited with ${code}` : `it was killed by ${signal}`))
  })

  const connection = acp
    .client({ name: "proliferate" })
    .onRequest("session/request_permission", ({ params }) => hooks.onPermission(params))
    .connect(agentStream(child.stdin!, child.stdout!, limits, hooks))
  const heardAll = Effect.promise(() => connection.closed)

  // A process outside the group may hold the output open as well: give it time to be read, not for ever.
  yield* Deferred.await(exited).pipe(
    Effect.andThen(Effect.promise(async () => hooks.room())),
    Effect.andThen(Effect.sleep(limits.killGraceMs)),
    Effect.andThen(Effect.sync(() => child.stdout!.destroy())),
    Effect.forkScoped
  )

  const over = Deferred.makeUnsafe<Ended>()
  yield* Effect.gen(function* () {
    yield* heardAll
    const why: unknown = connection.signal.reason
    if (why instanceof Malformed)
      return { reason: "malformed" as const, message: `${command.name} does not speak ACP: ${why.message}` }
    const how = yield* Effect.timeoutOption(Deferred.await(exited), limits.killGraceMs)
    const words = lastWords.trim().split("\n").at(-1) ?? ""
    const message = `${command.name} ended: ${Option.getOrElse(how, () => "it closed its output")}${words && `, saying: ${cutEnd(words, 500)}`}`
    return { reason: "crashed" as const, message }
  }).pipe(Deferred.into(over), Effect.forkScoped)

  return { agent: connection.agent, over: Deferred.await(over) } satisfies AgentProcess
})

const launch = ({ name, argv, cwd, env }: AgentCommand) =>
  Effect.callback<ChildProcess, Refusal>((resume) => {
    const failed = (error: NodeJS.ErrnoException) =>
      resume(
        Effect.fail(
          error.code === "ENOENT" || error.code === "EACCES"
            ? cannot("agent-missing", `the agent ${name} cannot be started: ${argv[0]} is not there or not executable`, true)
            : cannot("agent-failed", `the agent ${name} cannot be started: ${error.message}`)
        )
      )
    try {
      const child = spawn(argv[0] ?? "", argv.slice(1), { cwd, env, detached: true, stdio: "pipe" })
      child.on("error", failed)
      child.stdin.on("error", () => {})
      child.once("spawn", () => resume(Effect.succeed(child)))
    } catch (error) {
      failed(error as NodeJS.ErrnoException)
    }
  })

const endGroup = Effect.fnUntraced(function* (child: ChildProcess, exited: Effect.Effect<unknown>, graceMs: number) {
  child.stdin?.end()
  signalGroup(child, "SIGTERM")
  yield* Effect.timeoutOption(exited, graceMs)
  signalGroup(child, "SIGKILL")
  yield* Effect.timeoutOption(exited, graceMs)
})

const signalGroup = ({ pid }: ChildProcess, signal: NodeJS.Signals) => {
  try {
    if (pid !== undefined) process.kill(-pid, signal)
  } catch {
    // Nobody is left in it.
  }
}
