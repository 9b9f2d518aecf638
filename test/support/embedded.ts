/** What the stories of the embedded PostgreSQL share: directories, other servers in processes of their own, and patience. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { chmodSync, constants, cpSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Schedule } from "effect"
import { afterAll, beforeAll } from "vitest"
import { startOf } from "../../adapters/postgres/embedded/processes.ts"
import { startEmbedded } from "../../adapters/postgres/embedded.ts"

export const isRoot = process.getuid?.() === 0
export const nobody = 65_534

/** An empty directory that others may enter, gone with the scope. */
export const scratch = Effect.acquireRelease(
  Effect.sync(() => {
    const directory = mkdtempSync(join(tmpdir(), "proliferate-test-"))
    chmodSync(directory, 0o755)
    return directory
  }),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
)

/** Makes one cluster for a file; each story that asks gets a data directory with a copy of it, in a tenth of initdb's time. */
export const preparedDataDir = () => {
  let made = ""
  beforeAll(() => {
    made = mkdtempSync(join(tmpdir(), "proliferate-test-"))
    return Effect.runPromise(Effect.scoped(startEmbedded({ dataDir: made })))
  })
  afterAll(() => rmSync(made, { recursive: true, force: true }))
  return Effect.tap(scratch, (dataDir) =>
    Effect.sync(() =>
      cpSync(join(made, "cluster"), join(dataDir, "cluster"), { recursive: true, mode: constants.COPYFILE_FICLONE })
    )
  )
}

export interface Said {
  readonly url?: string
  readonly pid?: number
  readonly isAdopted?: boolean
  readonly reason?: string
  readonly message?: string
}

export interface Other {
  /** Its line. */
  readonly said: Said
  readonly pid: number
  /** Ends it with the signal and waits until it has. */
  readonly end: (signal: NodeJS.Signals) => Effect.Effect<void>
}

interface Circumstances {
  /** What the server is started through, such as setpriv. */
  readonly through?: ReadonlyArray<string>
  readonly nodeOptions?: ReadonlyArray<string>
  readonly env?: NodeJS.ProcessEnv
}

const script = join(import.meta.dirname, "embedded-server.ts")

/** Another server on `dataDir`, ended with the scope, and its PostgreSQL with it. */
export const otherServer = (dataDir: string, { through = [], nodeOptions = [], env = process.env }: Circumstances = {}) =>
  Effect.acquireRelease(
    Effect.promise(async (): Promise<Other> => {
      const [file, ...args] = [...through, process.execPath, ...nodeOptions, script, dataDir]
      const child = spawn(file!, args, { env, stdio: ["ignore", "pipe", "inherit"] })
      const ended = once(child, "exit")
      let output = ""
      for await (const chunk of child.stdout) {
        output += chunk
        if (output.includes("\n")) break
      }
      const end: Other["end"] = (signal) =>
        Effect.promise(async () => {
          child.kill(signal)
          await ended
        })
      return { said: JSON.parse(output || "{}"), pid: child.pid!, end }
    }),
    ({ end, said }) =>
      end("SIGTERM").pipe(
        Effect.timeoutOption("15 seconds"),
        Effect.andThen(
          Effect.sync(() => said.pid !== undefined && startOf(said.pid) !== null && process.kill(said.pid, "SIGKILL"))
        )
      )
  )

/** Waits for what becomes true by itself, 15 s at most unless it says why it may take longer. */
export const eventually = (what: string, isSo: () => boolean | Promise<boolean>, limitS = 15) =>
  Effect.promise(async () => isSo()).pipe(
    Effect.repeat({ until: (so) => so, schedule: Schedule.spaced("20 millis") }),
    Effect.timeoutOrElse({
      duration: limitS * 1_000,
      orElse: () => Effect.die(new Error(`still not so after ${limitS} s: ${what}`))
    })
  )

export const isGone = (pid: number): boolean => startOf(pid) === null
