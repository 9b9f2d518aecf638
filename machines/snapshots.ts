/**
 * Which snapshot a boot starts from, and which may be thrown away. Pure: the caller brings the candidates and the time.
 *
 *   session → configuration → repository → base → none      the deepest layer that has one, and in it the newest
 *
 *   N1  What another provider made, what failed and what has expired is never chosen. Nothing is passed over in silence: each
 *       candidate is the chosen one, or ignored with its reason.
 *   N2  Discarding never changes what is chosen now, for any provider; and never takes a snapshot that something stands on.
 */

/** Deepest first: what holds most of the work. */
export const layers = ["session", "configuration", "repository", "base"] as const
export type Layer = (typeof layers)[number]

export interface Candidate {
  readonly snapshotId: string
  readonly layer: Layer
  /** Who made it, and alone can restore it. */
  readonly provider: string
  readonly createdAtMs: number
  /** Null: it is kept until it is discarded. */
  readonly expiresAtMs: number | null
  readonly failed?: boolean
}

export interface Choice {
  /** Null: the sandbox starts empty. */
  readonly chosen: string | null
  readonly layer: Layer | "none"
  /** For people: why this one. */
  readonly reason: string
  readonly ignored: ReadonlyArray<{ readonly snapshotId: string; readonly because: string }>
}

const whyNot = ({ provider, expiresAtMs, failed }: Candidate, host: string, nowMs: number): string | null => {
  if (provider !== host) return `it was made by provider ${provider}, and ${host} cannot restore it`
  if (failed) return "it failed"
  if (expiresAtMs !== null && expiresAtMs <= nowMs) return "it has expired"
  return null
}

/** Ids are ordered by time, so they part two of one millisecond. */
const newestFirst = (a: Candidate, b: Candidate): number =>
  b.createdAtMs - a.createdAtMs || (a.snapshotId < b.snapshotId ? 1 : a.snapshotId > b.snapshotId ? -1 : 0)

export const chooseSnapshot = (
  candidates: ReadonlyArray<Candidate>,
  { provider, nowMs }: { readonly provider: string; readonly nowMs: number }
): Choice => {
  const inOrder = [...candidates].sort((a, b) => layers.indexOf(a.layer) - layers.indexOf(b.layer) || newestFirst(a, b))
  const chosen = inOrder.find((candidate) => whyNot(candidate, provider, nowMs) === null) ?? null
  const passedOver = ({ layer }: Candidate) =>
    layer === chosen?.layer ? `a newer one of this ${layer} is used` : `that of the ${chosen?.layer} is used`
  const ignored = inOrder
    .filter((candidate) => candidate !== chosen)
    .map((candidate) => ({
      snapshotId: candidate.snapshotId,
      because: whyNot(candidate, provider, nowMs) ?? passedOver(candidate)
    }))
  const isStateLost = chosen?.layer !== "session" && candidates.some(({ layer }) => layer === "session")
  const reason =
    chosen === null ? "no snapshot fits: the sandbox starts empty" : `the newest usable snapshot of the ${chosen.layer}`
  return {
    chosen: chosen?.snapshotId ?? null,
    layer: chosen?.layer ?? "none",
    reason: isStateLost ? `${reason}; the session's own cannot be used, its state is lost` : reason,
    ignored
  }
}

/** Snapshots of one session that nobody will miss. `inUse`: what a boot was given, or a sandbox stands on. */
export const discardable = (
  snapshots: ReadonlyArray<Candidate>,
  { inUse, keepMs, nowMs }: { readonly inUse: ReadonlySet<string>; readonly keepMs: number; readonly nowMs: number }
): ReadonlyArray<string> => {
  const isUsable = (snapshot: Candidate) => whyNot(snapshot, snapshot.provider, nowMs) === null
  const newest = new Set<string>()
  for (const provider of new Set(snapshots.map((snapshot) => snapshot.provider))) {
    const [first] = snapshots.filter((snapshot) => snapshot.provider === provider && isUsable(snapshot)).sort(newestFirst)
    if (first !== undefined) newest.add(first.snapshotId)
  }
  return snapshots
    .filter((snapshot) => !inUse.has(snapshot.snapshotId) && !newest.has(snapshot.snapshotId))
    .filter((snapshot) => !isUsable(snapshot) || snapshot.createdAtMs <= nowMs - keepMs)
    .map(({ snapshotId }) => snapshotId)
}
