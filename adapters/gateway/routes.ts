/**
 * The routes of the API, one line of intent each: method, path, the verb that the caller must be allowed, what body and query it
 * takes, and the use case. Nothing is decided here. Paths with a `session.` verb name the session as `:id`.
 */
import { Effect, Schema } from "effect"
import { Access } from "../../actors/services/access.ts"
import { Configurations, NewConfiguration } from "../../actors/services/configurations.ts"
import { Inspection } from "../../actors/services/inspection.ts"
import { Installations } from "../../actors/services/installations.ts"
import { NewOrganisation, NewToken, NewUser, People } from "../../actors/services/people.ts"
import { NewPullRequest, Proposals } from "../../actors/services/pull-requests.ts"
import { NewRepository, Repositories } from "../../actors/services/repositories.ts"
import { FurtherPrompt, NewSession, Renamed, Sessions, Switched } from "../../actors/services/sessions.ts"
import { Piece, Uploads } from "../../actors/services/uploads.ts"
import { Id } from "../../actors/services/words.ts"
import { SessionWork, WorkOf } from "../../actors/services/work.ts"
import { accepted, created, nothing, ok, on, type Route, webSocketOnly, whole, YesOrNo } from "./endpoint.ts"

const After = Schema.Struct({ after: whole(0, Number.MAX_SAFE_INTEGER), limit: whole(1, 1000) })
const Listed = Schema.Struct({
  before: Schema.optionalKey(Id),
  limit: whole(1, 200),
  search: Schema.optionalKey(Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(200))),
  status: Schema.optionalKey(Id),
  mine: Schema.optionalKey(YesOrNo),
  archived: Schema.optionalKey(YesOrNo)
})
const Offset = Schema.Struct({ offset: whole(0, Number.MAX_SAFE_INTEGER) })
const Answered = Schema.Struct({ optionId: Id })

const steering = (["start", "interrupt", "pause", "resume", "stop", "archive", "unarchive"] as const).map((verb) =>
  on("POST", `/v1/sessions/:id/${verb}`, {
    verb: `session.${verb}`,
    run: ({ pass, key }) => Sessions.use((sessions) => sessions.steer(pass, verb, key)).pipe(Effect.map(accepted))
  })
)

