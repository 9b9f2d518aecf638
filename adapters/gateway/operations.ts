/** The routes of operators; as in routes.ts, nothing is decided here. */
import { Effect, Schema } from "effect"
import { Commands, Retried } from "../../actors/services/commands.ts"
import { Applied, Asked, Hosted, Operations, PassAsked, Paused, Taken, Wanted } from "../../actors/services/operations.ts"
import { Id } from "../../actors/services/words.ts"
import { created, nothing, ok, on, type Route, whole, YesOrNo } from "./endpoint.ts"

const Audited = Schema.Struct({
  withinMs: whole(1, Number.MAX_SAFE_INTEGER),
  by: Schema.optionalKey(Id),
  limit: whole(1, 500)
})
const Listed = Schema.Struct({ dead: Schema.optionalKey(YesOrNo), limit: whole(1, 500) })

export const operationRoutes: ReadonlyArray<Route> = [
  on("GET", "/v1/operations", {
    verb: "operations.read",
    run: ({ pass }) => Operations.use((operations) => operations.status(pass)).pipe(Effect.map(ok))
  }),
  on("GET", "/v1/operations/tree", {
    verb: "operations.read",
    query: Hosted,
    run: ({ pass, query }) => Operations.use((operations) => operations.tree(pass, query)).pipe(Effect.map(ok))
  }),
  on("GET", "/v1/operations/audit", {
    verb: "operations.read",
    query: Audited,
    run: ({ pass, query }) =>
      Operations.use((operations) => operations.audit(pass, query)).pipe(Effect.map((notes) => ok({ notes })))
  }),
  on("POST", "/v1/operations/plans", {
    verb: "operations.read",
    body: Wanted,
    run: ({ pass, body }) => Operations.use((operations) => operations.plan(pass, body)).pipe(Effect.map(created))
  }),
  on("POST", "/v1/operations/plans/:id/apply", {
    verb: "operations.apply",
    body: Applied,
    run: ({ pass, params, body }) =>
      Operations.use((operations) => operations.apply(pass, params["id"]!, body)).pipe(Effect.map((items) => ok({ items })))
  }),
  on("POST", "/v1/operations/passes", {
    verb: "operations.apply",
    body: PassAsked,
    run: ({ pass, body }) => Operations.use((operations) => operations.pass(pass, body)).pipe(Effect.map(ok))
  }),
  on("POST", "/v1/operations/kinds/:kind/pause", {
    verb: "operations.apply",
    body: Paused,
    run: ({ pass, params, body }) =>
      Operations.use((operations) => operations.pause(pass, params["kind"]!, body)).pipe(Effect.map(ok))
  }),
  on("POST", "/v1/operations/kinds/:kind/resume", {
    verb: "operations.apply",
    run: ({ pass, params }) =>
      Operations.use((operations) => operations.resume(pass, params["kind"]!)).pipe(Effect.map((resumed) => ok({ resumed })))
  }),
  on("POST", "/v1/operations/actors/:kind/:id/release", {
    verb: "operations.apply",
    body: Asked,
    run: ({ pass, params, body }) =>
      Operations.use((operations) => operations.release(pass, params["kind"]!, params["id"]!, body.why)).pipe(
        Effect.map((released) => ok({ released }))
      )
  }),
  on("POST", "/v1/operations/retention", {
    verb: "operations.apply",
    body: Taken,
    run: ({ pass, body }) => Operations.use((operations) => operations.retention(pass, body)).pipe(Effect.map(ok))
  }),
  on("GET", "/v1/operations/commands", {
    verb: "operations.read",
    query: Listed,
    run: ({ pass, query: { dead, limit = 50 } }) =>
      Commands.use((commands) => commands.list(pass, dead === "true" ? "dead" : "open", limit)).pipe(Effect.map(ok))
  }),
  on("POST", "/v1/operations/commands/retry", {
    verb: "operations.apply",
    body: Retried,
    run: ({ pass, body }) => Commands.use((commands) => commands.retry(pass, body)).pipe(Effect.map(ok))
  }),
  on("POST", "/v1/operations/commands/:key/discard", {
    verb: "operations.apply",
    body: Asked,
    run: ({ pass, params, body }) =>
      Commands.use((commands) => commands.discard(pass, params["key"]!, body.why)).pipe(Effect.as(nothing))
  })
]
