/**
 * The repositories of a session on the disk of its sandbox. What is there is kept, whoever left it there; what is missing is cloned.
 * One request works at a time; the same boot gets the same answer; an older boot is refused.
 */
import { access, mkdir, readdir } from "node:fs/promises"
import { join } from "node:path"
import { Context, Effect, Layer, Semaphore } from "effect"
import type { Repository, Workspace, WorkspaceReady } from "../../actors/ports/daemon.ts"
import { Brief, briefFolder } from "./brief.ts"
import { clone, files, identify } from "./clone.ts"
import { Events } from "./events.ts"
import { excludeOurs } from "./exclude.ts"
import { git, tryGit } from "./git.ts"
import { Place } from "./place.ts"
import { badInput, type Refusal, stale } from "./refusal.ts"

export class Workspaces extends Context.Service<
  Workspaces,
  { readonly prepare: (request: typeof Workspace.Type) => Effect.Effect<typeof WorkspaceReady.Type, Refusal> }
>()("proliferate/cli/daemon/Workspaces") {
  static readonly layer = Layer.effect(
    Workspaces,
    Effect.gen(function* () {
      const events = yield* Events
      const { workspace } = yield* Place
      const brief = yield* Brief
      const oneAtATime = yield* Semaphore.make(1)
      let newest = Number.NEGATIVE_INFINITY
      let answered: { readonly boot: number; readonly ready: typeof WorkspaceReady.Type } | null = null

      const prepareOne = Effect.fnUntraced(function* (repository: typeof Repository.Type, request: typeof Workspace.Type) {
        const { path } = repository
        const target = join(workspace, path)
        yield* files(() => mkdir(target, { recursive: true }))
        if (yield* exists(join(target, ".git"))) {
          yield* identify(target, request.author)
          return { path, head: yield* headOf(target), outcome: "kept" as const }
        }
        // Whatever was captured is the session's, even without a repository in it.
        const found = yield* files(() => readdir(target))
        if (request.restored && found.some((name) => name !== ".proliferate-clone" && name !== briefFolder))
          return { path, head: "", outcome: "kept" as const }
        const head = yield* clone(target, repository, request, (step, message) =>
          events.append("workspace", null, { path, step, message })
        )
        return { path, head, outcome: "cloned" as const }
      })

      const prepare = Effect.fnUntraced(function* (request: typeof Workspace.Type) {
        yield* check(request)
        newest = Math.max(newest, request.boot)
        return yield* oneAtATime.withPermits(1)(
          Effect.gen(function* () {
            if (request.boot < newest) return yield* stale(`boot ${newest} is current`)
            if (answered?.boot === request.boot) return answered.ready
            const ready = {
              repositories: yield* Effect.forEach(request.repositories, (repository) => prepareOne(repository, request))
            }
            if (request.repositories.some(({ path }) => path === ".")) yield* excludeOurs(workspace)
            yield* brief.refreshed
            answered = { boot: request.boot, ready }
            return ready
          })
        )
      })
      return { prepare }
    })
  )
}

const exists = (path: string) =>
  Effect.promise(() =>
    access(path).then(
      () => true,
      () => false
    )
  )

const headOf = Effect.fnUntraced(function* (cwd: string) {
  const { exitCode, stdout } = yield* tryGit(["rev-parse", "--verify", "--quiet", "HEAD"], { cwd })
  return exitCode === 0 ? stdout.trim() : ""
})

const check = Effect.fnUntraced(function* ({ repositories, workBranch }: typeof Workspace.Type) {
  const paths = repositories.map(({ path }) => path)
  for (const path of paths) {
    const isPlain = path === "." || path.split("/").every((part) => /^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(part))
    if (!isPlain)
      return yield* badInput(`${JSON.stringify(path)} is no path below the workspace: use names of letters, digits, . _ - and /`)
    const inside = paths.find((other) => other !== path && (path === "." || other.startsWith(`${path}/`)))
    if (inside !== undefined) return yield* badInput(`the repository at ${inside} would lie inside the one at ${path}`)
  }
  if (new Set(paths).size < paths.length) return yield* badInput("two repositories have the same path")
  yield* git(["check-ref-format", "--branch", workBranch], { cwd: "/" }, () =>
    badInput(`${JSON.stringify(workBranch)} is no name for a branch`)
  )
})
