/** Registering repositories: what is reachable is taken, what is not is told apart, and credentials stay where they belong. */
import { execFileSync } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { Credentials } from "../../actors/ports/credentials.ts"
import { RepositoryProbe } from "../../actors/ports/repositories.ts"
import { Repositories } from "../../actors/services/repositories.ts"
import * as GitProbe from "../../adapters/git/probe.ts"
import * as CredentialFiles from "../../adapters/secrets/file.ts"
import { gitServer, makeRepository } from "../daemon/git-server.ts"
import { repositoryIn, scratch, startGateway } from "../support/gateway.ts"

const gateway = startGateway()
const secret = "hunter2%s$(id)"

/** A git server in front of which a password is asked for. */
const guarded = Effect.fnUntraced(function* (root: string) {
  const { url } = yield* gitServer(root)
  const server = yield* Effect.acquireRelease(
    Effect.callback<Server>((resume) => {
      const guard = createServer(async (request, response) => {
        const given = Buffer.from((request.headers.authorization ?? "").replace("Basic ", ""), "base64").toString()
        if (given !== `ada:${secret}`) return response.writeHead(401, { "www-authenticate": 'Basic realm="git"' }).end()
        const chunks: Array<Buffer> = []
        for await (const chunk of request) chunks.push(chunk)
        const { "content-type": type = "", "git-protocol": protocol = "" } = request.headers
        const answer = await fetch(url + request.url, {
          method: request.method!,
          headers: { "content-type": type, "git-protocol": String(protocol) },
          ...(request.method === "POST" && { body: Buffer.concat(chunks) })
        })
        response
          .writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "" })
          .end(Buffer.from(await answer.arrayBuffer()))
      }).listen(0, "127.0.0.1", () => resume(Effect.succeed(guard)))
    }),
    (guard) => Effect.sync(() => guard.close())
  )
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

describe("a repository", () => {
  it.live("is registered from a path or a URL, with the branch that it says is its own", () =>
    Effect.gen(function* () {
      const { ask, directory, owner } = yield* gateway
      const local = repositoryIn(directory, "local")
      execFileSync("git", ["branch", "next"], { cwd: local })
      const added = yield* ask(owner.token, "POST", "/v1/repositories", { name: "local", location: local })
      assert.deepInclude(added, { status: 201 })
      assert.deepInclude(added.body, { name: "local", source: "local", location: local, defaultBranch: "main" })
      const next = yield* ask(owner.token, "POST", "/v1/repositories", { name: "next", location: local, defaultBranch: "next" })
      assert.strictEqual(next.body.defaultBranch, "next")
      const root = join(directory, "served")
      mkdirSync(root)
      makeRepository(root, "app", { "a.txt": "a" })
      const { url } = yield* gitServer(root)
      const remote = yield* ask(owner.token, "POST", "/v1/repositories", { name: "remote", location: `${url}/app.git` })
      assert.deepInclude(remote.body, { source: "remote", defaultBranch: "main" })
      const again = yield* ask(owner.token, "POST", "/v1/repositories", { name: "remote", location: `${url}/app.git` })
      assert.deepInclude(again.body, { status: 409, code: "conflict" })
    })
  )

  it.live("that cannot be used is refused with what is wrong and what to do", () =>
    Effect.gen(function* () {
      const { ask, directory, owner } = yield* gateway
      const root = join(directory, "served")
      mkdirSync(join(root, "plain"), { recursive: true })
      writeFileSync(join(root, "file"), "")
      makeRepository(root, "empty", {})
      const app = repositoryIn(root, "app")
      const { url } = yield* gitServer(root)
      const refusals = [
        [{ location: join(root, "none") }, 422, /does not exist on the server/],
        [{ location: join(root, "file") }, 422, /is a file, not a git repository/],
        [{ location: join(root, "plain") }, 422, /there is no git repository at/],
        [{ location: join(root, "empty.git") }, 422, /is empty: push a first commit/],
        [{ location: app, defaultBranch: "gone" }, 422, /has no branch gone \(it has main\)/],
        [{ location: `${url}/none.git` }, 422, /does not exist, or is hidden/],
        [{ location: `${url}/locked/app.git` }, 422, /asks for a password: give a token/],
        [{ location: `${url}/locked/app.git`, credential: "wrong" }, 422, /does not take this credential/],
        [{ location: "http://127.0.0.1:9/app.git" }, 422, /cannot be reached: check the address and port/],
        [{ location: "http://no-such-host.invalid/app.git" }, 422, /is not known: check the address|cannot be reached/],
        [{ location: "git@github.com:a/b.git" }, 400, /absolute path on the host, or an http\(s\) URL/],
        [{ location: "ext::sh -c id" }, 400, /absolute path/],
        [{ location: "--upload-pack=id" }, 400, /absolute path/],
        [{ location: "https://ada:pass@example.org/a.git" }, 400, /must not hold a user or password/],
        [{ location: "http://example.org/a.git", credential: "x" }, 400, /only sent over https/],
        [{ location: app, credential: "x" }, 400, /takes no credential/],
        [{ location: "/a\u0000b" }, 400, /one line/]
      ] as const
      for (const [body, status, detail] of refusals) {
        const answered = yield* ask(owner.token, "POST", "/v1/repositories", { name: "x", ...body })
        assert.deepEqual(
          [answered.status, detail.test(answered.body.detail)],
          [status, true],
          `${JSON.stringify(body)}: ${answered.body.detail}`
        )
      }
      assert.isEmpty((yield* ask(owner.token, "GET", "/v1/repositories")).body.repositories)
    })
  )

  it.live("behind a password keeps its credential sealed, and gives it to the proxy alone", () =>
    Effect.gen(function* () {
      const { ask, directory, its, must, organisation, owner, session } = yield* gateway
      const root = join(directory, "served")
      mkdirSync(root)
      makeRepository(root, "app", { "a.txt": "a" })
      const location = `${yield* guarded(root)}/app.git`
      const added = yield* ask(owner.token, "POST", "/v1/repositories", { name: "app", location, credential: `ada:${secret}` })
      assert.strictEqual(added.status, 201, JSON.stringify(added.body))
      const configuration = yield* must(owner.token, "POST", "/v1/configurations", {
        name: "app",
        agent: "scripted",
        repositories: [{ repositoryId: added.body.id }]
      })
      const { id } = yield* session({ configurationId: configuration.id })
      const access = yield* its(Repositories.use((all) => all.gitAccess(organisation.id, id, added.body.id)))
      assert.deepEqual(access, { url: location, authorization: `Basic ${Buffer.from(`ada:${secret}`).toString("base64")}` })
      for (const shown of [added.body, yield* must(owner.token, "GET", "/v1/repositories")])
        assert.notInclude(JSON.stringify(shown), "hunter2")
      const sealed = join(directory, "credentials")
      for (const file of readdirSync(sealed)) assert.notInclude(readFileSync(join(sealed, file), "latin1"), "hunter2")
    })
  )

  it.effect("that does not answer is given up after 15 s, and its git with it", () =>
    Effect.gen(function* () {
      const { url, server } = yield* gitServer(yield* scratch)
      const asked = new Promise<Socket>((resolve) => server.once("request", ({ socket }) => resolve(socket)))
      const probing = yield* RepositoryProbe.use(({ probe }) => probe(`${url}/slow/app.git`, null)).pipe(
        Effect.provide(GitProbe.layer),
        Effect.flip,
        Effect.forkChild({ startImmediately: true })
      )
      const socket = yield* Effect.promise(() => asked)
      yield* TestClock.adjust("15 seconds")
      const { reason, message } = yield* Fiber.join(probing)
      assert.deepEqual([reason, /did not answer within 15 s/.test(message)], ["unreachable", true])
      yield* Effect.promise(async () => {
        if (!socket.destroyed) await once(socket, "close")
      })
    })
  )
})

