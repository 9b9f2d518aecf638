/**
 * Whether the processes of a sandbox live, and their end. A sandbox lives as long as its pid 1: the kernel ends every process of
 * a pid namespace with it, whatever they did to hide, before it lets pid 1 go. A process is known by its id and its start.
 */
import { readdir, readFile, readlink } from "node:fs/promises"
import { Effect, Schedule, Schema } from "effect"
import type { SandboxError } from "../../../actors/ports/sandboxes.ts"
import { orMissing } from "./disk.ts"
import { attempt, failed } from "./failure.ts"
import * as limits from "./limits.ts"
import type { Box } from "./place.ts"
import type { Launched, Process } from "./records.ts"

/** What the enclosure wrote before it started anything; bubblewrap's own names. */
const Announced = Schema.fromJsonString(
  Schema.Struct({ "child-pid": Schema.Int, "pid-namespace": Schema.optionalKey(Schema.Int) })
)
const decodeAnnounced = Schema.decodeUnknownOption(Announced)

/** Fields after the name, which may itself hold spaces and brackets. Null: no such process. A zombie has ended. */
const startTicks = async (pid: number): Promise<number | null> => {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => null)
  if (stat === null) return null
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  return fields[0] === "Z" || fields[0] === "X" ? null : Number(fields[19])
}

export const processOf = async (pid: number): Promise<Process | null> => {
  const started = await startTicks(pid)
  return started === null ? null : { pid, startTicks: started }
}

const isAlive = async ({ pid, startTicks: started }: Process): Promise<boolean> => (await startTicks(pid)) === started

export const bootId = async (): Promise<string> => (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim()

const namespaceOf = (pid: number | string): Promise<string | null> => readlink(`/proc/${pid}/ns/pid`).catch(() => null)

export interface Living {
  /** Null while the enclosure is being built. */
  readonly init: Process | null
  readonly monitor: Process | null
  /** `pid:[4026532183]` */
  readonly namespace: string | null
}

/** Null: nothing of it lives. */
export const livingOf = (launched: Launched | null, box: Box): Effect.Effect<Living | null, SandboxError> =>
  attempt("look at the processes of a sandbox", async () => {
    if (launched === null || launched.bootId !== (await bootId())) return null
    const monitor = (await isAlive(launched.monitor)) ? launched.monitor : null
    const announced = decodeAnnounced(await orMissing(readFile(box.processes, "utf8")))
    if (announced._tag === "None") return monitor && { init: null, monitor, namespace: null }
    const { "child-pid": pid, "pid-namespace": inode } = announced.value
    const found = await processOf(pid)
    const namespace = await namespaceOf(pid)
    // The id may have come round to a stranger.
    const isAnnounced = inode === undefined ? monitor !== null : namespace === `pid:[${inode}]`
    const isOurs = found !== null && (launched.init === null ? isAnnounced : found.startTicks === launched.init.startTicks)
    if (!isOurs && monitor === null) return null
    // Without isolation it is the host's own, in which everybody lives.
    const isApart = namespace !== (await namespaceOf("self"))
    return { init: isOurs ? found : null, monitor, namespace: isOurs && isApart ? namespace : null }
  })

const signal = async (target: Process | null, toGroup: boolean) => {
  if (target === null || !(await isAlive(target))) return
  try {
    process.kill(toGroup ? -target.pid : target.pid, "SIGKILL")
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ESRCH") throw cause
  }
}

const inNamespace = async (namespace: string): Promise<ReadonlyArray<string>> => {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name))
  const isIn = async (pid: string) => (await namespaceOf(pid)) === namespace && (await startTicks(Number(pid))) !== null
  const found = await Promise.all(pids.map(isIn))
  return pids.filter((_, index) => found[index])
}

/** Returns when nothing of it lives; `unreachable` when something would not die. Killing what is dead succeeds. */
export const kill = Effect.fn("sandbox.kill")(function* (launched: Launched | null, box: Box) {
  let init: Process | null = null
  let namespace: string | null = null
  // Again and again: while the enclosure is being built there is no pid 1 yet to kill.
  yield* Effect.gen(function* () {
    const living = yield* livingOf(launched, box)
    init ??= living?.init ?? null
    namespace ??= living?.namespace ?? null
    return yield* attempt("kill a sandbox", async () => {
      await signal(init, false)
      // With its group: a pid 1 that it has made and not yet announced is still in it.
      await signal(living?.monitor ?? null, true)
      // A dying pid 1 has left its namespace and is no longer found by it, while the kernel still ends the others for it.
      return living === null && (init === null || !(await isAlive(init)))
    })
  }).pipe(
    Effect.repeat({ until: (isDead) => isDead, schedule: Schedule.spaced("5 millis") }),
    Effect.timeoutOrElse({
      duration: limits.killMs,
      orElse: () =>
        Effect.fail(failed("unreachable", `Processes of a sandbox are still there ${limits.killMs / 1_000} s after SIGKILL.`))
    })
  )
  if (namespace === null) return
  const left = yield* attempt("look for processes of a sandbox", () => inNamespace(namespace!))
  if (left.length > 0) return yield* failed("unreachable", `Processes ${left.join(", ")} of a sandbox outlived its pid 1.`)
})
