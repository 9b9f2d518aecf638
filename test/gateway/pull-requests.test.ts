/** From a session's branch to a pull request, or to a refusal that says what is missing and what to do by hand. */
import { execFileSync } from "node:child_process"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type PullRequest, PullRequestError, type PullRequestHost } from "../../actors/ports/pull-requests.ts"
import { byHand } from "../../actors/services/pull-requests.ts"
import { workBranchOf } from "../../actors/services/workspaces.ts"
import { type Started, startGateway } from "../support/gateway.ts"

const git = (cwd: string, ...args: ReadonlyArray<string>) =>
  execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@t", ...args], { cwd, encoding: "utf8", stdio: "pipe" }).trim()

type Asked = Parameters<PullRequestHost["open"]>[0]

/** A host in the test's memory: one open pull request per branch and base. */
const hostOf = (asked: Array<Asked>): PullRequestHost => ({
  open: (request) =>
    request.title === "refuse this"
      ? Effect.fail(new PullRequestError({ reason: "closed", message: "the credential may not open pull requests" }))
      : Effect.sync((): PullRequest => {
          const same = asked.findIndex(({ branch, base }) => branch === request.branch && base === request.base)
          if (same < 0) asked.push(request)
          const number = same < 0 ? asked.length : same + 1
          return { url: `https://host.test/pull/${number}`, number, existed: same >= 0 }
        })
})

/** A session, and its repository on this machine. */
const begun = Effect.fnUntraced(function* ({ must, owner, session }: Started, title = "Mend it") {
  const { id } = yield* session({ start: false, title })
  const { repositories } = yield* must(owner.token, "GET", "/v1/repositories")
  return { id, branch: workBranchOf(id), repository: repositories.at(-1).location as string }
})

const pushes = ({ branch, repository }: { branch: string; repository: string }) => {
  git(repository, "branch", branch)
  const tree = git(repository, "rev-parse", "HEAD^{tree}")
  git(repository, "update-ref", `refs/heads/${branch}`, git(repository, "commit-tree", tree, "-p", "HEAD", "-m", "work"))
}

describe("a pull request", () => {
  it.live("is opened once from the pushed branch, in the name of the session's owner", () =>
    Effect.gen(function* () {
      const asked: Array<Asked> = []
      const its = yield* startGateway({ hosts: () => hostOf(asked) })
      const { ask, owner } = its
      const work = yield* begun(its)
      pushes(work)
      const path = `/v1/sessions/${work.id}/pull-request`
      const opened = yield* ask(owner.token, "POST", path, { draft: true })
      assert.deepStrictEqual(
        [opened.status, opened.body],
        [201, { url: "https://host.test/pull/1", number: 1, existed: false, branch: work.branch, base: "main" }]
      )
      assert.deepInclude(asked[0]!, { title: "Mend it", branch: work.branch, base: "main", draft: true })
      const [me] = (yield* its.must(owner.token, "GET", "/v1/users")).users
      assert.deepStrictEqual(asked[0]!.author, { name: me.name, email: me.email })
      const again = yield* ask(owner.token, "POST", path, {})
      assert.deepStrictEqual([again.status, again.body.existed], [200, true])
      const refused = yield* ask(owner.token, "POST", path, { title: "refuse this" })
      assert.strictEqual(refused.status, 422)
      assert.include(refused.body.detail, `the credential may not open pull requests. The work is pushed as ${work.branch}`)
    }).pipe(Effect.scoped)
  )

  it.live("needs work that was pushed and differs from a base that is there", () =>
    Effect.gen(function* () {
      const its = yield* startGateway({ hosts: () => hostOf([]) })
      const work = yield* begun(its)
      const hears = Effect.fnUntraced(function* (body: object, status: number, words: string) {
        const answered = yield* its.ask(its.owner.token, "POST", `/v1/sessions/${work.id}/pull-request`, body)
        assert.strictEqual(answered.status, status)
        assert.include(answered.body.detail, words)
      })
      yield* hears({}, 422, `${work.branch} was not pushed yet`)
      git(work.repository, "branch", work.branch)
      yield* hears({}, 422, `${work.branch} is the same commit as main`)
      yield* hears({ base: "next" }, 422, "has no branch next")
      yield* hears({ base: work.branch }, 400, "is the session's own branch")
      yield* hears({ base: "--upload-pack" }, 400, "must be the name of a branch")
      yield* hears({ path: "elsewhere" }, 400, "name one of the repositories of this session")
    }).pipe(Effect.scoped)
  )

  it.live("is refused where no host is connected, with the branch that was pushed", () =>
    Effect.gen(function* () {
      const its = yield* startGateway()
      const work = yield* begun(its)
      pushes(work)
      const answered = yield* its.ask(its.owner.token, "POST", `/v1/sessions/${work.id}/pull-request`, {})
      assert.strictEqual(answered.status, 422)
      assert.include(answered.body.detail, `The work is pushed as ${work.branch}`)
      assert.include(answered.body.detail, "it is a directory of the server")
    }).pipe(Effect.scoped)
  )

  it.live("is no viewer's to open", () =>
    Effect.gen(function* () {
      const its = yield* startGateway()
      const { id } = yield* begun(its)
      const { token } = yield* its.person("viewer")
      assert.strictEqual((yield* its.ask(token, "POST", `/v1/sessions/${id}/pull-request`, {})).status, 403)
    }).pipe(Effect.scoped)
  )

  it("that must be opened by hand has its address, at the hosts that most people use", () => {
    const at = (location: string) =>
      byHand(
        { id: "rep_1", org: "org_1", name: "web", source: "remote", location, defaultBranch: "main", createdAtMs: 0 },
        "proliferate/0abc",
        "main"
      )
    assert.include(at("https://github.com/acme/web.git"), "https://github.com/acme/web/compare/main...proliferate/0abc?expand=1")
    assert.include(
      at("https://gitlab.com/acme/web"),
      "https://gitlab.com/acme/web/-/merge_requests/new?merge_request[source_branch]="
    )
    assert.include(at("https://git.acme.test/web.git"), "not connected to git.acme.test")
    assert.notInclude(at("https://git.acme.test/web.git"), "compare")
  })
})