describe("credentials on disk", () => {
  const store = (directory: string) =>
    Effect.map(Layer.build(Layer.fresh(CredentialFiles.layer(join(directory, "c")))), (its) => {
      const use = <A, E>(run: (all: Credentials["Service"]) => Effect.Effect<A, E>) =>
        Effect.provideContext(Credentials.use(run), its)
      return {
        put: (id: string, text: string) => use((all) => all.put("org_1", id, Redacted.make(text))),
        get: (id: string, org = "org_1") => use((all) => all.get(org, id)),
        remove: (id: string) => use((all) => all.remove("org_1", id))
      }
    })
  const shown = (secret: Redacted.Redacted<string> | null) => secret && Redacted.value(secret)

  it.live("are read back after a restart, replaced, removed twice, and nobody else's", () =>
    Effect.gen(function* () {
      const directory = yield* scratch
      const first = yield* store(directory)
      yield* first.put("rep_1", "old")
      yield* first.put("rep_1", "ünïcode \u{1f511}")
      const second = yield* store(directory)
      assert.strictEqual(shown(yield* second.get("rep_1")), "ünïcode \u{1f511}")
      assert.isNull(yield* second.get("rep_1", "org_2"))
      assert.isNull(yield* second.get("../key"))
      yield* second.remove("rep_1")
      yield* second.remove("rep_1")
      assert.isNull(yield* first.get("rep_1"))
    })
  )

  it.live("can be read by their owner alone", () =>
    Effect.gen(function* () {
      const directory = yield* scratch
      yield* (yield* store(directory)).put("rep_1", "x")
      assert.strictEqual(statSync(join(directory, "c")).mode & 0o777, 0o700)
      for (const file of readdirSync(join(directory, "c")))
        assert.strictEqual(statSync(join(directory, "c", file)).mode & 0o777, 0o600)
    })
  )

  it.live("that were changed, exchanged or sealed under another key are not opened", () =>
    Effect.gen(function* () {
      const directory = yield* scratch
      const { put, get } = yield* store(directory)
      yield* put("rep_1", "one")
      const folder = join(directory, "c")
      const file = readdirSync(folder).find((name) => name.endsWith(".sealed"))!
      yield* put("rep_2", "two")
      const other = readdirSync(folder).find((name) => name.endsWith(".sealed") && name !== file)!
      const bytes = readFileSync(join(folder, file))
      const flipped = Buffer.from(bytes)
      flipped[flipped.length - 1]! ^= 1
      for (const wrong of [flipped, bytes.subarray(0, 20), Buffer.alloc(0), readFileSync(join(folder, other))]) {
        writeFileSync(join(folder, file), wrong)
        assert.strictEqual((yield* Effect.flip(get("rep_1"))).reason, "unreadable")
      }
      writeFileSync(join(folder, file), bytes)
      assert.strictEqual(shown(yield* get("rep_1")), "one")
      renameSync(join(folder, "key"), join(folder, "key.kept"))
      assert.strictEqual((yield* Effect.flip((yield* store(directory)).get("rep_1"))).reason, "unreadable")
    })
  )
})
