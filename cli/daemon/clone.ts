/**
 * One repository, cloned into its place: whole or not at all. It is made in `.proliferate-clone` beside its files, and appears by
 * the rename of its `.git`; what an interrupted clone left is begun again. The commit it starts from is kept as
 * `refs/proliferate/base`, against which `diff.ts` shows the work.
 */
import { mkdir, rename, rm } from "node:fs/promises"
import { join } from "node:path"
import { Effect } from "effect"
import type { Repository, Workspace } from "../../actors/ports/daemon.ts"
import { git, lastLine } from "./git.ts"
import { Limits } from "./limits.ts"
import { cannot, type Refusal } from "./refusal.ts"
import type { Ran } from "./run.ts"
import { withoutPasswords } from "./text.ts"

export const baseRef = "refs/proliferate/base"

export type Progress = (step: "asking" | "fetching" | "checking out" | "ready", message: string) => void

export const clone = Effect.fnUntraced(function* (
  target: string,
  { url, branch }: typeof Repository.Type,
  { workBranch, author }: Pick<typeof Workspace.Type, "workBranch" | "author">,
  progress: Progress
) {
  const limits = yield* Limits
  const half = join(target, ".proliferate-clone")
  yield* files(async () => {
    await rm(half, { recursive: true, force: true })
    await mkdir(half, { recursive: true })
  })

  progress("asking", `asking ${withoutPasswords(url)}`)
  const heads = yield* remoteHeads(half, url)
  if (heads.length === 0) {
    return yield* cannot("repository-empty", `the repository ${withoutPasswords(url)} has no commit yet: push a first one`, true)
  }
  if (!heads.includes(branch)) {
    const some = heads.slice(0, 10).join(", ")
    return yield* cannot(
      "branch-missing",
      `the repository ${withoutPasswords(url)} has no branch ${branch}; it has ${some}`,
      true
    )
  }

  yield* git(["init", "--quiet", "--template=", "."], { cwd: half })
  yield* git(["remote", "add", "origin", url], { cwd: half })
  yield* git(
    ["fetch", "--progress", "origin", "+refs/heads/*:refs/remotes/origin/*"],
    { cwd: half, timeoutMs: limits.fetchMs, onStderr: fetchProgress(progress, limits.progressMs) },
    remoteFailure(url)
  )

  // Work that was pushed before goes on from there.
  const start = `refs/remotes/origin/${heads.includes(workBranch) ? workBranch : branch}`
  const base = yield* git(["merge-base", start, `refs/remotes/origin/${branch}`], { cwd: half }).pipe(
    Effect.catch(() => git(["rev-parse", start], { cwd: half }))
  )
  progress("checking out", `checking out ${workBranch}`)
  const env = { GIT_DIR: join(half, ".git"), GIT_WORK_TREE: target }
  yield* git(["checkout", "--quiet", "--force", "--no-track", "-B", workBranch, start], {
    cwd: target,
    env,
    timeoutMs: limits.fetchMs
  })
  yield* git(["update-ref", baseRef, base.trim()], { cwd: half })
  yield* git(["config", `branch.${workBranch}.remote`, "origin"], { cwd: half })
  yield* git(["config", `branch.${workBranch}.merge`, `refs/heads/${workBranch}`], { cwd: half })
  yield* identify(half, author)

  yield* files(async () => {
    await rename(join(half, ".git"), join(target, ".git"))
    await rm(half, { recursive: true, force: true })
  })
  const head = (yield* git(["rev-parse", "HEAD"], { cwd: target })).trim()
  progress("ready", `${workBranch} at ${head.slice(0, 12)}`)
  return head
})

export const identify = Effect.fnUntraced(function* (cwd: string, { name, email }: (typeof Workspace.Type)["author"]) {
  yield* git(["config", "user.name", name], { cwd })
  yield* git(["config", "user.email", email], { cwd })
})

const remoteHeads = Effect.fnUntraced(function* (cwd: string, url: string) {
  const listed = yield* git(["ls-remote", "--heads", "--", url], { cwd, outputBytesMax: 8 * 1_048_576 }, remoteFailure(url))
  return listed.split("\n").flatMap((line) => /\trefs\/heads\/(.+)$/.exec(line)?.[1] ?? [])
})

/** Git says why in words alone; these are stable, in English (LC_ALL=C). */
const remoteFailure =
  (url: string) =>
  ({ exitCode, stderr }: Ran): Refusal | null => {
    const place = withoutPasswords(url)
    const said = lastLine(stderr)
    if (/could not read (Username|Password)|Authentication failed|Permission denied \(publickey/i.test(stderr)) {
      const cure = "connect its host, or register it with a credential"
      return cannot("repository-password", `the repository ${place} needs a password that was not given: ${cure}`, true)
    }
    if (/error: 403|access denied|forbidden/i.test(stderr)) {
      return cannot("repository-forbidden", `the repository ${place} may not be read with the credential it has (403)`, true)
    }
    if (/not found|does not appear to be a git repository|does not exist|error: 404/i.test(stderr)) {
      return cannot("repository-missing", `there is no repository at ${place}: check its address (${said})`, true)
    }
    if (exitCode === 124) return cannot("repository-unreachable", `the repository ${place} did not answer in time`)
    return cannot("repository-unreachable", `the repository ${place} cannot be fetched: ${said}`)
  }

/** Git's own progress, at most twice a second. */
const fetchProgress = (progress: Progress, everyMs: number) => {
  let toldAt = -everyMs
  return (text: string) => {
    const line = text
      .split(/[\r\n]+/)
      .filter((part) => part.trim() !== "")
      .at(-1)
    const now = performance.now()
    if (line === undefined || now - toldAt < everyMs) return
    toldAt = now
    progress("fetching", withoutPasswords(line.trim()).slice(0, 200))
  }
}

/** Work on files whose failure is the disk's. */
export const files = <A>(work: () => Promise<A>): Effect.Effect<A, Refusal> =>
  Effect.tryPromise({
    try: work,
    catch: (error) => {
      const { code, message } = error as NodeJS.ErrnoException
      const isFull = code === "ENOSPC" || code === "EDQUOT"
      return isFull
        ? cannot("disk-full", "the disk of the sandbox is full")
        : cannot("disk-failed", `the workspace cannot be written: ${message}`)
    }
  })
