/**
 * A stand-in for GitHub on the loopback, for the demo alone: the few routes of https://docs.github.com/rest that its agent needs, over
 * HTTP, to the client library that the real one gets. It notes what took effect and when it was asked, and has bad moments on demand.
 */
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { Effect } from "effect"

export const trackerToken = "ghp_demodemodemodemodemodemodemodemodemo"
const user = { login: "demo-team", id: 1, type: "User" }
const bodyBytesMax = 1024 * 1024

/** `lost`: it takes effect, and the connection breaks before the answer. `limited`: not now, come back later. */
export type Moment = "lost" | "limited"

export interface Tracker {
  readonly url: string
  /** Comments that were made, with when they were asked for. */
  readonly effects: ReadonlyArray<{ readonly body: string; readonly atMs: number }>
  readonly next: (moment: Moment) => void
}

interface Comment {
  readonly id: number
  readonly body: string
  readonly html_url: string
  readonly user: typeof user
  readonly created_at: string
  readonly updated_at: string
}

const limitedForS = 120

export const startTracker = Effect.acquireRelease(
  Effect.promise(async () => {
    const effects: Array<{ body: string; atMs: number }> = []
    const comments: Array<Comment> = []
    const moments: Array<Moment> = []
    const issue = { id: 7, number: 7, title: "Page 0 shows page 1", state: "open", user, labels: [], assignees: [], comments: 0 }
    const dated = { created_at: new Date().toISOString(), updated_at: new Date().toISOString(), closed_at: null }

    const say = (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}) => {
      response.writeHead(status, { "content-type": "application/json; charset=utf-8", ...headers })
      response.end(JSON.stringify(body))
    }

    const server = createServer(async (request, response) => {
      const askedAtMs = performance.now()
      response.on("error", () => {})
      let text = ""
      for await (const piece of request.setEncoding("utf8")) if (text.length < bodyBytesMax) text += piece
      const { pathname } = new URL(request.url ?? "/", "http://tracker")
      if (
        !/^(token|Bearer) /i.test(request.headers.authorization ?? "") ||
        !request.headers.authorization!.endsWith(trackerToken)
      )
        return say(response, 401, { message: "Bad credentials" })
      const moment = moments.shift()
      if (moment === "limited")
        return say(response, 403, { message: "You have exceeded a secondary rate limit" }, { "retry-after": String(limitedForS) })
      if (pathname === "/user") return say(response, 200, user, { "x-oauth-scopes": "repo" })
      if (pathname === "/repos/acme/api/issues") return say(response, 200, [{ ...issue, ...dated, html_url: `${pathname}/7` }])
      if (pathname !== "/repos/acme/api/issues/7/comments") return say(response, 404, { message: "Not Found" })
      if (request.method === "GET") return say(response, 200, comments)
      const { body } = JSON.parse(text) as { readonly body: string }
      const id = comments.length + 1
      const comment = {
        id,
        body,
        html_url: `${pathname}#${id}`,
        user,
        created_at: new Date().toISOString(),
        updated_at: new Date().toISOString()
      }
      comments.push(comment)
      effects.push({ body, atMs: askedAtMs })
      if (moment === "lost") return void response.socket?.destroy()
      say(response, 201, comment)
    })
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject)
      server.listen(0, "127.0.0.1", resolve)
    })
    const tracker: Tracker = {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      effects,
      next: (moment) => void moments.push(moment)
    }
    return { tracker, server }
  }),
  ({ server }) =>
    Effect.promise(async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    })
).pipe(Effect.map(({ tracker }) => tracker))
