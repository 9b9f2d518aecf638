/**
 * A repository of another host: the same requests, made from here with the credentials that the sandbox never sees. A redirect
 * is not followed, since it could take the credentials anywhere.
 */
import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from "node:http"
import { request as httpsRequest } from "node:https"
import { Effect } from "effect"
import { bound, type Exchange, refuse } from "./exchange.ts"
import * as limits from "./limits.ts"

const asked = [
  "accept",
  "accept-encoding",
  "accept-language",
  "content-encoding",
  "content-length",
  "content-type",
  "git-protocol",
  "pragma",
  "user-agent"
]
const answered = ["cache-control", "content-encoding", "content-length", "content-type", "expires", "pragma"]

const only = (names: ReadonlyArray<string>, headers: IncomingMessage["headers"]): OutgoingHttpHeaders =>
  Object.fromEntries(names.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]])))

const explain = (status: number, hasCredentials: boolean, answer: IncomingMessage): string | null => {
  const isRefusal = status === 401 || status === 403
  if (isRefusal && !hasCredentials)
    return "This repository needs a password or token, and the host has none for it. Add one to the repository's registration."
  if (isRefusal)
    return "The remote refuses the credentials that the host has for this repository: wrong, expired, or without the right to do this."
  if (status === 404) return "The remote has no such repository, or hides it from the credentials that the host has for it."
  if (status < 300 || status >= 400) return null
  const to = URL.parse(answer.headers.location ?? "")
  return `The remote redirects${to === null ? "" : ` to ${to.host}${to.pathname}`}. Register the repository under its new address.`
}

export const serveFromRemote = (
  exchange: Exchange,
  { url, authorization }: { readonly url: string; readonly authorization: string | null }
): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const { request, response, path, search } = exchange
    const target = URL.parse(`${url.replace(/\/+$/, "")}${path}${search}`)
    if (target === null || !["http:", "https:"].includes(target.protocol)) {
      refuse(response, 502, "The repository's address is not one of http or https.")
      return resume(Effect.void)
    }
    const headers = { ...only(asked, request.headers), ...(authorization === null ? {} : { authorization }) }
    const send = target.protocol === "https:" ? httpsRequest : httpRequest
    const outgoing = send(target, { method: request.method!, headers, agent: false, timeout: limits.gitSilenceMs })
    const end = () => {
      outgoing.destroy()
      resume(Effect.void)
    }
    const failWith = (message: string) => {
      refuse(response, 502, message)
      end()
    }
    const connecting = setTimeout(
      () => failWith(`${target.host} could not be reached within ${limits.gitConnectMs / 1_000} s.`),
      limits.gitConnectMs
    )
    outgoing.on("socket", (socket) =>
      socket.on(target.protocol === "https:" ? "secureConnect" : "connect", () => clearTimeout(connecting))
    )
    outgoing.on("timeout", () => failWith(`${target.host} said nothing for ${limits.gitSilenceMs / 1_000} s.`))
    outgoing.on("error", (error) => failWith(`${target.host} could not be reached: ${error.message}`))
    outgoing.on("close", () => clearTimeout(connecting))
    outgoing.on("response", (answer) => {
      const status = answer.statusCode ?? 502
      const explanation = explain(status, authorization !== null, answer)
      if (explanation !== null) {
        refuse(response, status < 400 ? 502 : status, explanation)
        return end()
      }
      response.writeHead(status, only(answered, answer.headers))
      answer.on("error", () => response.destroy())
      answer.pipe(response)
    })
    bound(exchange, end)
    request.pipe(outgoing)
    response.on("close", end)
    return Effect.sync(() => outgoing.destroy())
  })
