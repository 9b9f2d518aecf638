/**
 * No isolation: the daemon and its agent are plain processes of the server's own user, who can do whatever that user can. For
 * machines whose kernel allows nothing else and whose agents are trusted; chosen by name and never by the probe. What is left of a
 * sandbox is its directories, its control groups where there are any, and that its processes end with it unless they hide: they are
 * known by PROLIFERATE_SESSION in their environment.
 *
 * The loopback is the host's, and the relay's port on it is one: one sandbox runs at a time, and anybody on this host can use it.
 */
import { readdir, readFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { Effect, Schedule } from "effect"
import { hostPath } from "../host.ts"
import { attempt, failed } from "./failure.ts"
import * as inside from "./inside.ts"
import type { Isolation } from "./isolation.ts"
import * as limits from "./limits.ts"

const announce = `printf '{"child-pid":%s}\\n' "$$" >&3; exec 3>&-; cd "$1"; shift; exec "$@"`

export const unsafe: Isolation = {
  name: "unsafe",
  needs: [],
  enclose: (view, sessionId, command) => {
    const socket = join(view.inbox, "daemon.sock")
    const bundle = view.bundle ?? ""
    const paths: Readonly<Record<string, string>> = {
      [inside.node]: view.node,
      [inside.bundle]: bundle,
      [inside.daemonSocket]: socket,
      // The command of the daemon ends with its socket; its other places follow.
      [inside.home]: view.home,
      [inside.workspace]: view.workspace
    }
    const environment = {
      ...inside.environment(sessionId),
      HOME: view.home,
      PATH: `${dirname(view.node)}:${hostPath}:${view.inside}`,
      PROLIFERATE_PROXY: join(view.proxy, "proxy.sock"),
      ...(view.agents !== null && { PROLIFERATE_AGENTS_DIR: view.agents }),
      PROLIFERATE_NODE: view.node,
      PROLIFERATE_BUNDLE: bundle,
      // The host's own /tmp is others' as well, and what is compiled is run.
      PROLIFERATE_COMPILED: join(view.home, ".proliferate/compiled"),
      PROLIFERATE_AGENTS_DIR: view.agents ?? ""
    }
    return [
      ...["/bin/sh", "-euc", announce, "unsafe", view.workspace],
      ...["env", "-i", ...Object.entries(environment).map(([name, value]) => `${name}=${value}`)],
      ...command.map((word) => paths[word] ?? word)
    ]
  }
}

const ofSession = async (sessionId: string): Promise<ReadonlyArray<number>> => {
  const mark = `PROLIFERATE_SESSION=${sessionId}`
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name))
  const isMarked = async (pid: string) =>
    (await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "")).split("\0").includes(mark)
  const found = await Promise.all(pids.map(isMarked))
  return pids.filter((_, index) => found[index]).map(Number)
}

/** Ends what its pid 1 would have taken along elsewhere. */
export const endProcesses = (sessionId: string) =>
  attempt("end the processes of a sandbox", async () => {
    const left = await ofSession(sessionId)
    for (const pid of left) {
      try {
        process.kill(pid, "SIGKILL")
      } catch {
        // It has ended already.
      }
    }
    return left.length === 0
  }).pipe(
    Effect.repeat({ until: (isOver) => isOver, schedule: Schedule.spaced("20 millis") }),
    Effect.timeoutOrElse({
      duration: limits.killMs,
      orElse: () =>
        Effect.fail(failed("unreachable", `Processes of a session are still there ${limits.killMs / 1_000} s after SIGKILL.`))
    }),
    Effect.asVoid
  )
