/**
 * One request, one answer, without a server: what the gateway does with a request from the network and the proxy with one from a
 * sandbox. Route, check, rate, body, decode, use case, in this order, so that nobody waits for a stranger's body or parses it. It
 * always answers, within 25 s.
 */
import { Cause, Clock, Context, Effect, Layer, Schema } from "effect"
import { Access } from "../../actors/services/access.ts"
import { decode } from "../../actors/services/decode.ts"
import { Id } from "../../actors/services/words.ts"
import { newId } from "../../runtime/address.ts"
import type { Coordination } from "../../runtime/coordination.ts"
import { actionRoutes } from "./actions.ts"
import { administrationRoutes } from "./administration.ts"
import { browserRoutes } from "./by-browser.ts"
import { chatRoutes } from "./chat.ts"
import type { Reply, Route, Services } from "./endpoint.ts"
import { parseBytes } from "./json.ts"
import { operationRoutes } from "./operations.ts"
import { page, said, takesPages } from "./page.ts"
import { type Failure, HttpError, internal, overdue, type Refusal, refusalOf } from "./problem.ts"
import { principalOf, withinRate } from "./rate.ts"
import { routes } from "./routes.ts"

export interface Request {
  readonly method: string
  /** Without its query. */
  readonly path: string
  /** As it came, without `?`. */
  readonly query: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** At most `bodyBytesMax`; the server that reads it sees to that. */
  readonly body: Uint8Array
}

/** A request before its body. */
export type Head = Omit<Request, "body">
/** Waits for a body, of whom is known by that name, or of a stranger; not for ever. */
export type Arriving = (who: string | null) => Effect.Effect<Uint8Array, HttpError>

export interface Response {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export const bodyBytesMax = 1024 * 1024
/** Less than the 30 s that clients wait; a commit is waited for less than that. */
const answerWithinMs = 25_000

const always = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff"
}

export const tokenFrom = (headers: Request["headers"]): string | null =>
  /^Bearer +(\S+) *$/i.exec(headers["authorization"] ?? "")?.[1] ?? null

interface Place {
  readonly pattern: RegExp
  readonly names: ReadonlyArray<string>
  readonly methods: ReadonlyMap<string, Route>
}

const placeOf = ([path, its]: readonly [string, ReadonlyArray<Route>]): Place => ({
  pattern: new RegExp(`^${path.replace(/:[A-Za-z]+/g, "([^/]+)")}$`),
  names: [...path.matchAll(/:([A-Za-z]+)/g)].map(([, name]) => name!),
  methods: new Map(its.map((route) => [route.method, route]))
})
const places: ReadonlyArray<Place> = [
  ...Map.groupBy(
    [...routes, ...operationRoutes, ...actionRoutes, ...administrationRoutes, ...browserRoutes, ...chatRoutes],
    ({ path }) => path
  )
].map(placeOf)

const httpError = (status: HttpError["status"], message: string, headers: Record<string, string> = {}) =>
  Effect.fail(new HttpError({ status, message, headers }))

const decodeId = decode(Id)
/** An empty struct would take anything. */
const Nothing = Schema.Record(Schema.String, Schema.Unknown).check(
  Schema.makeFilter((fields) => Object.keys(fields).length === 0 || `${Object.keys(fields)[0]}: is not a known field`)
)

const find = (path: string): Effect.Effect<{ readonly place: Place; readonly found: ReadonlyArray<string> }, Failure> => {
  for (const place of places) {
    const match = place.pattern.exec(path)
    if (match) return Effect.succeed({ place, found: match.slice(1) })
  }
  return httpError(404, `there is no ${path.length > 200 ? "such path" : path} here; the API begins at /v1`)
}

/** As it stands where it is not what it should be. */
export const decoded = (segment: string): string => {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}

const paramsOf = Effect.fnUntraced(function* ({ names }: Place, found: ReadonlyArray<string>) {
  const params: Record<string, string> = {}
  for (const [index, name] of names.entries()) {
    // What cannot be an id is the id of nothing.
    params[name] = yield* decodeId(decoded(found[index]!)).pipe(
      Effect.catch(() => httpError(404, `there is no such ${name}: it has 1 to 128 letters, digits or _ . : -`))
    )
  }
  return params
})

const bodyOf = Effect.fnUntraced(function* ({ body: schema, rawBytesMax }: Route, { headers, body }: Request) {
  const bytesMax = rawBytesMax ?? bodyBytesMax
  if (body.byteLength > bytesMax) return yield* httpError(413, `a body has at most ${bytesMax} bytes`)
  if (rawBytesMax !== undefined) return undefined
  if (body.byteLength === 0) return schema === undefined ? undefined : yield* httpError(400, "a JSON body is needed")
  const type = headers["content-type"] ?? ""
  if (!/^application\/json *(;|$)/i.test(type)) {
    return yield* httpError(415, `the body must be application/json${type === "" ? "" : `, not ${type.slice(0, 100)}`}`)
  }
  if (!/^(identity)?$/i.test(headers["content-encoding"] ?? "")) return yield* httpError(415, "the body must not be compressed")
  const parsed = parseBytes(body)
  if ("fault" in parsed) return yield* httpError(400, `the body ${parsed.fault}`)
  return yield* decode(schema ?? Nothing)(parsed.value)
})

