/** The routes of what administrators set up for actions: rules, connections, connectors. As in routes.ts, nothing is decided here. */
import { Effect } from "effect"
import { Connections, NewConnection, Settings } from "../../actors/services/connections.ts"
import { ConnectorBook, ConnectorChanges, NewConnector } from "../../actors/services/connector-book.ts"
import { Hypothetical, NewRule, Policies } from "../../actors/services/policies.ts"
import { Rehearsals, Rehearsed } from "../../actors/services/rehearsal.ts"
import { created, nothing, ok, on, type Route } from "./endpoint.ts"

export const administrationRoutes: ReadonlyArray<Route> = [
  on("GET", "/v1/policy", {
    verb: "rules.read",
    run: ({ pass }) => Policies.use((policies) => policies.show(pass)).pipe(Effect.map(ok))
  }),
  on("POST", "/v1/policy/rules", {
    verb: "rules.set",
    body: NewRule,
    run: ({ pass, body }) => Policies.use((policies) => policies.set(pass, body)).pipe(Effect.map(ok))
  }),
  on("DELETE", "/v1/policy/rules/:ruleId", {
    verb: "rules.set",
    run: ({ pass, params }) =>
      Policies.use((policies) => policies.remove(pass, params["ruleId"]!)).pipe(Effect.map((revision) => ok({ revision })))
  }),
  on("POST", "/v1/policy/rehearse", {
    verb: "rules.set",
    body: Rehearsed,
    run: ({ pass, body }) => Rehearsals.use((rehearsals) => rehearsals.rehearse(pass, body)).pipe(Effect.map(ok))
  }),
  on("POST", "/v1/policy/explain", {
    verb: "rules.read",
    body: Hypothetical,
    run: ({ pass, body }) => Policies.use((policies) => policies.explain(pass, body)).pipe(Effect.map(ok))
  }),

  on("GET", "/v1/connections", {
    verb: "connections.read",
    run: ({ pass }) => Connections.use((all) => all.list(pass)).pipe(Effect.map((connections) => ok({ connections })))
  }),
  on("POST", "/v1/connections", {
    verb: "connections.add",
    body: NewConnection,
    run: ({ pass, body }) => Connections.use((all) => all.add(pass, body)).pipe(Effect.map(created))
  }),
  on("POST", "/v1/connections/:connectionId/settings", {
    verb: "connections.add",
    body: Settings,
    run: ({ pass, params, body }) =>
      Connections.use((all) => all.set(pass, params["connectionId"]!, body.settings)).pipe(Effect.map(ok))
  }),
  on("POST", "/v1/connections/:connectionId/check", {
    verb: "connections.check",
    run: ({ pass, params }) => Connections.use((all) => all.check(pass, params["connectionId"]!)).pipe(Effect.map(ok))
  }),
  on("POST", "/v1/connections/:connectionId/revoke", {
    verb: "connections.revoke",
    run: ({ pass, params }) => Connections.use((all) => all.revoke(pass, params["connectionId"]!)).pipe(Effect.map(ok))
  }),

  on("GET", "/v1/connectors", {
    verb: "connectors.read",
    run: ({ pass }) => ConnectorBook.use((book) => book.list(pass)).pipe(Effect.map((connectors) => ok({ connectors })))
  }),
  on("POST", "/v1/connectors", {
    verb: "connectors.change",
    body: NewConnector,
    run: ({ pass, body }) => ConnectorBook.use((book) => book.add(pass, body)).pipe(Effect.map(created))
  }),
  on("PATCH", "/v1/connectors/:slug", {
    verb: "connectors.change",
    body: ConnectorChanges,
    run: ({ pass, params, body }) => ConnectorBook.use((book) => book.change(pass, params["slug"]!, body)).pipe(Effect.map(ok))
  }),
  on("DELETE", "/v1/connectors/:slug", {
    verb: "connectors.change",
    run: ({ pass, params }) => ConnectorBook.use((book) => book.remove(pass, params["slug"]!)).pipe(Effect.as(nothing))
  }),
  on("POST", "/v1/connectors/:slug/validate", {
    verb: "connectors.read",
    run: ({ pass, params }) => ConnectorBook.use((book) => book.validate(pass, params["slug"]!)).pipe(Effect.map(ok))
  })
]
