/** A session's work as a branch on a laptop: the daemon, its client and the command are the real ones, between them a server's routes. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, beforeAll, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { git, makeRepository } from "../daemon/git-server.ts"
import { type Client, sandboxId, startDaemon, temporary } from "../daemon/support.ts"
import { problem, startApiServer } from "../support/api-server.ts"
import { makeBundle, run } from "../support/command.ts"

beforeAll(makeBundle)

const session = "ses_1"

/** What the gateway does with the daemon, without the gateway. `spoil` stands for a sandbox that lies. */
const serve = (client: Client, spoil: (piece: Buffer) => Buffer = (piece) => piece) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const routes: Record<string, any> = {}
      const refusal = (error: any) => problem(409, "refused", error.message)
      routes[`POST /v1/sessions/${session}/work`] = async ({ body }: any) => {
        const exit = await Effect.runPromiseExit(client.gather(sandboxId, { path: body.path }))
        if (Exit.isFailure(exit)) return refusal((exit.cause.reasons[0] as any).error)
        const work = exit.value
        routes[`GET /v1/sessions/${session}/work/${work.workId}`] = async ({ path }: any) => {
          const offset = Number(new URL(path, "http://test").searchParams.get("offset"))
          const { data, next } = await Effect.runPromise(client.piece(sandboxId, work.workId, offset))
          return { status: 200, body: { data: spoil(Buffer.from(data, "base64")).toString("base64"), next } }
        }
        return { status: 200, body: work }
      }
      return startApiServer(routes)
    }),
    (server) => Effect.promise(() => server.close())
  )

const begun = Effect.gen(function* () {
  const root = yield* temporary
  const bare = makeRepository(root, "app", { "a.txt": "one\n", ".gitignore": "ignored\n" })
  const { client, workspace } = yield* startDaemon()
  yield* client.prepare(sandboxId, {
    boot: 1,
    repositories: [{ url: bare, branch: "main", path: "." }],
    workBranch: "proliferate/ses_1",
    author: { name: "Grace", email: "grace@example.com" },
    restored: false
  })
  const laptop = join(root, "laptop")
  git(root, "clone", "--quiet", bare, laptop)
  const { url } = yield* serve(client)
  const pull = (...args: ReadonlyArray<string>) =>
    Effect.promise(() =>
      run(["sessions", "pull", session, ...(args.includes("--dir") ? [] : ["--dir", laptop]), ...args], { PROLIFERATE_URL: url })
    )
  return { root, bare, client, workspace, laptop, pull }
})

it.live(
  "committed and uncommitted work become a branch, and nothing of either repository is touched beside it",
  () =>
    Effect.gen(function* () {
      const { workspace, laptop, pull } = yield* begun
      writeFileSync(join(workspace, "a.txt"), "two\n")
      git(workspace, "-c", "user.name=Grace", "commit", "--quiet", "-a", "-m", "two")
      writeFileSync(join(workspace, "new.txt"), "not committed\n")
      writeFileSync(join(workspace, "ignored"), "by git\n")
      const before = [git(workspace, "status", "--porcelain"), git(workspace, "for-each-ref"), git(workspace, "count-objects")]

      const { code, stdout, stderr } = yield* pull()
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.include(stdout, "proliferate/ses_1 has the work: 2 commits, the newest of what was not committed yet.")
      assert.strictEqual(git(laptop, "log", "--format=%an %s", "origin/main..proliferate/ses_1").split("\n")[1], "Grace two")
      assert.strictEqual(git(laptop, "show", "proliferate/ses_1:new.txt"), "not committed")
      assert.strictEqual(git(laptop, "log", "-1", "--format=%an <%ae>", "proliferate/ses_1"), "Grace <grace@example.com>")
      assert.notInclude(git(laptop, "ls-tree", "-r", "--name-only", "proliferate/ses_1"), "ignored\n")
      assert.deepStrictEqual([git(laptop, "status", "--porcelain"), git(laptop, "branch", "--show-current")], ["", "main"])
      const after = [git(workspace, "status", "--porcelain"), git(workspace, "for-each-ref"), git(workspace, "count-objects")]
      assert.deepStrictEqual(after, before)

      // What was not committed then is replaced by what is now.
      writeFileSync(join(workspace, "new.txt"), "changed\n")
      assert.strictEqual((yield* pull()).code, 0)
      assert.strictEqual(git(laptop, "show", "proliferate/ses_1:new.txt"), "changed")
      assert.strictEqual(git(laptop, "rev-list", "--count", "origin/main..proliferate/ses_1"), "2")
    }),
  60_000
)