const queryOf = Effect.fnUntraced(function* ({ query: schema }: Route, query: string) {
  return yield* decode(schema ?? Nothing)(Object.fromEntries(new URLSearchParams(query)))
})

const run = Effect.fnUntraced(function* (
  head: Head,
  arriving: Arriving
): Effect.fn.Return<Reply & { readonly allow?: string }, Failure, Services | Coordination> {
  const { place, found } = yield* find(head.path)
  const allow = [...place.methods.keys(), ...(place.methods.has("GET") ? ["HEAD"] : []), "OPTIONS"].join(", ")
  if (head.method === "OPTIONS") return { status: 204, body: undefined, allow }
  const route = place.methods.get(head.method === "HEAD" ? "GET" : head.method)
  if (route === undefined) return yield* httpError(405, `${head.path} takes ${allow}`, { allow })

  const params = yield* paramsOf(place, found)
  const access = yield* Access
  const pass =
    route.verb === null
      ? null
      : yield* access.check(tokenFrom(head.headers), route.verb, route.verb.startsWith("session.") ? params["id"] : undefined)
  if (pass !== null) yield* withinRate(pass)
  const given = head.headers["idempotency-key"]
  const key =
    given === undefined
      ? null
      : yield* decodeId(given).pipe(Effect.catch(({ message }) => httpError(400, `Idempotency-Key: ${message}`)))
  const query = yield* queryOf(route, head.query)
  // Nobody's body is waited for where there is no use for one.
  const isWanted = pass !== null || route.body !== undefined || route.rawBytesMax !== undefined
  const request = { ...head, body: isWanted ? yield* arriving(pass && principalOf(pass)) : new Uint8Array() }
  const body = yield* bodyOf(route, request)
  return yield* route.run({ pass: pass as never, params, query, body, key, request })
})

const answer = ({ headers }: Head, { status, body, allow, page, location }: Reply & { readonly allow?: string }): Response => {
  const isPage = page !== undefined && takesPages(headers)
  const type = isPage ? "text/html; charset=utf-8" : "application/json"
  return {
    status: location !== undefined && takesPages(headers) ? 303 : status,
    headers: {
      ...always,
      ...(body !== undefined && { "content-type": type }),
      ...(location !== undefined && takesPages(headers) && { location }),
      ...(allow !== undefined && { allow })
    },
    body: isPage ? page : body === undefined ? "" : JSON.stringify(body)
  }
}

export const refuse = ({ problem, headers }: Refusal): Response => ({
  status: problem.status,
  headers: { ...always, "content-type": "application/problem+json", ...headers },
  body: JSON.stringify(problem)
})

/** The same to a person whose browser came back with something that is of no use. */
const shown = ({ headers }: Head, refusal: Refusal): Response => {
  const response = refuse(refusal)
  if (!takesPages(headers)) return response
  const { title, detail } = refusal.problem
  return {
    ...response,
    headers: { ...response.headers, "content-type": "text/html; charset=utf-8" },
    body: page(title, said(detail))
  }
}

export class Api extends Context.Service<Api, { readonly handle: (head: Head, body: Arriving) => Effect.Effect<Response> }>()(
  "proliferate/adapters/gateway/Api"
) {
  static readonly layer: Layer.Layer<Api, never, Services | Coordination> = Layer.effect(
    Api,
    Effect.gen(function* () {
      const services = yield* Effect.context<Services | Coordination>()

      const handle = Effect.fn("Api.handle")(function* (request: Head, arriving: Arriving) {
        const requestId = yield* newId("req")
        const beganAtMs = yield* Clock.currentTimeMillis
        const response = yield* run(request, arriving).pipe(
          Effect.map((reply) => answer(request, reply)),
          Effect.timeoutOrElse({
            duration: answerWithinMs,
            orElse: () => Effect.succeed(refuse(overdue))
          }),
          Effect.catch((failure) => Effect.succeed(shown(request, refusalOf(failure)))),
          Effect.catchCause((cause) =>
            Cause.hasInterruptsOnly(cause)
              ? Effect.interrupt
              : Effect.as(Effect.logError(`${request.method} ${request.path} ${requestId}`, cause), refuse(internal(requestId)))
          )
        )
        const tookMs = (yield* Clock.currentTimeMillis) - beganAtMs
        yield* Effect.logDebug(`${request.method} ${request.path} ${response.status} ${tookMs} ms ${requestId}`)
        return { ...response, headers: { ...response.headers, "x-request-id": requestId } }
      }, Effect.provideContext(services))

      return Api.of({ handle })
    })
  )
}
