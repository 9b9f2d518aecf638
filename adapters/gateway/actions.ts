/** The routes of actions: what agents ask for inside their session, and what people decide and lend. As in routes.ts, nothing is decided here. */
import { Effect, Schema } from "effect"
import { Actions, NewCall, waitMaxMs } from "../../actors/services/actions.ts"
import { Approval, Approvals, Denial, Settlement } from "../../actors/services/approvals.ts"
import { briefOf } from "../../actors/services/brief.ts"
import { Catalogue } from "../../actors/services/catalogue.ts"
import { EvidenceOf } from "../../actors/services/evidence.ts"
import { GrantsOf, NewGrant, Refusal, WantedGrant } from "../../actors/services/grants.ts"
import { Previewed, Rehearsals } from "../../actors/services/rehearsal.ts"
import { SessionTools, ToolCall } from "../../actors/services/session-tools.ts"
import { toolsOf } from "../../actors/services/tools.ts"
import { Id } from "../../actors/services/words.ts"
import { accepted, created, nothing, ok, on, type Reply, type Route, webSocketOnly, whole, YesOrNo } from "./endpoint.ts"

const settled = new Set(["completed", "failed", "denied", "expired", "revoked"])
/** 202: it is under way, ask again with a wait. */
const callReply = (call: { readonly status: string }): Reply => (settled.has(call.status) ? ok(call) : accepted(call))

const Page = Schema.Struct({ before: Schema.optionalKey(Id), limit: whole(1, 200) })
const Waiting = Schema.Struct({ wait: whole(0, waitMaxMs) })
const Inbox = Schema.Struct({ ...Page.fields, status: Schema.optionalKey(Id), session: Schema.optionalKey(Id) })
const Lent = Schema.Struct({ ...Page.fields, ended: Schema.optionalKey(YesOrNo) })
const Offset = Schema.Struct({ offset: whole(0, Number.MAX_SAFE_INTEGER) })
const Open = Schema.Struct({ all: Schema.optionalKey(YesOrNo) })

