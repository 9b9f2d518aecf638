/** The processes of a server under test, found from outside: by its data directory and by the namespaces they live in. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs"
import { join } from "node:path"

const attempt = <A>(read: () => A): A | null => {
  try {
    return read()
  } catch {
    return null
  }
}

const pids = (): ReadonlyArray<number> =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)

const commandOf = (pid: number): string => attempt(() => readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ")) ?? ""
const namespaceOf = (pid: number): string | null => attempt(() => readlinkSync(`/proc/${pid}/ns/pid`))

export const postmasterOf = (dataDir: string): number =>
  Number(readFileSync(join(dataDir, "postgres/cluster/postmaster.pid"), "utf8").split("\n", 1)[0])

/** What runs in a pid namespace of its own and has `words` in its command line, below the server's sandboxes: `owner` is its pid 1. */
const inside = (words: string, isOurs: (pid: number) => boolean): ReadonlyArray<number> =>
  pids().filter((pid) => namespaceOf(pid) !== namespaceOf(process.pid) && commandOf(pid).includes(words) && isOurs(pid))

/** Daemons of sandboxes whose session is `sessionId`, by the environment they were started with. */
export const daemonsOf = (sessionId: string): ReadonlyArray<number> =>
  inside("proliferate.mjs daemon", (pid) =>
    (attempt(() => readFileSync(`/proc/${pid}/environ`, "utf8")) ?? "").split("\0").includes(`PROLIFERATE_SESSION=${sessionId}`)
  )

export const agentsOf = (sessionId: string): ReadonlyArray<number> => {
  const spaces = new Set(daemonsOf(sessionId).map(namespaceOf))
  return inside("agent scripted", (pid) => spaces.has(namespaceOf(pid)))
}

const innerPidOf = (pid: number): string | undefined =>
  /^NSpid:.*\t(\d+)$/m.exec(attempt(() => readFileSync(`/proc/${pid}/status`, "utf8")) ?? "")?.[1]

/** Pid 1 of each sandbox of a session, as the host knows it. */
export const initsOf = (sessionId: string): ReadonlyArray<number> => {
  const spaces = new Set(daemonsOf(sessionId).map(namespaceOf))
  return inside("", (pid) => spaces.has(namespaceOf(pid)) && innerPidOf(pid) === "1")
}

/** Whatever has `words` in its command line or its environment. */
export const mentioning = (words: string): ReadonlyArray<{ readonly pid: number; readonly command: string }> =>
  pids()
    .filter((pid) => pid !== process.pid)
    .map((pid) => ({ pid, command: commandOf(pid) }))
    .filter(
      ({ pid, command }) =>
        command.includes(words) || (attempt(() => readFileSync(`/proc/${pid}/environ`, "utf8")) ?? "").includes(words)
    )
