import { createHash } from "node:crypto"
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { Work, WorkPiece } from "../../../actors/ports/daemon.ts"
import { ask } from "../../api.ts"
import { Failed, usage } from "../../failure.ts"
import { answer } from "../../output.ts"
import { commitOf, git, isAncestor, takeIn, tryGit, worktreeOf } from "../../pull/repository.ts"
import { pathOf, sessionId } from "./session.ts"

const workBytesMax = 256 * 1_048_576
const objectId = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/

const failed = (what: string, todo: string) => new Failed({ exit: "failure", what, todo })
const strange = () =>
  failed("the session describes its work in a way that cannot be", "Look at it with `proliferate sessions diff`.")

/** Every piece, in a file that is gone with the scope, and is what was announced. */
const download = Effect.fnUntraced(function* (id: string, { workId, bytes, sha256 }: typeof Work.Type) {
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "proliferate-pull-"))),
    (made) => Effect.sync(() => rmSync(made, { recursive: true, force: true }))
  )
  const file = join(directory, "work.bundle")
  writeFileSync(file, "")
  const hash = createHash("sha256")
  let received = 0
  for (let offset: number | null = 0; offset !== null; ) {
    const path: string = pathOf(id, `/work/${encodeURIComponent(workId)}?offset=${offset}`)
    const { value } = yield* ask("GET", path, WorkPiece)
    const piece = Buffer.from(value.data, "base64")
    received += piece.length
    if (received > bytes || piece.length === 0 || (value.next !== null && value.next !== received)) return yield* strange()
    hash.update(piece)
    appendFileSync(file, piece)
    offset = value.next
  }
  if (received !== bytes || hash.digest("hex") !== sha256) return yield* strange()
  return file
})

/**
 * Whether the branch may be moved to what the session has: it has nothing of its own, or nothing but what an earlier pull made of
 * files that were not committed then.
 */
const mayMove = Effect.fnUntraced(function* (root: string, { from, to, session }: { from: string; to: string; session: string }) {
  if (yield* isAncestor(root, from, to)) return true
  const notes = yield* tryGit(root, ["config", "--get", `proliferate.${session}.pulled`])
  return notes.out.trim() === from
})

export const pull = Command.make(
  "pull",
  {
    id: sessionId,
    branch: Flag.String("branch").pipe(
      Flag.withAlias("b"),
      Flag.withDescription("Name of the local branch; that of the session's own if not given"),
      Flag.optional
    ),
    dir: Flag.String("dir").pipe(Flag.withDescription("Your clone of the repository; here if not given"), Flag.withDefault(".")),
    repository: Flag.String("repository").pipe(
      Flag.withDescription("Where it lies in the session's workspace, if that holds several"),
      Flag.withDefault(".")
    )
  },
  Effect.fn("cli.sessions.pull")(function* ({ id, branch: wanted, dir, repository }) {
    const { code, out } = yield* tryGit(dir, ["rev-parse", "--show-toplevel"])
    if (code !== 0)
      return yield* usage(`${dir} is in no git repository`, "Go to your clone of the repository, or name it with --dir.")
    const root = out.trim()

    const { value: work } = yield* ask("POST", pathOf(id, "/work"), Work, { body: { path: repository } })
    const { base, head, bytes, commits, uncommitted } = work
    if (!objectId.test(base) || !objectId.test(head) || bytes < 1 || bytes > workBytesMax) return yield* strange()
    const branch = Option.getOrElse(wanted, () => work.branch)
    if ((yield* tryGit(root, ["check-ref-format", "--branch", branch])).code !== 0 || branch.startsWith("-") || branch === "HEAD")
      return yield* usage(`${JSON.stringify(branch)} is no name for a branch`, "Give one with --branch.")
    if ((yield* tryGit(root, ["cat-file", "-e", `${base}^{commit}`])).code !== 0)
      return yield* failed(
        `${root} does not hold ${base.slice(0, 12)}, the commit that the session began at`,
        "Run `git fetch`; if that does not help this is another repository: go to your clone, or name it with --dir."
      )

    const before = yield* commitOf(root, branch)
    const place = yield* worktreeOf(root, branch)
    if (place !== null && (yield* git(place, ["status", "--porcelain", "--untracked-files=no"])) !== "")
      return yield* failed(
        `${branch} is checked out in ${place}, and has changes that are not committed`,
        "Commit or stash them, or take the work to another branch with --branch."
      )
    yield* Effect.flatMap(download(id, work), (file) => takeIn(root, file, head, workBytesMax)).pipe(Effect.scoped)
    if (before !== null && !(yield* mayMove(root, { from: before, to: head, session: id })))
      return yield* failed(
        `${branch} has commits that the session does not have`,
        `Take the work to another branch: proliferate sessions pull ${id} --branch NAME`
      )

    if (place !== null) yield* git(place, ["reset", "--quiet", "--keep", head])
    else
      yield* git(root, [
        "update-ref",
        "-m",
        `proliferate: pulled from ${id}`,
        `refs/heads/${branch}`,
        head,
        before ?? "0".repeat(head.length)
      ])
    yield* git(root, ["config", `proliferate.${id}.pulled`, head])
    const said = `${commits} commit${commits === 1 ? "" : "s"}${uncommitted ? ", the newest of what was not committed yet" : ""}`
    yield* answer({ branch, head, base, commits, uncommitted, directory: root }, () =>
      place === null
        ? `${branch} has the work: ${said}.\n  git switch ${branch}`
        : `${branch}, checked out in ${place}, has the work: ${said}.`
    )
  })
).pipe(
  Command.withShortDescription("Bring a session's work to this machine as a branch"),
  Command.withDescription(
    "Takes what the session has changed, committed or not, and gives it a branch in your clone of the repository. Nothing is checked out, but where that very branch already is and has no changes of its own. What was in no commit comes as one commit on top, which the next pull replaces. The session must be running; of a paused one, resume it first, or fetch what it pushed."
  ),
  Command.withExamples([
    { command: "proliferate sessions pull ses_01 && git switch proliferate/1a2b3c4d", description: "In your clone" },
    { command: "proliferate sessions pull ses_01 --dir ~/src/web --branch try-it", description: "Elsewhere, by another name" }
  ])
)