export const actionRoutes: ReadonlyArray<Route> = [
  on("GET", "/v1/sessions/:id/actions", {
    verb: "session.calls",
    run: ({ pass }) => Catalogue.use((all) => all.list(pass)).pipe(Effect.map((integrations) => ok({ integrations })))
  }),
  on("GET", "/v1/sessions/:id/actions/guides/:integration", {
    verb: "session.calls",
    run: ({ pass, params }) =>
      Catalogue.use((all) => all.guide(pass, params["integration"]!)).pipe(
        Effect.map((guide) => ok({ integration: params["integration"], guide }))
      )
  }),
  on("GET", "/v1/sessions/:id/actions/brief", {
    verb: "session.calls",
    run: ({ pass }) => Catalogue.use((all) => all.list(pass)).pipe(Effect.map((listed) => ok({ text: briefOf(listed) })))
  }),
  on("GET", "/v1/sessions/:id/actions/tools", {
    verb: "session.calls",
    run: ({ pass }) => Catalogue.use((all) => all.list(pass)).pipe(Effect.map((listed) => ok({ tools: toolsOf(listed) })))
  }),
  on("POST", "/v1/sessions/:id/calls", {
    verb: "session.act",
    body: NewCall,
    run: ({ pass, body, key }) => Actions.use((actions) => actions.run(pass, body, key)).pipe(Effect.map(callReply))
  }),
  on("GET", "/v1/sessions/:id/calls", {
    verb: "session.calls",
    query: Page,
    run: ({ pass, query: { limit = 50, ...page } }) =>
      Actions.use((actions) => actions.history(pass, { ...page, limit })).pipe(Effect.map((calls) => ok({ calls })))
  }),
  on("GET", "/v1/sessions/:id/calls/:callId", {
    verb: "session.calls",
    query: Waiting,
    run: ({ pass, params, query: { wait = 0 } }) =>
      Actions.use((actions) => actions.status(pass, params["callId"]!, wait)).pipe(Effect.map(callReply))
  }),
  on("POST", "/v1/sessions/:id/calls/:callId/heard", {
    verb: "session.act",
    run: ({ pass, params }) => Actions.use((actions) => actions.heard(pass, params["callId"]!)).pipe(Effect.as(nothing))
  }),
  on("POST", "/v1/sessions/:id/calls/:callId/withdraw", {
    verb: "session.act",
    run: ({ pass, params }) => Actions.use((actions) => actions.withdraw(pass, params["callId"]!)).pipe(Effect.map(ok))
  }),
  on("GET", "/v1/sessions/:id/grants", {
    verb: "session.calls",
    run: ({ pass }) => GrantsOf.use((grants) => grants.ofSession(pass)).pipe(Effect.map(ok))
  }),
  on("POST", "/v1/sessions/:id/grants", {
    verb: "session.act",
    body: WantedGrant,
    run: ({ pass, body }) => GrantsOf.use((grants) => grants.request(pass, body)).pipe(Effect.map(accepted))
  }),

  on("POST", "/v1/sessions/:id/tools/:tool", {
    verb: "session.act",
    body: ToolCall,
    run: ({ pass, params, body }) =>
      SessionTools.use((tools) => tools.run(pass, params["tool"]!, body)).pipe(
        Effect.map((outcome) => (outcome.status === "running" ? accepted(outcome) : ok(outcome)))
      )
  }),
  on("GET", "/v1/sessions/:id/evidence", {
    verb: "session.read",
    run: ({ pass }) => EvidenceOf.use((all) => all.list(pass)).pipe(Effect.map((evidence) => ok({ evidence })))
  }),
  on("GET", "/v1/sessions/:id/evidence/:key/:file", {
    verb: "session.read",
    query: Offset,
    run: ({ pass, params, query: { offset = 0 } }) =>
      EvidenceOf.use((all) => all.piece(pass, params["key"]!, Number(params["file"]), offset)).pipe(Effect.map(ok))
  }),

  on("GET", "/v1/inbox/stream", { verb: "approvals.read", run: () => webSocketOnly }),
  on("GET", "/v1/approvals", {
    verb: "approvals.read",
    query: Inbox,
    run: ({ pass, query: { limit = 50, status, session, before } }) =>
      Approvals.use((approvals) =>
        approvals.inbox(pass, { limit, before, sessionId: session, ...(status !== undefined && { statuses: [status] }) })
      ).pipe(Effect.map((calls) => ok({ calls })))
  }),
  on("GET", "/v1/approvals/:callId", {
    verb: "approvals.read",
    run: ({ pass, params }) => Approvals.use((approvals) => approvals.show(pass, params["callId"]!)).pipe(Effect.map(ok))
  }),
  on("GET", "/v1/approvals/:callId/grant", {
    verb: "approvals.read",
    run: ({ pass, params }) => Approvals.use((approvals) => approvals.draft(pass, params["callId"]!)).pipe(Effect.map(ok))
  }),
  on("POST", "/v1/approvals/:callId/approve", {
    verb: "approvals.decide",
    body: Approval,
    run: ({ pass, params, body, key }) =>
      Approvals.use((approvals) => approvals.approve(pass, params["callId"]!, body, key)).pipe(Effect.map(ok))
  }),
  ...(["deny", "revoke"] as const).map((verb) =>
    on("POST", `/v1/approvals/:callId/${verb}`, {
      verb: "approvals.decide",
      body: Denial,
      run: ({ pass, params, body, key }) =>
        Approvals.use((approvals) => approvals[verb](pass, params["callId"]!, body.reason, key)).pipe(Effect.map(ok))
    })
  ),
  on("POST", "/v1/approvals/:callId/settle", {
    verb: "approvals.decide",
    body: Settlement,
    run: ({ pass, params, body, key }) =>
      Approvals.use((approvals) => approvals.settle(pass, params["callId"]!, body, key)).pipe(Effect.map(ok))
  }),

  on("GET", "/v1/grants", {
    verb: "grants.read",
    query: Lent,
    run: ({ pass, query: { limit = 100, before, ended } }) =>
      GrantsOf.use((grants) => grants.list(pass, { limit, before, ended: ended === "true" })).pipe(
        Effect.map((grants) => ok({ grants }))
      )
  }),
  on("POST", "/v1/grants", {
    verb: "grants.create",
    body: NewGrant,
    run: ({ pass, body, key }) => GrantsOf.use((grants) => grants.create(pass, body, key)).pipe(Effect.map(created))
  }),
  on("POST", "/v1/grants/:grantId/revoke", {
    verb: "grants.revoke",
    run: ({ pass, params }) => GrantsOf.use((grants) => grants.revoke(pass, params["grantId"]!)).pipe(Effect.map(ok))
  }),
  on("POST", "/v1/grants/preview", {
    verb: "grants.create",
    body: Previewed,
    run: ({ pass, body }) => Rehearsals.use((rehearsals) => rehearsals.preview(pass, body)).pipe(Effect.map(ok))
  }),
  on("GET", "/v1/grant-requests", {
    verb: "grants.read",
    query: Open,
    run: ({ pass, query: { all } }) =>
      GrantsOf.use((grants) => grants.requests(pass, all !== "true")).pipe(Effect.map((requests) => ok({ requests })))
  }),
  on("POST", "/v1/grant-requests/:requestId/deny", {
    verb: "grants.create",
    body: Refusal,
    run: ({ pass, params, body }) =>
      GrantsOf.use((grants) => grants.refuse(pass, params["requestId"]!, body.reason)).pipe(Effect.map(ok))
  })
]
