/** Organisations that show their calls in Slack: Slack's wire on both sides, our gateway in between. */
import { Effect } from "effect"
import { Access } from "../../actors/services/access.ts"
import { startGateway } from "./gateway.ts"
import { notebook } from "./notebook.ts"
import { slackToken } from "./services/slack.ts"
import { approvalsChannel, clickOf, commandOf, type Delivery, type Shown, signed, slackApp } from "./services/slack-app.ts"

/** A gateway whose organisation shows its calls in Slack. */
export const scene = Effect.gen(function* () {
  const integration = notebook()
  const app = yield* slackApp
  const gateway = yield* startGateway({ integration, slack: app.place })
  const owner = gateway.owner.token
  const session = yield* gateway.session({ title: "Mend <!channel> the *pager*" })
  const agent = yield* gateway.sandboxToken(session.id)
  yield* gateway.must(owner, "POST", "/v1/connections", {
    integration: "notebook",
    secret: { kind: "token", token: "good-token" }
  })
  const connection = yield* gateway.must(owner, "POST", "/v1/connections", {
    integration: "slack",
    secret: { kind: "token", token: slackToken },
    settings: { approvals: approvalsChannel }
  })
  const calls = `/v1/sessions/${session.id}/calls`
  const add = (text = "hello") =>
    Effect.map(
      gateway.must(agent, "POST", calls, { integration: "notebook", action: "add_note", params: { page: "home", text } }),
      ({ id }) => id as string
    )
  /** Until something is so, 10 s at most. */
  const until = <A>(look: () => A | undefined | false) =>
    Effect.gen(function* () {
      for (let n = 0; n < 1_000; n++) {
        const seen = look()
        if (seen !== undefined && seen !== false) return seen
        yield* Effect.sleep(10)
      }
      throw new Error("it did not come to that")
    })
  const messageOf = (id: string) =>
    until(() => app.messages.find(({ blocks }) => JSON.stringify(blocks).includes(id)) satisfies Shown | undefined)
  const deliver = ({ body, headers }: Delivery) => gateway.ask(null, "POST", "/v1/slack/interactions", body, { ...headers })
  const click = (...given: Parameters<typeof clickOf>) => deliver(signed(clickOf(...given)))
  const link = Effect.fnUntraced(function* (token: string, user = "U1", team = "T1") {
    const { write } = yield* gateway.must(token, "POST", "/v1/slack/link")
    return yield* deliver(signed(commandOf(write, { user, team })))
  })
  const status = (id: string) => Effect.map(gateway.must(owner, "GET", `/v1/approvals/${id}`), (call) => call.status as string)
  const outcome = (id: string) => gateway.must(agent, "GET", `${calls}/${id}?wait=5000`)
  return {
    ...{ app, gateway, owner, integration, connection, session, agent },
    add,
    until,
    messageOf,
    deliver,
    click,
    link,
    status,
    outcome
  }
})

/** Another organisation that shows its calls on the same team: its owner's token, and an agent that asks for something. */
export const second = Effect.fnUntraced(function* ({ gateway, owner }: Effect.Success<typeof scene>) {
  const made = yield* gateway.must(owner, "POST", "/v1/organisations", {
    name: "Second",
    owner: { name: "Grace", email: "grace@example.org" }
  })
  const other: string = made.token.secret
  const org: string = made.organisation.id
  for (const [integration, token, settings] of [
    ["notebook", "good-token", {}],
    ["slack", slackToken, { approvals: approvalsChannel }]
  ])
    yield* gateway.must(other, "POST", "/v1/connections", { integration, secret: { kind: "token", token }, settings })
  yield* gateway.configuration("second", other)
  const session = yield* gateway.session({}, other)
  const agent = yield* gateway.its(Access.use((access) => Effect.succeed(access.mintSandboxToken(org, session.id))))
  const asks = gateway.must(agent, "POST", `/v1/sessions/${session.id}/calls`, {
    ...{ integration: "notebook", action: "add_note", params: { page: "home", text: "theirs" } }
  })
  return { other, asks }
})