export const routes: ReadonlyArray<Route> = [
  on("GET", "/health", { verb: null, run: () => Effect.succeed(ok({ status: "ok" })) }),
  on("GET", "/ready", {
    verb: null,
    run: () =>
      Access.use((access) => access.ready).pipe(
        Effect.timeout("2 seconds"),
        Effect.match({
          onSuccess: () => ok({ status: "ok", database: "ok" }),
          onFailure: () => ({ status: 503, body: { status: "unavailable", database: "unavailable" } })
        })
      )
  }),

  on("GET", "/v1/whoami", {
    verb: "self.read",
    run: ({ pass }) => People.use((people) => people.whoami(pass)).pipe(Effect.map(ok))
  }),
  on("GET", "/v1/organisations", {
    verb: "organisations.read",
    run: ({ pass }) =>
      People.use((people) => people.organisations(pass)).pipe(Effect.map((organisations) => ok({ organisations })))
  }),
  on("POST", "/v1/organisations", {
    verb: "organisations.add",
    body: NewOrganisation,
    run: ({ pass, body }) => People.use((people) => people.addOrganisation(pass, body)).pipe(Effect.map(created))
  }),
  on("GET", "/v1/users", {
    verb: "users.read",
    run: ({ pass }) => People.use((people) => people.users(pass)).pipe(Effect.map((users) => ok({ users })))
  }),
  on("POST", "/v1/users", {
    verb: "users.add",
    body: NewUser,
    run: ({ pass, body }) => People.use((people) => people.addUser(pass, body)).pipe(Effect.map(created))
  }),
  on("DELETE", "/v1/users/:id", {
    verb: "users.remove",
    run: ({ pass, params }) => People.use((people) => people.removeUser(pass, params["id"]!)).pipe(Effect.as(nothing))
  }),
  on("GET", "/v1/tokens", {
    verb: "tokens.read",
    run: ({ pass }) => People.use((people) => people.tokens(pass)).pipe(Effect.map((tokens) => ok({ tokens })))
  }),
  on("POST", "/v1/tokens", {
    verb: "tokens.add",
    body: NewToken,
    run: ({ pass, body }) => People.use((people) => people.addToken(pass, body)).pipe(Effect.map(created))
  }),
  on("DELETE", "/v1/tokens/:id", {
    verb: "tokens.revoke",
    run: ({ pass, params }) => People.use((people) => people.revokeToken(pass, params["id"]!)).pipe(Effect.as(nothing))
  }),

  on("GET", "/v1/repositories", {
    verb: "repositories.read",
    run: ({ pass }) => Repositories.use((all) => all.list(pass)).pipe(Effect.map((repositories) => ok({ repositories })))
  }),
  on("POST", "/v1/repositories", {
    verb: "repositories.add",
    body: NewRepository,
    run: ({ pass, body }) => Repositories.use((all) => all.add(pass, body)).pipe(Effect.map(created))
  }),
  on("GET", "/v1/configurations", {
    verb: "configurations.read",
    run: ({ pass }) => Configurations.use((all) => all.list(pass)).pipe(Effect.map((configurations) => ok({ configurations })))
  }),
  on("POST", "/v1/configurations", {
    verb: "configurations.add",
    body: NewConfiguration,
    run: ({ pass, body }) => Configurations.use((all) => all.add(pass, body)).pipe(Effect.map(created))
  }),

  on("GET", "/v1/agents", {
    verb: "agents.read",
    run: ({ pass }) => Installations.use((all) => all.list(pass)).pipe(Effect.map((agents) => ok({ agents })))
  }),
  on("GET", "/v1/agents/:name", {
    verb: "agents.read",
    run: ({ pass, params }) => Installations.use((all) => all.show(pass, params["name"]!)).pipe(Effect.map(ok))
  }),
  ...(["install", "check"] as const).map((kind) =>
    on("POST", `/v1/agents/:name/${kind}`, {
      verb: `agents.${kind}`,
      run: ({ pass, params }) => Installations.use((all) => all.begin(pass, kind, params["name"]!)).pipe(Effect.map(accepted))
    })
  ),

  on("GET", "/v1/sessions", {
    verb: "sessions.read",
    query: Listed,
    run: ({ pass, query: { limit = 50, mine, archived, ...wanted } }) =>
      Sessions.use((all) => all.list(pass, { ...wanted, limit, mine: mine === "true", archived: archived === "true" })).pipe(
        Effect.map((sessions) => ok({ sessions }))
      )
  }),
  on("POST", "/v1/sessions", {
    verb: "sessions.create",
    body: NewSession,
    run: ({ pass, body, key }) =>
      Sessions.use((sessions) => sessions.create(pass, body, key)).pipe(
        Effect.map(({ session, duplicate }) => (duplicate ? ok(session) : created(session)))
      )
  }),
  on("GET", "/v1/sessions/:id", {
    verb: "session.read",
    run: ({ pass }) => Sessions.use((sessions) => sessions.show(pass)).pipe(Effect.map(ok))
  }),
  on("PATCH", "/v1/sessions/:id", {
    verb: "session.rename",
    body: Renamed,
    run: ({ pass, body, key }) => Sessions.use((sessions) => sessions.rename(pass, body.title, key)).pipe(Effect.map(ok))
  }),
  on("POST", "/v1/sessions/:id/model", {
    verb: "session.switch",
    body: Switched,
    run: ({ pass, body, key }) => Sessions.use((sessions) => sessions.switchModel(pass, body.model, key)).pipe(Effect.map(ok))
  }),
  on("POST", "/v1/sessions/:id/prompts", {
    verb: "session.prompt",
    body: FurtherPrompt,
    run: ({ pass, body, key }) =>
      Sessions.use((sessions) => sessions.prompt(pass, key === null ? body : { id: key, ...body })).pipe(Effect.map(accepted))
  }),
  on("POST", "/v1/sessions/:id/attachments", {
    verb: "session.prompt",
    body: Piece,
    run: ({ pass, body }) => Uploads.use((uploads) => uploads.put(pass, body)).pipe(Effect.map(ok))
  }),
  on("DELETE", "/v1/sessions/:id/prompts/:promptId", {
    verb: "session.unqueue",
    run: ({ pass, params, key }) =>
      Sessions.use((sessions) => sessions.unqueue(pass, params["promptId"]!, key)).pipe(Effect.map(({ rev }) => ok({ rev })))
  }),
  ...steering,
  on("POST", "/v1/sessions/:id/questions/:questionId", {
    verb: "session.answer",
    body: Answered,
    run: ({ pass, params, body, key }) =>
      Sessions.use((sessions) => sessions.answer(pass, params["questionId"]!, body.optionId, key)).pipe(Effect.map(accepted))
  }),
  on("GET", "/v1/sessions/:id/diff", {
    verb: "session.read",
    run: ({ pass }) => Sessions.use((sessions) => sessions.diff(pass)).pipe(Effect.map(ok))
  }),
  on("POST", "/v1/sessions/:id/work", {
    verb: "session.read",
    body: WorkOf,
    run: ({ pass, body }) => SessionWork.use((work) => work.gather(pass, body)).pipe(Effect.map(ok))
  }),
  on("GET", "/v1/sessions/:id/work/:workId", {
    verb: "session.read",
    query: Offset,
    run: ({ pass, params, query: { offset = 0 } }) =>
      SessionWork.use((work) => work.piece(pass, params["workId"]!, offset)).pipe(Effect.map(ok))
  }),
  on("POST", "/v1/sessions/:id/pull-request", {
    verb: "session.propose",
    body: NewPullRequest,
    run: ({ pass, body }) =>
      Proposals.use((proposals) => proposals.open(pass, body)).pipe(
        Effect.map((opened) => (opened.existed ? ok(opened) : created(opened)))
      )
  }),
  on("GET", "/v1/sessions/:id/events", {
    verb: "session.read",
    query: After,
    run: ({ pass, query: { after = 0, limit = 1000 } }) =>
      Sessions.use((sessions) => sessions.events(pass, after, limit)).pipe(Effect.map(ok))
  }),
  on("GET", "/v1/sessions/:id/stream", {
    verb: "session.read",
    run: () => webSocketOnly
  }),

  on("GET", "/v1/actors/:kind/:id", {
    verb: "actors.read",
    run: ({ pass, params }) => Inspection.use((actors) => actors.show(pass, params["kind"]!, params["id"]!)).pipe(Effect.map(ok))
  }),
  on("GET", "/v1/actors/:kind/:id/history", {
    verb: "actors.read",
    query: After,
    run: ({ pass, params, query: { after = 0, limit = 1000 } }) =>
      Inspection.use((actors) => actors.history(pass, params["kind"]!, params["id"]!, after, limit)).pipe(
        Effect.map((rows) => ok({ rows }))
      )
  })
]
