/** The routes of the chat that calls are decided in. As in routes.ts, nothing is decided here. */
import { Effect, Schema } from "effect"
import { ChatLink, Clicks } from "../../actors/services/clicks.ts"
import { created, nothing, ok, on, type Route } from "./endpoint.ts"

/** Slack's own messages are smaller, with the message that was clicked and all. */
const heardBytesMax = 256 * 1024
const Whom = Schema.Struct({ team: Schema.String, user: Schema.String })

export const chatRoutes: ReadonlyArray<Route> = [
  // Nobody's token: Slack signs it.
  on("POST", "/v1/slack/interactions", {
    verb: null,
    rawBytesMax: heardBytesMax,
    run: ({ request: { headers, body } }) =>
      Clicks.use((clicks) => clicks.hear(headers, body)).pipe(
        Effect.map((text) => ok(text === null ? undefined : { response_type: "ephemeral", text }))
      )
  }),
  on("POST", "/v1/slack/link", {
    verb: "chat.link",
    run: ({ pass }) => Clicks.use((clicks) => clicks.begin(pass)).pipe(Effect.map(created))
  }),
  on("GET", "/v1/slack/people", {
    verb: "chat.read",
    run: ({ pass }) => Clicks.use((clicks) => clicks.people(pass)).pipe(Effect.map((people) => ok({ people })))
  }),
  on("POST", "/v1/slack/people", {
    verb: "users.add",
    body: ChatLink,
    run: ({ pass, body }) => Clicks.use((clicks) => clicks.link(pass, body)).pipe(Effect.as(nothing))
  }),
  on("POST", "/v1/slack/unlink", {
    verb: "chat.link",
    body: Whom,
    run: ({ pass, body }) => Clicks.use((clicks) => clicks.unlink(pass, body.team, body.user)).pipe(Effect.as(nothing))
  })
]
