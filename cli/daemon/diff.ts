/**
 * The work so far: each repository against the commit it was cloned at, uncommitted and untracked files included. Reads alone: the
 * repository's own index is not touched.
 */
import { mkdtemp, readdir, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import type { Diff } from "../../actors/ports/daemon.ts"
import { baseRef, files } from "./clone.ts"
import { git, tryGit } from "./git.ts"
import { copyIndex } from "./index-copy.ts"
import { Limits } from "./limits.ts"
import { Place } from "./place.ts"
import { clean } from "./text.ts"

type RepositoryDiff = (typeof Diff.Type)["repositories"][number]

const depthMax = 4
const plain = ["--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--ignore-submodules=dirty"]

export const diff = Effect.gen(function* () {
  const { workspace } = yield* Place
  const paths = yield* files(() => repositoriesBelow(workspace, ".", depthMax))
  const repositories: Array<RepositoryDiff> = []
  for (const path of paths) {
    const cwd = join(workspace, path)
    const { exitCode, stdout } = yield* tryGit(["rev-parse", "--verify", "--quiet", `${baseRef}^{commit}`], { cwd })
    // Without it, it is none of ours: something that the agent cloned.
    if (exitCode === 0) repositories.push(yield* diffOf(path, cwd, stdout.trim()))
  }
  return { repositories } satisfies typeof Diff.Type
})

const diffOf = Effect.fnUntraced(function* (path: string, cwd: string, base: string) {
  const limits = yield* Limits
  const scratch = yield* Effect.acquireRelease(
    files(() => mkdtemp(join(tmpdir(), "proliferate-diff-"))),
    (directory) => Effect.promise(() => rm(directory, { recursive: true, force: true }).catch(() => {}))
  )
  const index = join(scratch, "index")
  yield* copyIndex(cwd, index)
  const env = { GIT_INDEX_FILE: index }
  // Named in the index but empty there, a new file differs by all of its lines, and none of them was stored.
  yield* git(["add", "--intent-to-add", "--", "."], { cwd, env })
  const counted = yield* git(["diff", "--numstat", "-z", ...plain, base, "--"], {
    cwd,
    env,
    outputBytesMax: 4 * limits.patchBytesMax
  })
  const patch = yield* tryGit(["diff", ...plain, base, "--"], { cwd, env, outputBytesMax: limits.patchBytesMax })
  const branch = (yield* git(["rev-parse", "--abbrev-ref", "HEAD"], { cwd })).trim()
  const head = (yield* git(["rev-parse", "HEAD"], { cwd })).trim()
  const changed = counted.split("\0").flatMap(fileOf)
  return {
    path,
    branch,
    base,
    head,
    files: changed.slice(0, limits.diffFilesMax),
    patch: clean(patch.stdout),
    truncated: patch.truncated || patch.exitCode !== 0 || changed.length > limits.diffFilesMax
  } satisfies RepositoryDiff
}, Effect.scoped)

/** `added<TAB>removed<TAB>path`, with `-` for what has no lines. */
const fileOf = (line: string) => {
  const [, added, removed, path] = /^(\d+|-)\t(\d+|-)\t(.+)$/s.exec(line) ?? []
  return path === undefined ? [] : [{ path: clean(path), added: Number(added) || 0, removed: Number(removed) || 0 }]
}

const repositoriesBelow = async (root: string, path: string, depth: number): Promise<Array<string>> => {
  const entries = await readdir(join(root, path), { withFileTypes: true })
  if (entries.some(({ name }) => name === ".git")) return [path]
  if (depth === 0) return []
  const below = entries.filter((entry) => entry.isDirectory() && entry.name !== "node_modules" && !entry.name.startsWith("."))
  const found = await Promise.all(
    below.slice(0, 200).map(({ name }) => repositoriesBelow(root, path === "." ? name : `${path}/${name}`, depth - 1))
  )
  return found.flat()
}
