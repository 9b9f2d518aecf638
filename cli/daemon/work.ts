/**
 * The work of a session, to be taken elsewhere: a git bundle from where a repository was cloned to what its files are now, with
 * what is not committed as one more commit on top. The repository itself is only read: index, objects and refs that this takes are
 * in a scratch repository beside it. The newest bundle is kept (at most 256 MB) and given away in pieces of 2 MB.
 */
import { createHash } from "node:crypto"
import { copyFile, mkdir, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { Context, Effect, Layer, Semaphore } from "effect"
import type { Gather, Work, WorkPiece } from "../../actors/ports/daemon.ts"
import { baseRef, files } from "./clone.ts"
import { git, tryGit } from "./git.ts"
import { copyIndex } from "./index-copy.ts"
import { Limits } from "./limits.ts"
import { Place } from "./place.ts"
import { badInput, cannot, type Refusal, unknown } from "./refusal.ts"

interface Kept {
  readonly workId: string
  readonly directory: string
  readonly file: string
  readonly bytes: number
}

export class Works extends Context.Service<
  Works,
  {
    readonly gather: (request: typeof Gather.Type) => Effect.Effect<typeof Work.Type, Refusal>
    readonly piece: (workId: string, offset: number) => Effect.Effect<typeof WorkPiece.Type, Refusal>
  }
>()("proliferate/cli/daemon/Works") {
  static readonly layer = Layer.effect(
    Works,
    Effect.gen(function* () {
      const limits = yield* Limits
      const { workspace } = yield* Place
      const oneAtATime = yield* Semaphore.make(1)
      let kept: Kept | null = null
      let count = 0

      const remove = (directory: string) => Effect.promise(() => rm(directory, { recursive: true, force: true }).catch(() => {}))
      yield* Effect.addFinalizer(() => (kept === null ? Effect.void : remove(kept.directory)))

      const gather = Effect.fnUntraced(function* ({ path }: typeof Gather.Type) {
        if (path.split("/").some((part) => part === ".." || part === "") || path.startsWith("-"))
          return yield* badInput(`${JSON.stringify(path)} is no path below the workspace`)
        const cwd = join(workspace, path)
        const directory = yield* files(() => mkdtemp(join(tmpdir(), "proliferate-work-")))
        const { file, ...made } = yield* bundleOf(cwd, path, directory).pipe(Effect.onError(() => remove(directory)))
        const content = yield* files(() => readFile(file))
        const bytes = content.length
        if (bytes > limits.workBytesMax) {
          yield* remove(directory)
          return yield* cannot(
            "work-too-large",
            `the work has ${Math.ceil(bytes / 1_048_576)} MB, more than the ${limits.workBytesMax / 1_048_576} MB that can be taken this way: push it instead`,
            true
          )
        }
        if (kept !== null) yield* remove(kept.directory)
        count += 1
        kept = { workId: `work_${process.pid}_${count}`, directory, file, bytes }
        return { ...made, workId: kept.workId, bytes, sha256: createHash("sha256").update(content).digest("hex") }
      })

      const piece = Effect.fnUntraced(function* (workId: string, offset: number) {
        if (kept === null || kept.workId !== workId)
          return yield* unknown("this work is not kept any more: someone asked for it anew; begin again")
        if (!Number.isSafeInteger(offset) || offset < 0 || offset >= kept.bytes)
          return yield* badInput(`offset must be 0 to ${kept.bytes - 1}`)
        const { file, bytes } = kept
        const length = Math.min(limits.workPieceBytes, bytes - offset)
        const data = yield* files(async () => {
          const handle = await open(file)
          try {
            return (await handle.read(Buffer.alloc(length), 0, length, offset)).buffer
          } finally {
            await handle.close()
          }
        })
        return { data: data.toString("base64"), next: offset + length < bytes ? offset + length : null }
      })

      return { gather: (request) => oneAtATime.withPermits(1)(gather(request)), piece }
    })
  )
}

/** Its own objects and refs, over those of the repository at `cwd`. */
const scratchOf = Effect.fnUntraced(function* (cwd: string, directory: string) {
  const repository = join(directory, "repository")
  const own = Effect.fnUntraced(function* (name: string) {
    return resolve(cwd, (yield* git(["rev-parse", "--git-path", name], { cwd })).trim())
  })
  const [objects, exclude, shallow] = [yield* own("objects"), yield* own("info/exclude"), yield* own("shallow")]
  const format = (yield* git(["rev-parse", "--show-object-format"], { cwd })).trim()
  yield* git(["init", "--quiet", "--template=", `--object-format=${format}`, repository], { cwd: directory })
  const gitDirectory = join(repository, ".git")
  yield* files(async () => {
    await mkdir(join(gitDirectory, "info"), { recursive: true })
    await writeFile(join(gitDirectory, "objects/info/alternates"), `${objects}\n`)
    for (const [from, to] of [
      [exclude, join(gitDirectory, "info/exclude")],
      [shallow, join(gitDirectory, "shallow")]
    ] as const)
      await copyFile(from, to).catch(() => {})
  })
  yield* copyIndex(cwd, join(directory, "index"))
  return { GIT_DIR: gitDirectory, GIT_WORK_TREE: cwd, GIT_INDEX_FILE: join(directory, "index") }
})

const bundleOf = Effect.fnUntraced(function* (cwd: string, path: string, directory: string) {
  const limits = yield* Limits
  const found = yield* tryGit(["rev-parse", "--verify", "--quiet", `${baseRef}^{commit}`], { cwd }).pipe(
    Effect.orElseSucceed(() => null)
  )
  if (found === null || found.exitCode !== 0)
    return yield* cannot("no-repository", `there is no repository of this session at ${path}`, true)
  const base = found.stdout.trim()
  const head = (yield* git(["rev-parse", "HEAD"], { cwd })).trim()
  const branch = (yield* git(["rev-parse", "--abbrev-ref", "HEAD"], { cwd })).trim()
  const person = yield* identityOf(cwd)

  const env = yield* scratchOf(cwd, directory)
  const options = { cwd, env, timeoutMs: limits.workMs }
  yield* git(["-c", "advice.addEmbeddedRepo=false", "add", "--all", "--", "."], options)
  const tree = (yield* git(["write-tree"], options)).trim()
  const isUncommitted = tree !== (yield* git(["rev-parse", `${head}^{tree}`], options)).trim()
  const commit = isUncommitted
    ? (yield* git([...person, "commit-tree", tree, "-p", head, "-m", uncommitted], options)).trim()
    : head
  if (commit === base)
    return yield* cannot("nothing-to-take", "the session has changed nothing yet: there is no commit and no changed file", true)
  yield* git(["update-ref", "refs/heads/work", commit], options)
  const commits = Number((yield* git(["rev-list", "--count", `${base}..${commit}`], options)).trim())
  const file = join(directory, "work.bundle")
  yield* git(["bundle", "create", "--quiet", file, `^${base}`, "refs/heads/work"], options)
  return { path, branch, base, head: commit, commits, uncommitted: isUncommitted, file }
})

/** Its first line says what it is to whoever reads the log of the branch. */
const uncommitted = "Work that was not committed yet"

const identityOf = Effect.fnUntraced(function* (cwd: string) {
  const name = (yield* tryGit(["config", "user.name"], { cwd })).stdout.trim() || "proliferate"
  const email = (yield* tryGit(["config", "user.email"], { cwd })).stdout.trim() || "agent@proliferate.invalid"
  return ["-c", `user.name=${name}`, "-c", `user.email=${email}`]
})
