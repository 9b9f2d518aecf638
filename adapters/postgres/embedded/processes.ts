/**
 * What the system knows of other processes. A pid alone proves nothing, since it is given out again; a pid with its start time
 * names one process until the machine restarts. Linux answers from /proc, others through `ps`.
 */
import { execFileSync } from "node:child_process"
import { readdirSync, readFileSync, readlinkSync } from "node:fs"
import { basename } from "node:path"

const isLinux = process.platform === "linux"

const orNull = <A>(read: () => A): A | null => {
  try {
    return read()
  } catch {
    return null
  }
}

const ps = (pid: number, column: string): string | null =>
  orNull(() => execFileSync("ps", ["-o", `${column}=`, "-p", String(pid)], { encoding: "utf8", timeout: 5_000 }).trim() || null)

const bootId = orNull(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").slice(0, 8)) ?? ""

/** When `pid` started, in a text that no other process under this pid has had; null when there is none or only its remains. */
export const startOf = (pid: number): string | null => {
  if (!isLinux) return ps(pid, "lstart")?.replace(/\W+/g, "") ?? null
  const stat = orNull(() => readFileSync(`/proc/${pid}/stat`, "utf8"))
  if (stat === null) return null
  // The second field is the program's name in brackets, and may hold anything.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  return fields[0] === "Z" ? null : `${bootId}${fields[19]}`
}

/** Does `pid` run the PostgreSQL of this cluster? The postmaster names the directory on its command line and works in it. */
export const isPostgresOf = (pid: number, cluster: string): boolean =>
  isLinux
    ? orNull(() => readlinkSync(`/proc/${pid}/cwd`)) === cluster ||
      (orNull(() => readFileSync(`/proc/${pid}/cmdline`, "utf8")) ?? "").split("\0").includes(cluster)
    : (ps(pid, "command") ?? "").includes(cluster)

/** Every PostgreSQL process that works in this cluster, on Linux; others do not tell. */
export const postgresIn = (cluster: string): ReadonlyArray<number> =>
  (isLinux ? readdirSync("/proc") : []).map(Number).filter(
    (pid) =>
      orNull(() => readlinkSync(`/proc/${pid}/cwd`)) === cluster &&
      // Not the shell of somebody who looks around there.
      orNull(() => basename(readlinkSync(`/proc/${pid}/exe`))) === "postgres"
  )

/** A process that has ended in the meantime is no concern. */
export const signal = (pid: number, name: NodeJS.Signals): boolean => orNull(() => process.kill(pid, name)) ?? false
