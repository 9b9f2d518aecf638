/**
 * Starts the processes of a sandbox so that they outlive us and are never lost: they wait at the gate until who they are is on
 * disk. If we die before that, the gate closes and nothing has run; if after, the next server finds them there.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { open, readdir, readFile } from "node:fs/promises"
import { Effect } from "effect"
import type { SandboxError } from "../../../actors/ports/sandboxes.ts"
import { hostPath, killGroup } from "../host.ts"
import { attempt, failed } from "./failure.ts"
import { gate } from "./isolation.ts"
import * as limits from "./limits.ts"
import type { Box } from "./place.ts"
import { bootId, processOf } from "./processes.ts"
import type { Launched } from "./records.ts"

/** Resolves when it runs: `error` comes instead where the program is missing or the host has no process left. */
const spawned = (child: ChildProcess): Promise<number> =>
  new Promise((resolve, reject) => {
    child.once("spawn", () => resolve(child.pid!))
    child.once("error", reject)
  })

/**
 * Keeps the beginning of what the sandbox writes and swallows the rest. A process of its own, since it must go on when we end:
 * a pipe to us would end the sandbox with us, a bare file has no bound.
 */
const startLog = async (path: string) => {
  const file = await open(path, "w", 0o600)
  try {
    const log = spawn("/bin/sh", ["-c", `head -c ${limits.logBytesMax}; exec cat >/dev/null`], {
      cwd: "/",
      env: { PATH: hostPath },
      detached: true,
      stdio: ["pipe", file.fd, "ignore"]
    })
    await spawned(log)
    log.unref()
    return { pid: log.pid!, input: log.stdin! }
  } finally {
    await file.close()
  }
}

/**
 * Files that this process was started with by someone who did not close them. Whatever they are, they would be open inside, so
 * each is covered by one that leads nowhere.
 */
const covered = async (nowhere: number): Promise<ReadonlyArray<number | "ignore">> => {
  const closesOnExec = 0o2000000
  const inherited: Array<number> = []
  for (const name of await readdir("/proc/self/fd")) {
    const flags = /^flags:\s*(\d+)/m.exec(await readFile(`/proc/self/fdinfo/${name}`, "utf8").catch(() => ""))?.[1]
    if (Number(name) > 3 && flags !== undefined && (Number.parseInt(flags, 8) & closesOnExec) === 0) inherited.push(Number(name))
  }
  return Array.from({ length: Math.max(3, ...inherited) - 3 }, (_, index) => (inherited.includes(index + 4) ? nowhere : "ignore"))
}

export interface Launch {
  readonly box: Box
  readonly argv: ReadonlyArray<string>
  /** Puts a process under the sandbox's limits, before it has children; when it fails nothing is run. Says where. */
  readonly enter: (pid: number) => Promise<ReadonlyArray<string>>
  readonly remember: (launched: Launched) => Effect.Effect<void, SandboxError>
}

export const launch = Effect.fn("sandbox.launch")(function* ({ box, argv, enter, remember }: Launch) {
  const child = yield* attempt("start a sandbox", async () => {
    const log = await startLog(box.log)
    const announced = await open(box.processes, "w", 0o600)
    const nowhere = await open("/dev/null", "r+")
    try {
      // Together with the sandbox, so that who ends the server's own group of processes does not end its log.
      await enter(log.pid)
      const [file, ...args] = [...gate, ...argv]
      const process = spawn(file!, args, {
        cwd: "/",
        env: { PATH: hostPath },
        detached: true,
        stdio: ["pipe", log.input, log.input, announced.fd, ...(await covered(nowhere.fd))]
      })
      // It may end at the gate, while we write to it.
      process.stdin!.on("error", () => {})
      await spawned(process)
      return process
    } finally {
      await announced.close()
      await nowhere.close()
      log.input.destroy()
    }
  })
  const entered = Effect.gen(function* () {
    const launched = yield* attempt("start a sandbox", async () => {
      const groups = await enter(child.pid!)
      const monitor = await processOf(child.pid!)
      return monitor && { bootId: await bootId(), monitor, init: null, groups }
    })
    if (launched === null) return yield* failed("unreachable", "The sandbox ended before it began.")
    yield* remember(launched)
    yield* attempt("start a sandbox", () => new Promise<void>((resolve) => child.stdin!.end("go\n", resolve)))
    return launched
  })
  return yield* entered.pipe(
    Effect.tapError(() => Effect.sync(() => killGroup(child.pid))),
    Effect.ensuring(
      Effect.sync(() => {
        child.stdin!.destroy()
        child.unref()
      })
    )
  )
}, Effect.uninterruptible)
