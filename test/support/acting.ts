/** A session whose agent acts on a service, on a gateway, and the people who decide about it. */
import { Effect } from "effect"
import { type Started, startGateway } from "./gateway.ts"
import type { GatewayTest } from "./gateway-layers.ts"
import { notebook } from "./notebook.ts"

/** A session whose agent may ask, on a gateway where the notebook is connected. */
export const scene = Effect.fnUntraced(function* (
  options: { readonly connected?: boolean; readonly coordination?: GatewayTest["coordination"] } = {}
) {
  const integration = notebook()
  const gateway: Started = yield* startGateway({
    integration,
    ...(options.coordination && { coordination: options.coordination })
  })
  const owner = gateway.owner.token
  const session = yield* gateway.session()
  const agent = yield* gateway.sandboxToken(session.id)
  const path = `/v1/sessions/${session.id}/calls`
  if (options.connected ?? true)
    yield* gateway.must(owner, "POST", "/v1/connections", {
      integration: "notebook",
      secret: { kind: "token", token: "good-token" }
    })
  const call = (action: string, params: Record<string, unknown>, more: Record<string, unknown> = {}, headers = {}) =>
    gateway.ask(agent, "POST", path, { integration: "notebook", action, params, waitMs: 5_000, ...more }, headers)
  const waiting = (action = "add_note", params: Record<string, unknown> = { page: "home", text: "hello" }) =>
    Effect.map(call(action, params, { waitMs: 0 }), ({ body }) => body.id as string)
  const status = (id: string, waitMs = 5_000) => gateway.ask(agent, "GET", `${path}/${id}?wait=${waitMs}`)
  const pending = Effect.fnUntraced(function* (id: string) {
    while ((yield* gateway.must(owner, "GET", `/v1/approvals/${id}`)).status === "requested") yield* Effect.sleep(5)
    return id
  })
  const decide = (id: string, verb: string, body: unknown, as = owner) =>
    gateway.ask(as, "POST", `/v1/approvals/${id}/${verb}`, body)
  return { gateway, integration, owner, session, agent, path, call, waiting, status, pending, decide }
})
