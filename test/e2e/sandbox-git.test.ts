/** Git from inside a sandbox, over its proxy socket: the whole way, with real git on both ends. */
import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { chownSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { afterAll, beforeAll, it } from "vitest"
import type { GitSource } from "../../actors/ports/proxy.ts"
import { type LockedGit, lockedGit } from "../support/locked-git.ts"
import { withSandbox } from "../support/sandbox-suite.ts"

const MiB = 1024 * 1024
const root = mkdtempSync(join(tmpdir(), "proliferate-git-"))
const password = `Basic ${Buffer.from("ada:swordfish-71").toString("base64")}`
let host: LockedGit

const git = (cwd: string, ...args: ReadonlyArray<string>) =>
  execFileSync("git", ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", ...args], {
    cwd,
    encoding: "utf8",
    stdio: "pipe"
  }).trim()

const makeRepository = (name: string) => {
  const [bare, work] = [join(root, `${name}.git`), join(root, `${name}.work`)]
  git(root, "init", "-q", "--bare", "-b", "main", bare)
  git(root, "init", "-q", "-b", "main", work)
  writeFileSync(join(work, "hello"), `${name}\n`)
  git(work, "add", "hello")
  git(work, "commit", "-q", "-m", "first")
  git(work, "push", "-q", bare, "main")
  return bare
}

const sources = (): Record<string, GitSource> => ({
  rep_local: { path: join(root, "local.git") },
  rep_theirs: { path: join(root, "theirs.git") },
  rep_work: { path: join(root, "local.work") },
  rep_lost: { path: join(root, "lost.git") },
  rep_locked: { url: `${host.url}/locked.git`, authorization: password },
  rep_closed: { url: `${host.url}/locked.git`, authorization: null },
  rep_wrong: { url: `${host.url}/locked.git`, authorization: "Basic d3Jvbmc6d3Jvbmc=" },
  rep_moved: { url: `${host.url}/moved/repo.git`, authorization: password },
  rep_down: { url: "http://127.0.0.1:1/repo.git", authorization: null }
})

beforeAll(async () => {
  for (const name of ["local", "theirs", "locked"]) makeRepository(name)
  host = await lockedGit(root, password)
})
afterAll(() => {
  host.server.close()
  rmSync(root, { recursive: true, force: true })
})

const asked = {
  git: (_: unknown, repositoryId: string) => sources()[repositoryId] ?? null,
  api: (
    sandbox: { readonly sessionId: string },
    request: { readonly method: string; readonly path: string; readonly body: Uint8Array }
  ) => `${sandbox.sessionId} ${request.method} ${request.path} ${Buffer.from(request.body)}`
}