it.live(
  "a branch that is checked out follows if it is clean, and one with work of its own is left alone",
  () =>
    Effect.gen(function* () {
      const { workspace, laptop, pull } = yield* begun
      writeFileSync(join(workspace, "a.txt"), "two\n")
      mkdirSync(join(laptop, ".git/hooks"), { recursive: true })
      writeFileSync(join(laptop, ".git/hooks/post-checkout"), "#!/bin/sh\ntouch ran\n", { mode: 0o755 })
      git(laptop, "-c", "core.hooksPath=/dev/null", "switch", "--quiet", "-c", "mine")
      writeFileSync(join(laptop, "a.txt"), "my own\n")
      const dirty = yield* pull("--branch", "mine")
      assert.deepStrictEqual([dirty.code, dirty.stderr.includes("has changes that are not committed")], [1, true], dirty.stderr)
      git(laptop, "-c", "core.hooksPath=/dev/null", "checkout", "--quiet", "--", "a.txt")
      const followed = yield* pull("--branch", "mine")
      assert.strictEqual(followed.code, 0, followed.stderr)
      assert.strictEqual(readFileSync(join(laptop, "a.txt"), "utf8"), "two\n")
      assert.isFalse(existsSync(join(laptop, "ran")))

      writeFileSync(join(laptop, "b.txt"), "mine\n")
      git(laptop, "add", "--all")
      git(laptop, "commit", "--quiet", "-m", "mine")
      writeFileSync(join(workspace, "a.txt"), "three\n")
      const own = git(laptop, "rev-parse", "mine")
      const diverged = yield* pull("--branch", "mine")
      assert.deepStrictEqual([diverged.code, diverged.stderr.includes("has commits that the session does not have")], [1, true])
      assert.strictEqual(git(laptop, "rev-parse", "mine"), own)
    }),
  60_000
)

it.live(
  "says what is wrong: nothing changed, no repository, another repository, a name that is none",
  () =>
    Effect.gen(function* () {
      const { root, workspace, laptop, pull } = yield* begun
      const hears = Effect.fnUntraced(function* (args: ReadonlyArray<string>, exit: number, words: string) {
        const { code, stderr } = yield* pull(...args)
        assert.strictEqual(code, exit, stderr)
        assert.include(stderr, words)
      })
      yield* hears([], 3, "the session has changed nothing yet")
      writeFileSync(join(workspace, "a.txt"), "two\n")
      yield* hears(["--repository", "elsewhere"], 3, "there is no repository of this session at elsewhere")
      yield* hears(["--repository", "../.."], 3, "no path below the workspace")
      yield* hears(["--dir", root], 2, "is in no git repository")
      const other = join(root, "other")
      git(root, "init", "--quiet", other)
      yield* hears(["--dir", other], 1, "the commit that the session began at")
      yield* hears(["--branch=-x"], 2, "is no name for a branch")
      assert.strictEqual(git(laptop, "for-each-ref", "--format=%(refname)", "refs/heads"), "refs/heads/main")
    }),
  60_000
)

it.live(
  "takes nothing from a sandbox that lies: other bytes, or objects that git would not check out safely",
  () =>
    Effect.gen(function* () {
      const { client, workspace, laptop, root } = yield* begun
      writeFileSync(join(workspace, "a.txt"), "two\n")
      const spoilt = yield* serve(client, (piece) => Buffer.concat([piece.subarray(0, -1), Buffer.from([piece.at(-1)! ^ 1])]))
      const ask = (url: string) =>
        Effect.promise(() => run(["sessions", "pull", session, "--dir", laptop], { PROLIFERATE_URL: url }))
      const lied = yield* ask(spoilt.url)
      assert.deepStrictEqual([lied.code, lied.stderr.includes("in a way that cannot be")], [1, true])

      // A tree with an entry named `.git`, which git itself refuses to make.
      const scope = yield* Scope.make()
      const evil = join(root, "evil.txt")
      writeFileSync(evil, "[core]\n\tfsmonitor = touch pwned\n")
      const blob = git(workspace, "hash-object", "-w", evil)
      writeFileSync(join(root, "tree"), Buffer.concat([Buffer.from("100644 .git\0"), Buffer.from(blob, "hex")]))
      const tree = git(workspace, "hash-object", "-t", "tree", "--literally", "-w", join(root, "tree"))
      const commit = git(workspace, "commit-tree", tree, "-p", "HEAD", "-m", "evil")
      git(workspace, "update-ref", "refs/heads/proliferate/ses_1", commit)
      const hostile = yield* Scope.provide(serve(client), scope)
      const refused = yield* ask(hostile.url)
      assert.notStrictEqual(refused.code, 0)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(git(laptop, "for-each-ref", "--format=%(refname)", "refs/heads"), "refs/heads/main")
      assert.include(refused.stderr, "not sound")
    }),
  60_000
)
