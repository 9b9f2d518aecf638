/**
 * Git's smart HTTP for one sandbox: the three requests of clone, fetch and push, and no other. The repository is on this host
 * (git-backend.ts) or on another that this host speaks to on the sandbox's behalf (git-remote.ts). Bodies stream both ways;
 * one that stands still for 60 s, takes longer than 10 min or is larger than 2 GB is cut.
 */
import { Effect, Semaphore } from "effect"
import type { GitSource } from "../../../actors/ports/proxy.ts"
import { type Exchange, refuse } from "./exchange.ts"
import { serveFromBackend } from "./git-backend.ts"
import { serveFromRemote } from "./git-remote.ts"
import * as limits from "./limits.ts"

const isSmart = ({ request, path, search }: Exchange): boolean =>
  path === "/info/refs"
    ? request.method === "GET" && /^\?service=git-(upload|receive)-pack$/.test(search)
    : request.method === "POST" && search === "" && (path === "/git-upload-pack" || path === "/git-receive-pack")

export type ServeGit = (exchange: Exchange, source: GitSource) => Effect.Effect<void>

export const makeGit = (): ServeGit => {
  const processes = Semaphore.makeUnsafe(limits.gitProcessesMax)
  const serve = (exchange: Exchange, source: GitSource) =>
    ("path" in source ? serveFromBackend(exchange, source.path) : serveFromRemote(exchange, source)).pipe(
      Effect.timeoutOrElse({
        duration: limits.gitRequestMs,
        orElse: () =>
          Effect.sync(() => refuse(exchange.response, 504, `Git took longer than ${limits.gitRequestMs / 60_000} minutes.`))
      })
    )
  return (exchange, source) => {
    if (!isSmart(exchange))
      return Effect.sync(() => refuse(exchange.response, 404, "Only git clone, fetch and push are served here."))
    return processes
      .withPermitsIfAvailable(1)(serve(exchange, source))
      .pipe(
        Effect.flatMap((served) =>
          Effect.sync(() => {
            if (served._tag === "None")
              refuse(exchange.response, 503, `${limits.gitProcessesMax} git requests are being served. Try again shortly.`)
          })
        )
      )
  }
}
