/** The routes of operators; as in routes.ts, nothing is decided here. */
import { Effect } from "effect"
import { Applied, Asked, Hosted, Operations, Taken, Wanted } from "../../actors/services/operations.ts"
import { created, ok, on, type Route } from "./endpoint.ts"

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
  on("POST", "/v1/operations/commands/:key/retry", {
    verb: "operations.apply",
    body: Asked,
    run: ({ pass, params, body }) =>
      Operations.use((operations) => operations.retry(pass, params["key"]!, body.why)).pipe(
        Effect.map((retried) => ok({ retried }))
      )
  })
]
