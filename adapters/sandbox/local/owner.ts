/**
 * As root, sandboxes run as a user of the host that nothing else is: root inside a user namespace is still root to the kernel,
 * which is enough to own the host (`/proc/sys/kernel/core_pattern`). One unused uid per data directory, so that a layer of one
 * sandbox is readable by the next without a chown of every file; sandboxes of one directory are kept apart by namespaces.
 */
import { readdirSync, readFileSync, statSync } from "node:fs"

interface Range {
  readonly first: number
  readonly count: number
}

const read = (path: string): string => {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}
const lines = (path: string) => read(path).split("\n").filter(Boolean)

/** Ids that this process may become: all, or few when it is itself in a user namespace. */
const mapped = (path: string): ReadonlyArray<Range> =>
  lines(path).map((line) => {
    const [first, , count] = line.trim().split(/\s+/).map(Number)
    return { first: first!, count: count! }
  })

/** Users and groups by name, and the ranges lent to containers. */
const taken = (): ReadonlyArray<Range> => [
  ...["/etc/passwd", "/etc/group"].flatMap(lines).map((line) => ({ first: Number(line.split(":")[2]), count: 1 })),
  ...["/etc/subuid", "/etc/subgid"].flatMap(lines).map((line) => {
    const [, first, count] = line.split(":")
    return { first: Number(first), count: Number(count) }
  }),
  ...readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [{ first: statSync(`/proc/${pid}`).uid, count: 1 }]
      } catch {
        return []
      }
    })
]

const contains = (ranges: ReadonlyArray<Range>, id: number) =>
  ranges.some(({ first, count }) => id >= first && id < first + count)

/** Above what useradd, systemd and containers hand out by themselves; then, in a small user namespace, what it has. */
const candidates = (seed: number): ReadonlyArray<number> => [
  ...Array.from({ length: 64 }, (_, index) => 1_900_000_000 + ((seed + index * 7_919) % 200_000_000)),
  ...Array.from({ length: 64 }, (_, index) => 60_600 + ((seed + index * 97) % 500)),
  ...Array.from({ length: 64 }, (_, index) => 20_000 + ((seed + index * 97) % 10_000))
]

/** Null when this process can become no user that is free. */
export const unusedUid = (seed: number): number | null => {
  const allowed = [mapped("/proc/self/uid_map"), mapped("/proc/self/gid_map")]
  const used = taken()
  return candidates(seed).find((id) => allowed.every((ranges) => contains(ranges, id)) && !contains(used, id)) ?? null
}
