/** Repositories are cloned once, kept when they are there, and refused with what to do when they cannot be had. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { git, gitServer, makeRepository } from "./git-server.ts"
import { listen, sandboxId, startDaemon, temporary } from "./support.ts"

const workspaceOf = (
  repositories: ReadonlyArray<{ url: string; branch?: string; path?: string }>,
  boot = 1,
  restored = false
) => ({
  boot,
  repositories: repositories.map(({ url, branch = "main", path = "." }) => ({ url, branch, path })),
  workBranch: "proliferate/ses_1",
  author: { name: "Grace", email: "grace@example.com" },
  restored
})

it.live("a repository is cloned over HTTP onto its work branch, with an author, and work is pushed back", () =>
  Effect.gen(function* () {
    const { client, workspace } = yield* startDaemon()
    const ear = yield* listen(client)
    const root = yield* temporary
    const bare = makeRepository(root, "app", { "a.txt": "one\n", "lib/b.txt": "b\n" })
    const { url } = yield* gitServer(root)
    const ready = yield* client.prepare(sandboxId, workspaceOf([{ url: `${url}/app.git` }]))
    const head = git(bare, "rev-parse", "main")
    assert.deepStrictEqual(ready.repositories, [{ path: ".", head, outcome: "cloned" }])
    assert.strictEqual(git(workspace, "rev-parse", "--abbrev-ref", "HEAD"), "proliferate/ses_1")
    assert.strictEqual(git(workspace, "status", "--porcelain"), "")
    yield* ear.until("the end of the clone", ({ body }) => body["step"] === "ready")
    assert.deepStrictEqual(
      ear
        .of("workspace")
        .map(({ body }) => body["step"])
        .filter((step) => step !== "fetching"),
      ["asking", "checking out", "ready"]
    )

    writeFileSync(join(workspace, "a.txt"), "two\n")
    const push = "git commit -q -a -m two && git push -q origin HEAD && git log -1 --format='%an <%ae>'"
    const pushed = yield* client.exec(sandboxId, { argv: ["sh", "-c", push], timeoutMs: 20_000 })
    assert.deepInclude(pushed, { exitCode: 0, stdout: "Grace <grace@example.com>\n" })
    assert.strictEqual(git(bare, "show", "proliferate/ses_1:a.txt"), "two")

    // The same boot has its answer; another finds what is there, and loses nothing of it.
    writeFileSync(join(workspace, "new.txt"), "not committed")
    assert.deepStrictEqual(yield* client.prepare(sandboxId, workspaceOf([{ url: `${url}/app.git` }])), ready)
    const again = yield* client.prepare(sandboxId, workspaceOf([{ url: `${url}/app.git` }], 2, true))
    assert.deepStrictEqual(
      again.repositories.map(({ outcome }) => outcome),
      ["kept"]
    )
    assert.strictEqual(again.repositories[0]!.head, git(workspace, "rev-parse", "HEAD"))
    assert.strictEqual(readFileSync(join(workspace, "new.txt"), "utf8"), "not committed")
    const stale = yield* Effect.flip(client.prepare(sandboxId, workspaceOf([{ url: `${url}/app.git` }], 1)))
    assert.strictEqual(stale.reason, "stale")
  })
)

it.live("several repositories lie side by side, and a work branch that was pushed before goes on", () =>
  Effect.gen(function* () {
    const { client, workspace } = yield* startDaemon()
    const root = yield* temporary
    const web = makeRepository(root, "web", { "w.txt": "w\n" })
    makeRepository(root, "api", { "a.txt": "a\n" })
    git(join(root, "web.work"), "checkout", "-q", "-b", "proliferate/ses_1")
    writeFileSync(join(root, "web.work/w.txt"), "earlier work\n")
    git(join(root, "web.work"), "commit", "-q", "-a", "-m", "earlier work")
    git(join(root, "web.work"), "push", "-q", web, "proliferate/ses_1")

    const repositories = [
      { url: web, path: "web" },
      { url: join(root, "api.git"), path: "team/api" }
    ]
    yield* client.prepare(sandboxId, workspaceOf(repositories))
    assert.strictEqual(readFileSync(join(workspace, "web/w.txt"), "utf8"), "earlier work\n")
    assert.strictEqual(readFileSync(join(workspace, "team/api/a.txt"), "utf8"), "a\n")
    // The earlier work is work of the session, too.
    const { repositories: diffs } = yield* client.diff(sandboxId)
    assert.deepStrictEqual(
      diffs.map(({ path, files }) => [path, files]),
      [
        ["team/api", []],
        ["web", [{ path: "w.txt", added: 1, removed: 1 }]]
      ]
    )
  })
)

it.live("a clone that was interrupted is begun again, whatever it left", () =>
  Effect.gen(function* () {
    const { client, workspace } = yield* startDaemon()
    const root = yield* temporary
    const bare = makeRepository(root, "app", { "a.txt": "whole\n" })
    mkdirSync(join(workspace, ".proliferate-clone/.git"), { recursive: true })
    writeFileSync(join(workspace, ".proliferate-clone/.git/index.lock"), "")
    writeFileSync(join(workspace, "a.txt"), "half")
    const ready = yield* client.prepare(sandboxId, workspaceOf([{ url: bare }]))
    assert.strictEqual(ready.repositories[0]!.outcome, "cloned")
    assert.strictEqual(readFileSync(join(workspace, "a.txt"), "utf8"), "whole\n")
    assert.isFalse(existsSync(join(workspace, ".proliferate-clone")))
    assert.strictEqual(git(workspace, "status", "--porcelain"), "")
  })
)

it.live("a restored disk keeps what is on it, even without a repository", () =>
  Effect.gen(function* () {
    const { client, workspace } = yield* startDaemon()
    const root = yield* temporary
    const bare = makeRepository(root, "app", { "a.txt": "a\n" })
    writeFileSync(join(workspace, "mine.txt"), "mine")
    const ready = yield* client.prepare(sandboxId, workspaceOf([{ url: bare }], 1, true))
    assert.deepStrictEqual(ready.repositories, [{ path: ".", head: "", outcome: "kept" }])
    rmSync(join(workspace, "mine.txt"))
    const cloned = yield* client.prepare(sandboxId, workspaceOf([{ url: bare }], 2, true))
    assert.strictEqual(cloned.repositories[0]!.outcome, "cloned")
  })
)

it.live(
  "a repository that cannot be had is refused with the reason, finally where trying again cannot help",
  () =>
    Effect.gen(function* () {
      const { client, workspace } = yield* startDaemon({ limits: { gitMs: 3_000 } })
      const root = yield* temporary
      makeRepository(root, "app", { "a.txt": "a\n" })
      makeRepository(root, "empty", {})
      const { url } = yield* gitServer(root)
      const refused = (repository: { url: string; branch?: string; path?: string }) =>
        Effect.flip(client.prepare(sandboxId, workspaceOf([repository])))
      const cases: ReadonlyArray<readonly [{ url: string; branch?: string; path?: string }, boolean, RegExp]> = [
        [{ url: `${url}/none.git` }, true, /there is no repository at .*none.git/],
        [{ url: "/nowhere/at/all.git" }, true, /there is no repository at/],
        [{ url: `${url}/locked/app.git` }, true, /needs a password/],
        [{ url: `${url.replace("//", "//user:secret@")}/forbidden/app.git` }, true, /may not be read/],
        [{ url: `${url}/empty.git` }, true, /has no commit yet: push a first one/],
        [{ url: `${url}/app.git`, branch: "develop" }, true, /has no branch develop; it has main/],
        [{ url: "http://127.0.0.1:9/app.git" }, false, /cannot be fetched: .*(connect|refused)/i],
        [{ url: `${url}/slow/app.git` }, false, /did not answer in time/],
        [{ url: "ext::sh -c 'touch /tmp/pwned'" }, false, /not allowed/],
        [{ url: `${url}/app.git`, path: "../outside" }, true, /no path below the workspace/],
        [{ url: `${url}/app.git`, path: "/etc" }, true, /no path below the workspace/],
        [{ url: `${url}/app.git`, path: ".git" }, true, /no path below the workspace/]
      ]
      for (const [repository, final, message] of cases) {
        const error = yield* refused(repository)
        assert.match(error.message, message)
        assert.deepInclude(error, { reason: "refused", final }, repository.url)
        assert.notInclude(error.message, "secret")
      }
      const twice = yield* Effect.flip(
        client.prepare(
          sandboxId,
          workspaceOf([
            { url, path: "a" },
            { url, path: "a/b" }
          ])
        )
      )
      assert.match(twice.message, /would lie inside/)
      const branch = { ...workspaceOf([{ url }]), workBranch: "no..good" }
      assert.match((yield* Effect.flip(client.prepare(sandboxId, branch))).message, /no name for a branch/)

      // None of it was in the way of what is right.
      assert.isFalse(existsSync(join(workspace, ".git")))
      yield* client.prepare(sandboxId, workspaceOf([{ url: `${url}/app.git` }]))
    }),
  60_000
)

it.live("the diff shows committed, changed, new and deleted files against the clone, and touches nothing", () =>
  Effect.gen(function* () {
    const { client, workspace } = yield* startDaemon()
    const root = yield* temporary
    const bare = makeRepository(root, "app", { "a.txt": "one\n", "gone.txt": "bye\n", "c.txt": "c\n", ".gitignore": "ignored\n" })
    const { repositories } = yield* client.prepare(sandboxId, workspaceOf([{ url: bare }]))
    const base = repositories[0]!.head
    writeFileSync(join(workspace, "c.txt"), "c\nd\n")
    git(workspace, "commit", "-q", "-a", "-m", "work")
    writeFileSync(join(workspace, "a.txt"), "two\n")
    writeFileSync(join(workspace, "new äé.txt"), "1\n2\n")
    writeFileSync(join(workspace, "image.bin"), Buffer.from([0, 1, 2, 0]))
    writeFileSync(join(workspace, "ignored"), "x")
    rmSync(join(workspace, "gone.txt"))
    // A repository of the agent's own making does not get its programs run.
    git(workspace, "config", "diff.external", "touch pwned")
    git(workspace, "config", "core.fsmonitor", "touch pwned")
    const status = git(workspace, "-c", "core.fsmonitor=false", "status", "--porcelain")

    const {
      repositories: [diff]
    } = yield* client.diff(sandboxId)
    assert.deepInclude(diff!, { path: ".", base, branch: "proliferate/ses_1", truncated: false })
    assert.strictEqual(diff!.head, git(workspace, "rev-parse", "HEAD"))
    assert.deepStrictEqual(diff!.files, [
      { path: "a.txt", added: 1, removed: 1 },
      { path: "c.txt", added: 1, removed: 0 },
      { path: "gone.txt", added: 0, removed: 1 },
      { path: "image.bin", added: 0, removed: 0 },
      { path: "new äé.txt", added: 2, removed: 0 }
    ])
    assert.match(diff!.patch, /^-one\n\+two$/m)
    assert.match(diff!.patch, /^\+1\n\+2$/m)
    assert.isFalse(existsSync(join(workspace, "pwned")))
    assert.strictEqual(git(workspace, "-c", "core.fsmonitor=false", "status", "--porcelain"), status)

    writeFileSync(join(workspace, "huge.txt"), "0123456789\n".repeat(100_000))
    const {
      repositories: [huge]
    } = yield* client.diff(sandboxId)
    assert.isTrue(huge!.truncated)
    assert.isAtMost(Buffer.byteLength(huge!.patch), 524_288)
  })
)
