/**
 * The relay between agents and models: checks whose session asks and what it may, puts the host's key where the session's token
 * was, passes the answer on as it comes, and counts what it cost (forward.ts). What it promises:
 *
 *   R1  The host's key is in no answer, header, log, error or record, even where an endpoint repeats it.
 *   R2  A session gets models that are offered, by its own token: 8 calls at once, 4 a second in the long run, bodies up to 32 MB.
 *   R3  Nothing waits for ever: 10 s to connect, 120 s for the first byte and between two, an hour for all.
 *   R4  A client that leaves, a session that stops, a sandbox that goes: each ends the call at the endpoint as well.
 *   R5  A call is counted once, when it is over; where its end never came, by estimate.
 *
 * Other answers are the endpoint's own, 429 and 5xx with their Retry-After.
 */
import { Context, Effect, Layer, type Scope } from "effect"
import { Directory, type DirectoryError } from "../../actors/ports/directory.ts"
import { type Dialect, Models } from "../../actors/ports/models.ts"
import type { ModelRequest, ModelResponse } from "../../actors/ports/proxy.ts"
import { Access } from "../../actors/services/access.ts"
import type { ServiceError } from "../../actors/services/error.ts"
import type { Coordination } from "../../runtime/coordination.ts"
import { type Asker, makeAllowance } from "./allowance.ts"
import { type Route, routes } from "./dialects.ts"
import { makeForward } from "./forward.ts"
import { Limits } from "./limits.ts"
import { jsonResponse, type Refusal, refusal } from "./refusal.ts"
import { readRequest } from "./request.ts"
import { Upstreams } from "./upstreams.ts"

const tokenOf = ({ headers }: ModelRequest): string | null =>
  headers["x-api-key"] ?? /^Bearer +(\S+) *$/i.exec(headers["authorization"] ?? "")?.[1] ?? null

const served = Object.entries(routes).map(([path, { method }]) => `${method} ${path}`)

export class ModelRelay extends Context.Service<
  ModelRelay,
  { readonly serve: (asker: Asker, request: ModelRequest) => Effect.Effect<ModelResponse, never, Scope.Scope> }
>()("proliferate/adapters/model/ModelRelay") {
  /** `tokensMax`: of one session, input and output together. A call that begins below it is let finish. */
  static readonly layer = ({
    tokensMax
  }: {
    readonly tokensMax: number | null
  }): Layer.Layer<ModelRelay, never, Access | Coordination | Directory | Models | Upstreams> =>
    Layer.effect(
      ModelRelay,
      Effect.gen(function* () {
        const { authenticate } = yield* Access
        const directory = yield* Directory
        const { models } = yield* Models
        const { find } = yield* Upstreams
        const { bodyBytesMax } = yield* Limits
        const { enter, weigh } = yield* makeAllowance
        const forward = yield* makeForward
        const list = listOf(models.map(({ id }) => id))

        /** Why this session may not ask now; null: it may. */
        const refused = Effect.fnUntraced(
          function* (
            asker: Asker,
            request: ModelRequest
          ): Effect.fn.Return<Refusal | null, ServiceError | DirectoryError, Scope.Scope> {
            const principal = yield* authenticate(tokenOf(request))
            const isOwn =
              principal.kind === "sandbox" && principal.organisation === asker.org && principal.session.id === asker.sessionId
            if (!isOwn) return { status: 401, isFinal: true, message: "the token is not that of this sandbox's session" }
            const excess = yield* enter(asker)
            if (excess !== null) return { status: 429, ...excess }
            if (tokensMax === null) return null
            const { input, output } = yield* directory.modelUsage(asker.org, asker.sessionId)
            if (input + output < tokensMax) return null
            const message = `this session has used ${input + output} tokens of models and may use ${tokensMax}: start another, or raise PROLIFERATE_SESSION_TOKENS_MAX`
            return { status: 429, isFinal: true, message }
          },
          Effect.catchTags({
            ServiceError: ({ message }) => Effect.succeed<Refusal>({ status: 401, isFinal: true, message }),
            DirectoryError: ({ message }) =>
              Effect.as(Effect.logWarning(`a session may not ask a model: ${message}`), {
                status: 503,
                retryAfterS: 2,
                message: "the server's records cannot be read now"
              } satisfies Refusal)
          })
        )

        const notOffered = (model: string, dialect: Dialect): Refusal => {
          const offered = models.flatMap(({ id, dialects }) => (dialects.includes(dialect) ? [id] : []))
          const those =
            offered.length === 0 ? `no model is offered for ${dialect}` : `those for ${dialect} are: ${offered.join(", ")}`
          return { status: 404, isFinal: true, message: `there is no model ${model.slice(0, 200)} here; ${those}` }
        }

        const ask = Effect.fnUntraced(function* (asker: Asker, request: ModelRequest, route: Route, search: string) {
          const say = (said: Refusal) => refusal(route.dialect, said)
          if ((request.headers["content-encoding"] ?? "identity") !== "identity") {
            return say({ status: 415, isFinal: true, message: "a compressed body is not taken here" })
          }
          const body = yield* request.body(bodyBytesMax)
          if (body === null) {
            return say({ status: 413, isFinal: true, message: `a body may have at most ${bodyBytesMax / 2 ** 20} MB` })
          }
          const excess = yield* weigh(asker, body.length)
          if (excess !== null) return say({ status: 429, ...excess })
          const asked = readRequest(body, route)
          if (typeof asked === "string") return say({ status: 400, isFinal: true, message: asked })
          const upstream = find(asked.model, route.dialect)
          if (upstream === null) return say(notOffered(asked.model, route.dialect))
          const isBeta = new URLSearchParams(search).get("beta") === "true"
          const path = `${route.path}${isBeta ? "?beta=true" : ""}`
          return yield* forward({ asker, route, path, headers: request.headers, asked, upstream })
        })

        return ModelRelay.of({
          serve: Effect.fn("ModelRelay.serve")(function* (asker, request) {
            const [path = "", search = ""] = request.path.split("?", 2)
            const route = routes[path]
            if (route === undefined) {
              return refusal("chat", {
                status: 404,
                isFinal: true,
                message: `nothing is at ${path.slice(0, 200)}; served are ${served.join(", ")}`
              })
            }
            if (request.method !== route.method) {
              return refusal(route.dialect, { status: 405, isFinal: true, message: `${path} takes ${route.method}` })
            }
            const why = yield* refused(asker, request)
            if (why !== null) return refusal(route.dialect, why)
            return route.path === null ? jsonResponse(200, list) : yield* ask(asker, request, route, search)
          })
        })
      })
    )
}

/** As OpenAI's and Anthropic's clients both read it. */
const listOf = (ids: ReadonlyArray<string>): string =>
  JSON.stringify({
    object: "list",
    data: ids.map((id) => ({
      id,
      object: "model",
      type: "model",
      display_name: id,
      owned_by: "proliferate",
      created: 0,
      created_at: "1970-01-01T00:00:00Z"
    })),
    has_more: false,
    first_id: ids[0] ?? null,
    last_id: ids.at(-1) ?? null
  })
