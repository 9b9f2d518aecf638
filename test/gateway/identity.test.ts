/** Who may do what: tokens, roles, organisations, sandboxes. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Repositories } from "../../actors/services/repositories.ts"
import { startGateway } from "../support/gateway.ts"

const gateway = startGateway()

describe("a token", () => {
  it.live("is needed, and one that is unknown, malformed or revoked is told apart from one that is missing", () =>
    Effect.gen(function* () {
      const { ask, owner, person } = yield* gateway
      const missing = yield* ask(null, "GET", "/v1/whoami")
      assert.strictEqual(missing.status, 401)
      assert.match(missing.headers.get("www-authenticate")!, /^Bearer/)
      const { token, tokenId } = yield* person("member")
      for (const wrong of [
        "x",
        `plf_${"a".repeat(43)}`,
        `${token}x`,
        "psb_org_1.ses_1.abc",
        `psb_org_1.ses_1.${"a".repeat(43)}`
      ]) {
        assert.deepInclude((yield* ask(wrong, "GET", "/v1/whoami")).body, { status: 401, code: "unauthenticated" }, wrong)
      }
      assert.strictEqual((yield* ask(token, "GET", "/v1/whoami")).status, 200)
      assert.strictEqual((yield* ask(owner.token, "DELETE", `/v1/tokens/${tokenId}`)).status, 204)
      assert.strictEqual((yield* ask(token, "GET", "/v1/whoami")).status, 401)
    })
  )

  it.live("shows its secret once, and nothing that could be made into it afterwards", () =>
    Effect.gen(function* () {
      const { ask, must, owner } = yield* gateway
      const issued = yield* ask(owner.token, "POST", "/v1/tokens", { name: "laptop", expiresInDays: 30 })
      assert.strictEqual(issued.status, 201)
      assert.match(issued.body.secret, /^plf_[A-Za-z0-9_-]{43}$/)
      const listed = yield* must(owner.token, "GET", "/v1/tokens")
      const token = listed.tokens.find(({ id }: { id: string }) => id === issued.body.id)
      assert.hasAllKeys(token, ["id", "org", "userId", "name", "prefix", "createdAtMs", "expiresAtMs"])
      assert.strictEqual(token.prefix, issued.body.secret.slice(0, 8))
      assert.notInclude(JSON.stringify(listed), issued.body.secret)
    })
  )

  it.live("is everybody's own to manage, and an admin's for others", () =>
    Effect.gen(function* () {
      const { ask, owner, person } = yield* gateway
      const [viewer, member, admin] = [yield* person("viewer"), yield* person("member"), yield* person("admin")]
      const own = yield* ask(viewer.token, "POST", "/v1/tokens", { name: "second" })
      assert.strictEqual(own.status, 201)
      assert.deepEqual(
        (yield* ask(viewer.token, "GET", "/v1/tokens")).body.tokens.map(({ userId }: { userId: string }) => userId),
        [viewer.id, viewer.id]
      )
      assert.strictEqual((yield* ask(member.token, "POST", "/v1/tokens", { name: "x", userId: viewer.id })).status, 403)
      assert.strictEqual((yield* ask(member.token, "DELETE", `/v1/tokens/${own.body.id}`)).status, 404)
      assert.strictEqual((yield* ask(admin.token, "POST", "/v1/tokens", { name: "x", userId: viewer.id })).status, 201)
      assert.strictEqual((yield* ask(admin.token, "DELETE", `/v1/tokens/${own.body.id}`)).status, 204)
      assert.strictEqual((yield* ask(admin.token, "POST", "/v1/tokens", { name: "x", userId: owner.id })).status, 403)
      assert.strictEqual((yield* ask(admin.token, "POST", "/v1/tokens", { name: "x", userId: "usr_none" })).status, 422)
    })
  )
})

describe("a role", () => {
  it.live.each([
    ["viewer", "GET", "/v1/users", undefined, 200],
    ["viewer", "GET", "/v1/repositories", undefined, 200],
    ["viewer", "GET", "/v1/configurations", undefined, 200],
    ["viewer", "POST", "/v1/sessions", { configurationId: "cfg_none" }, 403],
    ["member", "POST", "/v1/sessions", { configurationId: "cfg_none" }, 422],
    ["member", "POST", "/v1/repositories", { name: "a", location: "/none" }, 403],
    ["admin", "POST", "/v1/repositories", { name: "a", location: "/none" }, 422],
    ["member", "POST", "/v1/configurations", { name: "a", repositories: [{ repositoryId: "rep_none" }] }, 403],
    ["admin", "POST", "/v1/configurations", { name: "a", repositories: [{ repositoryId: "rep_none" }] }, 422],
    ["member", "POST", "/v1/users", { name: "a", email: "a@b", role: "viewer" }, 403],
    ["admin", "POST", "/v1/users", { name: "a", email: "a@b", role: "member" }, 201],
    ["admin", "POST", "/v1/users", { name: "a", email: "a@b", role: "admin" }, 403],
    ["admin", "POST", "/v1/organisations", { name: "O", owner: { name: "a", email: "a@b" } }, 403],
    ["member", "POST", "/v1/operations/actors/session/ses_none/release", { why: "x" }, 403],
    ["admin", "POST", "/v1/operations/actors/session/ses_none/release", { why: "x" }, 404]
  ] as const)("%s, asking %s %s, hears %#", ([role, method, path, body, status]) =>
    Effect.gen(function* () {
      const { ask, person } = yield* gateway
      const { token } = yield* person(role)
      const answered = yield* ask(token, method, path, body)
      assert.strictEqual(answered.status, status, JSON.stringify(answered.body))
    })
  )

  it.live("viewer reads a session and steers none", () =>
    Effect.gen(function* () {
      const { ask, person, session } = yield* gateway
      const { token } = yield* person("viewer")
      const { id } = yield* session()
      for (const path of ["", "/events"]) assert.strictEqual((yield* ask(token, "GET", `/v1/sessions/${id}${path}`)).status, 200)
      for (const verb of ["start", "interrupt", "pause", "resume", "stop", "archive", "unarchive"]) {
        const refused = yield* ask(token, "POST", `/v1/sessions/${id}/${verb}`)
        assert.deepInclude(refused.body, { status: 403, code: "forbidden" })
        assert.include(refused.body.detail, `session.${verb} needs the role member or above; yours is viewer`)
      }
      assert.strictEqual((yield* ask(token, "POST", `/v1/sessions/${id}/prompts`, { text: "hi" })).status, 403)
      assert.strictEqual((yield* ask(token, "PATCH", `/v1/sessions/${id}`, { title: "x" })).status, 403)
    })
  )

  it.live("owner is never lost: the last one cannot be removed, another can, and their tokens with them", () =>
    Effect.gen(function* () {
      const { ask, owner, person } = yield* gateway
      assert.deepInclude((yield* ask(owner.token, "DELETE", `/v1/users/${owner.id}`)).body, { status: 409, code: "refused" })
      const second = yield* person("owner")
      assert.strictEqual((yield* ask(second.token, "DELETE", `/v1/users/${owner.id}`)).status, 204)
      assert.strictEqual((yield* ask(owner.token, "GET", "/v1/whoami")).status, 401)
      assert.strictEqual((yield* ask(second.token, "DELETE", "/v1/users/usr_none")).status, 404)
    })
  )
})

describe("an organisation", () => {
  it.live("sees nothing of another: its sessions, people, tokens, repositories and actors are not there", () =>
    Effect.gen(function* () {
      const { ask, must, owner, session, configuration } = yield* gateway
      const { repositoryId } = yield* configuration()
      const { id } = yield* session()
      const other = yield* must(owner.token, "POST", "/v1/organisations", {
        name: "Other",
        owner: { name: "Bo", email: "bo@example.org" }
      })
      const foreign = other.token.secret as string
      const apart = { name: "Apart", owner: { name: "Cy", email: "cy@example.org" }, cell: "moon" }
      const refused = yield* ask(owner.token, "POST", "/v1/organisations", apart)
      assert.strictEqual(refused.status, 422)
      assert.match(JSON.stringify(refused.body), /there is no cell .*moon.*; there is home/)
      assert.deepEqual((yield* must(foreign, "GET", "/v1/organisations")).organisations[0].cell, "home")
      assert.deepEqual((yield* must(foreign, "GET", "/v1/whoami")).organisation, { id: other.organisation.id, name: "Other" })
      assert.lengthOf((yield* must(foreign, "GET", "/v1/organisations")).organisations, 1)
      for (const list of ["users", "tokens"]) assert.lengthOf((yield* must(foreign, "GET", `/v1/${list}`))[list], 1)
      for (const list of ["repositories", "configurations", "sessions"])
        assert.isEmpty((yield* must(foreign, "GET", `/v1/${list}`))[list])
      const hidden = [
        ["GET", `/v1/sessions/${id}`],
        ["GET", `/v1/sessions/${id}/events`],
        ["GET", `/v1/sessions/${id}/diff`],
        ["POST", `/v1/sessions/${id}/stop`],
        ["GET", `/v1/actors/session/${id}`],
        ["GET", `/v1/actors/session/${id}/history`],
        ["POST", `/v1/operations/actors/session/${id}/release`, { why: "x" }],
        ["DELETE", `/v1/users/${owner.id}`],
        ["DELETE", `/v1/tokens/${owner.tokenId}`]
      ] as const
      for (const [method, path, body] of hidden) {
        assert.deepInclude(
          (yield* ask(foreign, method, path, body)).body,
          { status: 404, code: "not-found" },
          `${method} ${path}`
        )
      }
      assert.strictEqual((yield* ask(foreign, "POST", `/v1/sessions/${id}/prompts`, { text: "hi" })).status, 404)
      const borrowed = { name: "borrowed", repositories: [{ repositoryId }] }
      assert.strictEqual((yield* ask(foreign, "POST", "/v1/configurations", borrowed)).status, 422)
      assert.strictEqual((yield* must(owner.token, "GET", `/v1/sessions/${id}`)).status, "pending")
    })
  )
})

describe("a sandbox's token", () => {
  it.live("reads its own session and nothing else", () =>
    Effect.gen(function* () {
      const { ask, must, organisation, session, sandboxToken } = yield* gateway
      const [mine, other] = [yield* session({ title: "Mine" }), yield* session({ title: "Other" })]
      const token = yield* sandboxToken(mine.id)
      assert.deepEqual(yield* must(token, "GET", "/v1/whoami"), {
        kind: "sandbox",
        organisation: { id: organisation.id, name: "First" },
        session: { id: mine.id, title: "Mine", status: "pending" }
      })
      assert.strictEqual((yield* ask(token, "GET", `/v1/sessions/${mine.id}`)).body.title, "Mine")
      assert.strictEqual((yield* ask(token, "GET", `/v1/sessions/${other.id}`)).status, 404)
      const denied = [
        ["GET", "/v1/sessions"],
        ["GET", "/v1/users"],
        ["POST", `/v1/sessions/${mine.id}/stop`],
        ["GET", `/v1/actors/session/${mine.id}`]
      ] as const
      for (const [method, path] of denied) assert.strictEqual((yield* ask(token, method, path)).status, 403, path)
      assert.strictEqual((yield* ask(token, "POST", "/v1/tokens", { name: "x" })).status, 403)
    })
  )

  it.live("is bound to its session and its organisation, and ends with the session", () =>
    Effect.gen(function* () {
      const { ask, must, owner, session, sandboxToken } = yield* gateway
      const [mine, other] = [yield* session(), yield* session()]
      const token = yield* sandboxToken(mine.id)
      assert.strictEqual((yield* ask(token.replace(mine.id, other.id), "GET", "/v1/whoami")).status, 401)
      assert.strictEqual((yield* ask(token.replace(/org_[^.]+/, "org_other"), "GET", "/v1/whoami")).status, 401)
      yield* must(owner.token, "POST", `/v1/sessions/${mine.id}/stop`)
      assert.strictEqual((yield* ask(token, "GET", "/v1/whoami")).status, 401)
    })
  )

  it.live("opens the repositories of its configuration, and no others", () =>
    Effect.gen(function* () {
      const { configuration, directory, its, must, organisation, owner, session } = yield* gateway
      const [app, other] = [yield* configuration("app"), yield* configuration("other")]
      const { id } = yield* session({ configurationId: app.id })
      const access = (org: string, repositoryId: string) => its(Repositories.use((all) => all.gitAccess(org, id, repositoryId)))
      assert.deepEqual(yield* access(organisation.id, app.repositoryId), { path: `${directory}/app` })
      assert.isNull(yield* access(organisation.id, other.repositoryId))
      assert.isNull(yield* access("org_other", app.repositoryId))
      yield* must(owner.token, "POST", `/v1/sessions/${id}/stop`)
      assert.isNull(yield* access(organisation.id, app.repositoryId))
    })
  )
})