withSandbox("git inside", { fileBytesMax: 64 * MiB }, asked, ({ inside, sandboxId, sandboxes, dataDir }) => {
  const at = (id: string) => `http://127.0.0.1:3128/git/${id}`
  const identity =
    "git config --global user.name Agent; git config --global user.email agent@example.com; export GIT_TERMINAL_PROMPT=0"
  const work = (id: string, branch: string) =>
    `${identity}; rm -rf repo; git clone -q ${at(id)} repo && cd repo && git checkout -qb ${branch} && echo more >> hello && git commit -qam more && git push -q origin ${branch} && git rev-parse HEAD`

  it("clones, commits and pushes a repository of the host", async () => {
    const branch = `work-${sandboxId()}`
    const { code, text } = await inside(work("rep_local", branch))
    assert.equal(code, 0, text)
    assert.equal(git(join(root, "local.git"), "rev-parse", branch), text)
    assert.equal(git(join(root, "local.git"), "show", `${branch}:hello`), "local\nmore")
  })

  it("pushes more than fits into one buffer, and clones it again as it was", async () => {
    const big =
      "head -c 5000000 /dev/urandom > big && git add big && git commit -qm big && git push -q origin HEAD:big-$RANDOM && sha256sum < big"
    const { code, text } = await inside(`${work("rep_local", `big-${sandboxId()}`)} >/dev/null && ${big}`)
    assert.equal(code, 0, text)
    const branch = (await inside("cd repo && git branch -r --contains HEAD | grep -o 'big-[0-9]*$'")).text
    const again = await inside(
      `rm -rf again; git clone -q --depth 1 -b ${branch} ${at("rep_local")} again && sha256sum < again/big; rm -rf repo again`
    )
    assert.equal(again.text, text)
  })

  it.skipIf(process.getuid!() !== 0)("pushes to a repository of another user as that user", async () => {
    const bare = join(root, "theirs.git")
    const own = (path: string) => {
      chownSync(path, 4_321, 4_321)
      if (statSync(path).isDirectory()) for (const name of readdirSync(path)) own(join(path, name))
    }
    chownSync(root, 4_321, 4_321)
    own(bare)
    const { code, text } = await inside(work("rep_theirs", `work-${sandboxId()}`))
    assert.equal(code, 0, text)
    const owners = execFileSync("find", [bare, "-printf", "%U\n"], { encoding: "utf8" })
    assert.deepEqual(new Set(owners.trim().split("\n")), new Set(["4321"]))
    chownSync(root, 0, 0)
  })

  it("does not push over what a person has checked out", async () => {
    const { code, text } = await inside(
      `${identity}; rm -rf mine; git clone -q ${at("rep_work")} mine && cd mine && git commit -q --allow-empty -m x && git push origin main`
    )
    assert.notEqual(code, 0)
    assert.match(text, /refusing to update checked out branch/)
  })

  it("is told plainly of a repository that is not its session's, or no longer there", async () => {
    const unknown = await inside(`git clone ${at("rep_other")} x`)
    assert.match(unknown.text, /This session has no repository rep_other|not found/)
    assert.notEqual(unknown.code, 0)
    assert.match((await inside(`git clone ${at("rep_lost")} x`)).text, /no longer where it was registered|not found/)
  })

  it("serves git's own requests and no file of a repository", async () => {
    for (const path of [
      "config",
      "HEAD",
      "objects/info/packs",
      "info/refs",
      "info/refs?service=git-upload-archive",
      "../../etc/passwd"
    ]) {
      const { text } = await inside(`curl -s --path-as-is -o /dev/null -w '%{http_code}' '${at("rep_local")}/${path}'`)
      assert.equal(text, "404", path)
    }
  })

  it("reaches a locked repository through the host's password, which never comes inside", async () => {
    const branch = `work-${sandboxId()}`
    const { code, text } = await inside(work("rep_locked", branch))
    assert.equal(code, 0, text)
    assert.equal(git(join(root, "locked.git"), "rev-parse", branch), text)
    const traces = await inside(
      `GIT_TRACE_CURL=1 git ls-remote ${at("rep_locked")} 2>&1; grep -r '' ~ /workspace 2>/dev/null; env; cat /proc/*/cmdline /proc/*/environ`
    )
    for (const secret of ["swordfish-71", password.slice(6)]) assert.ok(!traces.text.includes(secret))
  })

  it("says what is missing where the host has no password, or a wrong one", async () => {
    const ask = (id: string) => inside(`curl -s -w ' %{http_code}' '${at(id)}/info/refs?service=git-upload-pack'`)
    assert.match((await ask("rep_closed")).text, /needs a password or token, and the host has none[\s\S]* 401$/)
    assert.match((await ask("rep_wrong")).text, /refuses the credentials that the host has[\s\S]* 401$/)
    const cloned = await inside(`GIT_TERMINAL_PROMPT=0 git clone ${at("rep_closed")} x`)
    assert.notEqual(cloned.code, 0)
    assert.match(cloned.text, /could not read Username/)
  })

  it("follows no redirect with the host's password, and says when a host is down", async () => {
    const ask = (id: string) => inside(`curl -s -w ' %{http_code}' '${at(id)}/info/refs?service=git-upload-pack'`)
    assert.match((await ask("rep_moved")).text, /redirects to elsewhere\.example[\s\S]* 502$/)
    assert.match((await ask("rep_down")).text, /could not be reached[\s\S]* 502$/)
  })

  it("hands the gateway's requests on, as this sandbox", async () => {
    const { text } = await inside("curl -s -X POST -d body 'http://127.0.0.1:3128/api/v1/whoami?x=1'")
    assert.equal(text, "ses_one POST /api/v1/whoami?x=1 body")
    const large = await inside("head -c 2000000 /dev/zero | curl -s -X POST --data-binary @- http://127.0.0.1:3128/api/v1/x")
    assert.match(large.text, /at most 1 MB/)
  })

  it("finds no other way out, and hears so", async () => {
    const refused = "There is no way out of this sandbox to"
    assert.match(
      (await inside("curl -s -x http://127.0.0.1:3128 http://example.com/")).text,
      new RegExp(`${refused} example.com`)
    )
    assert.match((await inside("curl -sv -x http://127.0.0.1:3128 https://example.com/ 2>&1")).text, /HTTP\/1\.1 403 Forbidden/)
    assert.equal((await inside("curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:3128/")).text, "404")
  })

  it("keeps none of the host's passwords in a snapshot: secrets inside a snapshot", async () => {
    const { code, text } = await inside(
      `git config --global credential.helper store; ${work("rep_locked", `kept-${sandboxId()}`)}`
    )
    assert.equal(code, 0, text)
    await Effect.runPromise(sandboxes().capture(sandboxId(), "last"))
    const kept = execFileSync("find", [join(dataDir, "layers"), "-type", "f", "-print0"], { encoding: "utf8" }).split("\0")
    const files = kept.filter((file) => file !== "").map((file) => readFileSync(file))
    assert(
      files.some((file) => file.includes("locked\nmore")),
      "its work is not in the layers that were looked at"
    )
    for (const secret of ["swordfish-71", password.slice("Basic ".length)])
      assert(!files.some((file) => file.includes(secret)), `${secret} is in a layer`)
  })
})
