/** `sessions pr` the whole way over the API: the work is at a git server, and its host is GitHub on the loopback. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { workBranchOf } from "../../actors/services/workspaces.ts"
import { placeAt } from "../../adapters/actions/github/pull-requests.ts"
import { git, gitServer, makeRepository } from "../daemon/git-server.ts"
import { scratch, startGateway } from "../support/gateway.ts"
import { github, githubToken } from "../support/services/github.ts"
import { hangUp, say, service } from "../support/services/service.ts"

const scene = Effect.gen(function* () {
  const root = yield* scratch
  makeRepository(`${root}`, "acme.api", { "README.md": "Hello" })
  const { url } = yield* gitServer(root)
  const world = github()
  const { url: apiUrl, asked, troubles } = yield* service(world.answer)
  // The git server serves what GitHub calls acme/api.
  git(root, "init", "--quiet", "--bare", `${root}/acme/api.git`)
  git(`${root}/acme.api.git`, "push", "--quiet", `${root}/acme/api.git`, "main")
  const its = yield* startGateway({ github: { url, apiUrl, client: null } })
  const owner = its.owner.token
  const location = `${url}/acme/api.git`
  const repository = yield* its.must(owner, "POST", "/v1/repositories", { name: "api", location })
  const configuration = yield* its.must(owner, "POST", "/v1/configurations", {
    ...{ name: "api", repositories: [{ repositoryId: repository.id }], agent: "scripted" }
  })
  const session = yield* its.session({ configurationId: configuration.id, title: "Count pages from 0" })
  const branch = workBranchOf(session.id)
  const tree = git(`${root}/acme/api.git`, "rev-parse", "main^{tree}")
  const commit = git(`${root}/acme/api.git`, "commit-tree", tree, "-p", "main", "-m", "work")
  git(`${root}/acme/api.git`, "update-ref", `refs/heads/${branch}`, commit)
  const connect = its.must(owner, "POST", "/v1/connections", {
    ...{ integration: "github", secret: { kind: "token", token: githubToken } }
  })
  const open = (body: object = {}) => its.ask(owner, "POST", `/v1/sessions/${session.id}/pull-request`, body)
  const opens = () => asked.filter(({ method, path }) => method === "POST" && path.endsWith("/pulls"))
  return { its, owner, branch, connect, open, opens, asked, troubles, world }
})

describe("a pull request at GitHub", () => {
  it.live("is opened by the organisation's connection, once; the one that is there is answered", () =>
    Effect.gen(function* () {
      const { connect, open, opens, branch, world } = yield* scene
      yield* connect
      const opened = yield* open({ draft: true, body: "Pages began at 1." })
      assert.deepStrictEqual([opened.status, opened.body.existed, opened.body.branch], [201, false, branch])
      assert.match(opened.body.url, /^https:\/\/github.com\/acme\/api\/pull\/\d+$/)
      assert.deepStrictEqual(JSON.parse(opens()[0]!.body), {
        ...{ head: branch, base: "main", draft: true, title: "Count pages from 0" },
        body: "Pages began at 1.\n\nOpened for Ada by proliferate."
      })
      const again = yield* open()
      assert.deepStrictEqual([again.status, again.body.existed, again.body.number], [200, true, opened.body.number])
      assert.strictEqual(opens().length, 1)
      assert.strictEqual(world.effects(), 1)
      assert.notInclude(JSON.stringify(opened.body), githubToken)
    }).pipe(Effect.scoped)
  )

  it.live("that somebody opened in the same moment is the one that is answered", () =>
    Effect.gen(function* () {
      const { connect, open, branch, asked, troubles, world } = yield* scene
      yield* connect
      const path = "/repos/acme/api/pulls"
      const headers = { authorization: `token ${githubToken}` }
      // As we look nothing is there; as we open it is.
      troubles.push((response) => {
        world.answer({ method: "POST", path, headers, body: JSON.stringify({ head: branch, base: "main", title: "theirs" }) })
        say({ body: [] })(response, asked.at(-1)!)
      })
      const { status, body } = yield* open()
      assert.deepStrictEqual([status, body.existed], [200, true])
      assert.strictEqual(world.effects(), 1)
    }).pipe(Effect.scoped)
  )

  it.live("whose answer was lost is found when it is asked for again", () =>
    Effect.gen(function* () {
      const { connect, open, opens, asked, troubles, world } = yield* scene
      yield* connect
      troubles.push(
        (response, one) => say(world.answer(one))(response, one),
        (response, one) => {
          world.answer(one)
          hangUp(response, one)
        }
      )
      const lost = yield* open()
      assert.deepStrictEqual([lost.status, lost.body.code], [503, "unavailable"])
      const found = yield* open()
      assert.deepStrictEqual([found.status, found.body.existed], [200, true])
      assert.strictEqual(opens().length, 1, JSON.stringify(asked.map(({ method, path }) => `${method} ${path}`)))
    }).pipe(Effect.scoped)
  )

  it.live("is refused with what to do: nothing connected, a token that is dead, one that may not", () =>
    Effect.gen(function* () {
      const { its, owner, branch, connect, open, troubles } = yield* scene
      const none = yield* open()
      assert.deepStrictEqual([none.status, none.body.code], [422, "reference"])
      assert.match(none.body.detail, /github is not connected .*`proliferate connections add github`/)
      assert.include(none.body.detail, `The work is pushed as ${branch}; open one for main at 127.0.0.1`)
      yield* connect
      troubles.push(say({ status: 403, body: { message: "Resource not accessible by personal access token" } }))
      const forbidden = yield* open()
      assert.deepStrictEqual([forbidden.status, forbidden.body.code], [422, "reference"])
      assert.match(forbidden.body.detail, /does not allow this to the account that is connected/)
      troubles.push(say({ status: 401, body: { message: "Bad credentials" } }))
      assert.match((yield* open()).body.detail, /connect it again/)
      const [connection] = (yield* its.must(owner, "GET", "/v1/connections")).connections
      assert.strictEqual(connection.status, "needsReauth")
      assert.match((yield* open()).body.detail, /must be connected again/)
    }).pipe(Effect.scoped)
  )

  it("is of what lies below GitHub's address alone", () => {
    const at = (location: string) => placeAt("https://github.com", location)
    assert.deepStrictEqual(at("https://github.com/acme/api.git"), { owner: "acme", repo: "api" })
    assert.deepStrictEqual(at("https://github.com/acme/a.b/"), { owner: "acme", repo: "a.b" })
    for (const location of [
      "/srv/api",
      "https://gitlab.com/acme/api",
      "https://github.com.evil.test/acme/api",
      "https://github.com/acme",
      "https://github.com/acme/api/tree/main"
    ])
      assert.isNull(at(location), location)
  })
})
