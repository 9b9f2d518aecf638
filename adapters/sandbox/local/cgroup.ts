/**
 * Limits of a whole sandbox, by control groups: version 2 where its memory and pids controllers may be used here, else version
 * 1, else none (then the limits per process stand, and memory-watch.ts). Nothing is assumed: each place is tried with a process
 * in it. Processor time is limited where its controller is there as well.
 */
import { spawn } from "node:child_process"
import { mkdir, readFile, rmdir, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { Effect, Schedule } from "effect"
import { exists, orMissing } from "./disk.ts"
import { attempt } from "./failure.ts"
import * as limits from "./limits.ts"

export interface Bounds {
  readonly memoryBytesMax: number
  readonly processesMax: number
  readonly cpusMax: number
}

/** One hierarchy: where groups of ours go, and what is written into a new one. */
interface Hierarchy {
  readonly parent: string
  readonly files: (
    bounds: Bounds
  ) => ReadonlyArray<{ readonly name: string; readonly value: string; readonly optional?: boolean }>
}

export interface Cgroups {
  /** For people: `cgroup v1 (pids, memory)`, `none`. */
  readonly name: string
  readonly countsMemory: boolean
  /** Makes the group and puts the process into it, before it has children. Says where, one directory a hierarchy. */
  readonly enter: (name: string, pid: number) => Promise<ReadonlyArray<string>>
}

/** Once its processes are gone. Busy until the kernel has let the last one go; a group that stays is empty and harms nobody. */
export const removeGroups = (groups: ReadonlyArray<string>): Effect.Effect<void> =>
  Effect.forEach(
    groups,
    (group) =>
      Effect.promise(() =>
        rmdir(group).then(
          () => true,
          (cause) => cause.code !== "EBUSY"
        )
      ).pipe(
        Effect.repeat({ until: (isOver) => isOver, schedule: Schedule.max([Schedule.spaced("10 millis"), Schedule.recurs(100)]) })
      ),
    { discard: true }
  )

const memory = ({ memoryBytesMax }: Bounds) => `${memoryBytesMax}`
const pids = ({ processesMax }: Bounds) => `${processesMax}`
const cpuPeriodUs = 100_000
const quotaUs = ({ cpusMax }: Bounds) => Math.round(cpusMax * cpuPeriodUs)

const own = (text: string, controller: string): string | null => {
  const line = text.split("\n").find((each) => (each.split(":")[1] ?? "").split(",").includes(controller))
  return line === undefined ? null : line.split(":").slice(2).join(":")
}

const v2 = (membership: string): ReadonlyArray<Hierarchy> => {
  const path = own(membership, "") ?? "/"
  // A group with processes may have no controlled children (but for the root), so beside our own comes before below it.
  const parents = new Set([dirname(path), path, "/"])
  return ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].flatMap((mount) =>
    [...parents].map((parent) => ({
      parent: join(mount, parent),
      files: (bounds) => [
        { name: "memory.max", value: memory(bounds) },
        { name: "memory.swap.max", value: "0", optional: true },
        { name: "pids.max", value: pids(bounds) },
        { name: "cpu.max", value: `${quotaUs(bounds)} ${cpuPeriodUs}`, optional: true },
        { name: "cpu.weight", value: `${limits.cpuWeight}`, optional: true }
      ]
    }))
  )
}

/** The mount may begin at our own group (in a container) or above it. */
const v1 = (membership: string, controller: string, files: Hierarchy["files"]): ReadonlyArray<Hierarchy> =>
  [own(membership, controller) ?? "/", "/"].map((path) => ({ parent: join("/sys/fs/cgroup", controller, path), files }))

const make = async ({ parent, files }: Hierarchy, name: string, bounds: Bounds) => {
  const group = join(parent, name)
  await mkdir(group).catch((cause) => {
    if (cause.code !== "EEXIST") throw cause
  })
  for (const { name: file, value, optional } of files(bounds)) {
    await writeFile(join(group, file), value, { flag: "r+" }).catch((cause) => {
      if (!optional) throw cause
    })
  }
  return group
}

const tryOut = async (hierarchy: Hierarchy, name: string, bounds: Bounds): Promise<boolean> => {
  if (!(await exists(join(hierarchy.parent, "cgroup.procs")))) return false
  for (const controllers of ["+memory +pids", "+cpu"])
    await writeFile(join(hierarchy.parent, "cgroup.subtree_control"), controllers, { flag: "r+" }).catch(() => {})
  const child = spawn("/bin/sh", ["-c", "read -r GO"], { stdio: ["pipe", "ignore", "ignore"] })
  const closed = new Promise((resolve) => child.on("close", resolve).on("error", resolve))
  try {
    const group = await make(hierarchy, name, bounds)
    await writeFile(join(group, "cgroup.procs"), `${child.pid}`)
    return (await readFile(join(group, "cgroup.procs"), "utf8")).includes(`${child.pid}`)
  } catch {
    return false
  } finally {
    child.stdin.destroy()
    await closed
    await rmdir(join(hierarchy.parent, name)).catch(() => {})
  }
}

const hasController = async ({ parent }: Hierarchy, controller: string): Promise<boolean> =>
  ((await orMissing(readFile(join(parent, "cgroup.subtree_control"), "utf8"))) ?? "").split(/\s+/).includes(controller)

export const findCgroups = (prefix: string, bounds: Bounds) =>
  attempt("look for control groups", async (): Promise<Cgroups> => {
    const membership = (await orMissing(readFile("/proc/self/cgroup", "utf8"))) ?? ""
    const full = (name: string) => `proliferate-${prefix}-${name}`
    const first = async (candidates: ReadonlyArray<Hierarchy>) => {
      for (const candidate of candidates) if (await tryOut(candidate, full("probe"), bounds)) return candidate
      return null
    }
    const unified = await first(v2(membership))
    const separate = {
      pids: unified ? null : await first(v1(membership, "pids", (limit) => [{ name: "pids.max", value: pids(limit) }])),
      memory: unified
        ? null
        : await first(
            v1(membership, "memory", (limit) => [
              { name: "memory.limit_in_bytes", value: memory(limit) },
              { name: "memory.memsw.limit_in_bytes", value: memory(limit), optional: true }
            ])
          ),
      cpu: unified
        ? null
        : await first(
            v1(membership, "cpu", (limit) => [
              { name: "cpu.cfs_quota_us", value: `${quotaUs(limit)}` },
              { name: "cpu.shares", value: `${Math.round((limits.cpuWeight / 100) * 1_024)}` }
            ])
          )
    }
    const used = [unified, separate.pids, separate.memory, separate.cpu].filter((each) => each !== null)
    const hasCpu = unified !== null && (await hasController(unified, "cpu"))
    const names = unified
      ? ["pids", "memory", ...(hasCpu ? ["cpu"] : [])]
      : (["pids", "memory", "cpu"] as const).filter((controller) => separate[controller] !== null)
    return {
      name: names.length === 0 ? "none" : `cgroup v${unified ? 2 : 1} (${names.join(", ")})`,
      countsMemory: names.includes("memory"),
      enter: async (name, pid) => {
        const groups: Array<string> = []
        for (const hierarchy of used) groups.push(await make(hierarchy, full(name), bounds))
        for (const group of groups) await writeFile(join(group, "cgroup.procs"), `${pid}`)
        return groups
      }
    }
  })
