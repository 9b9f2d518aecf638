/**
 * The limit of a sandbox's memory where no control group holds it: once a second its processes are added up, and above the limit
 * the largest is killed until the rest is below. A sandbox may so be over its limit for a second, which a control group would not
 * let it; what it keeps in /tmp and in shared memory is not counted here and has smaller bounds instead (limits.ts).
 *
 * It is done from outside: inside, whatever the agent runs could stop or end who counts.
 */

import { readdir, readFile, readlink } from "node:fs/promises"
import { Effect } from "effect"
import type { SandboxError } from "../../../actors/ports/sandboxes.ts"
import { unending } from "../../../runtime/unending.ts"
import { attempt } from "./failure.ts"

const lookEveryMs = 1_000

interface Held {
  readonly pid: number
  readonly bytes: number
}

/** Its own memory, swapped out or not, without what it shares with others. Null: it is gone, or it is pid 1 of its namespace. */
const heldBy = async (pid: number): Promise<Held | null> => {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "")
  const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0)
  if (status === "" || /^NSpid:.*\t1$/m.test(status)) return null
  return { pid, bytes: (kilobytes("RssAnon") + kilobytes("VmSwap")) * 1_024 }
}

const processesOf = async (namespaces: ReadonlySet<string>): Promise<ReadonlyMap<string, ReadonlyArray<Held>>> => {
  const found = new Map<string, Array<Held>>()
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue
    const namespace = await readlink(`/proc/${name}/ns/pid`).catch(() => "")
    const held = namespaces.has(namespace) ? await heldBy(Number(name)) : null
    if (held !== null) found.set(namespace, [...(found.get(namespace) ?? []), held])
  }
  return found
}

/** Largest first, until what is left is within the limit. */
export const tooMany = (processes: ReadonlyArray<Held>, bytesMax: number): ReadonlyArray<number> => {
  let left = processes.reduce((sum, { bytes }) => sum + bytes, 0)
  return [...processes]
    .sort((a, b) => b.bytes - a.bytes)
    .filter(({ bytes }) => {
      const goes = left > bytesMax
      if (goes) left -= bytes
      return goes
    })
    .map(({ pid }) => pid)
}

/** For ever. `namespaces`: of the sandboxes that run, `pid:[…]`. */
export const watchMemory = (namespaces: Effect.Effect<ReadonlyArray<string>, SandboxError>, bytesMax: number) => {
  const look = Effect.gen(function* () {
    const running = new Set(yield* namespaces)
    if (running.size === 0) return
    yield* attempt("look at the memory of the sandboxes", async () => {
      for (const processes of (await processesOf(running)).values())
        for (const pid of tooMany(processes, bytesMax)) {
          try {
            process.kill(pid, "SIGKILL")
          } catch {
            // It has ended already.
          }
        }
    })
  }).pipe(Effect.catch((error) => Effect.logWarning(error.message)))
  return unending("looking at the memory of the sandboxes", look, lookEveryMs)
}
