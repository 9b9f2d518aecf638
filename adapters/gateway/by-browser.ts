/**
 * The routes of connecting a service by a browser, and the pages that the browser is shown: plain HTML, no script. Programs get the same
 * as JSON. As in routes.ts, nothing is decided here.
 */
import { Effect } from "effect"
import {
  AppBeginning,
  AppBegun,
  AppInstalled,
  AppMade,
  Beginning,
  ByBrowser,
  Confirmation,
  type Pending,
  type Proposal,
  Returned
} from "../../actors/services/by-browser.ts"
import { created, ok, on, type Reply, type Route } from "./endpoint.ts"
import { page, said, text } from "./page.ts"

const pendingReply = (pending: Pending): Reply => {
  const { integration, account, organisation, by, code } = pending
  const command = `proliferate connections confirm ${code}`
  return {
    ...ok({ ...pending, next: `${by} confirms it within 5 min: ${command}` }),
    page: page(
      `Connect ${integration} as ${account}?`,
      said(`${by} of the organisation ${organisation} wants agents there to act as ${account} at ${integration}.`),
      said("If that is you, confirm it within 5 minutes where you began:"),
      `<pre>${text(command)}</pre>`,
      said("If you did not begin this, close this page and give nobody the code: nothing is connected without it.")
    )
  }
}

const proposalReply = (proposal: Proposal): Reply => {
  const { organisation, by, action, fields } = proposal
  const inputs = Object.entries(fields).map(
    ([name, value]) => `<input type="hidden" name="${text(name)}" value="${text(value)}">`
  )
  return {
    ...ok(proposal),
    page: page(
      "Make an app?",
      said(`${by} of the organisation ${organisation} wants an app by which agents there act. You will make it, and own it.`),
      `<form method="post" action="${text(action)}">${inputs.join("")}<button>Go on to ${text(new URL(action).host)}</button></form>`,
      said("If you did not begin this, close this page.")
    )
  }
}

export const browserRoutes: ReadonlyArray<Route> = [
  on("POST", "/v1/connections/oauth", {
    verb: "connections.add",
    body: Beginning,
    run: ({ pass, body }) => ByBrowser.use((all) => all.begin(pass, body)).pipe(Effect.map(created))
  }),
  on("GET", "/v1/connections/oauth/callback", {
    verb: null,
    query: Returned,
    run: ({ query }) => ByBrowser.use((all) => all.returned(query)).pipe(Effect.map(pendingReply))
  }),
  on("POST", "/v1/connections/app", {
    verb: "connections.add",
    body: AppBeginning,
    run: ({ pass, body }) => ByBrowser.use((all) => all.beginApp(pass, body)).pipe(Effect.map(created))
  }),
  on("GET", "/v1/connections/app/begin", {
    verb: null,
    query: AppBegun,
    run: ({ query }) => ByBrowser.use((all) => all.appBegun(query)).pipe(Effect.map(proposalReply))
  }),
  on("GET", "/v1/connections/app/made", {
    verb: null,
    query: AppMade,
    run: ({ query }) =>
      ByBrowser.use((all) => all.appMade(query)).pipe(Effect.map(({ url }) => ({ ...ok({ next: url }), location: url })))
  }),
  on("GET", "/v1/connections/app/installed", {
    verb: null,
    query: AppInstalled,
    run: ({ query }) => ByBrowser.use((all) => all.appInstalled(query)).pipe(Effect.map(pendingReply))
  }),
  on("POST", "/v1/connections/confirm", {
    verb: "connections.add",
    body: Confirmation,
    run: ({ pass, body }) => ByBrowser.use((all) => all.confirm(pass, body)).pipe(Effect.map(created))
  })
]
