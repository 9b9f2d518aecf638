/**
 * Pull requests at GitHub, by the connection that the organisation has there: of repositories below GitHub's own address, and no
 * others. What is open already for a branch and its base is answered; what broke off is found when it is asked for again.
 */
import type { Octokit } from "@octokit/rest"
import { Effect, Layer, Redacted } from "effect"
import type { ActionError, Credential } from "../../../actors/ports/actions.ts"
import { type PullRequest, PullRequestError, PullRequests } from "../../../actors/ports/pull-requests.ts"
import { CredentialsOf } from "../../../actors/services/credentials.ts"
import { makeCall } from "../call.ts"
import * as limits from "../limits.ts"
import { plainToken, secretsOf } from "../provider.ts"
import { installationTokens } from "./app.ts"
import { octokitAt, service } from "./client.ts"
import type { GithubOptions } from "./github.ts"

interface Place {
  readonly owner: string
  readonly repo: string
}

/** Null: it is not GitHub's, or no repository. */
export const placeAt = (url: string, location: string): Place | null => {
  if (!URL.canParse(location) || new URL(location).host !== new URL(url).host) return null
  const [, owner, repo] = /^\/([^/]+)\/([^/]+?)(?:\.git)?\/?$/.exec(new URL(location).pathname) ?? []
  return owner === undefined || repo === undefined ? null : { owner: decodeURIComponent(owner), repo: decodeURIComponent(repo) }
}

const isTaken = (error: ActionError): boolean => error.reason === "invalid" && /already exists/i.test(error.message)

const asPullRequestError = ({ reason, message }: ActionError): PullRequestError => {
  const isClosed = reason === "needs-reauth" || reason === "forbidden" || reason === "not-found"
  return new PullRequestError({ reason: isClosed ? "closed" : reason === "invalid" ? "rejected" : "unreachable", message })
}

export const layer = ({ url, apiUrl }: Pick<GithubOptions, "url" | "apiUrl">): Layer.Layer<PullRequests, never, CredentialsOf> =>
  Layer.effect(
    PullRequests,
    Effect.gen(function* () {
      const credentials = yield* CredentialsOf
      const tokens = installationTokens(service, apiUrl)
      const clientOf = octokitAt(apiUrl)
      const call = makeCall(service)

      const asking = Effect.fnUntraced(function* (credential: Credential) {
        const secret = Redacted.value(credential)
        const token = secret.kind === "app" ? yield* tokens.of(secret) : plainToken(secret)
        return <A>(counts: boolean, run: (github: Octokit) => Promise<A>): Effect.Effect<A, ActionError> =>
          call(
            {
              counts: (method) => counts && method !== "GET",
              open: null,
              honoursKeys: !counts,
              limitMs: limits.callMs,
              secrets: [...secretsOf(secret), token]
            },
            async (fetch) => run(await clientOf(token, fetch))
          )
      })

      const open = Effect.fn("GithubPullRequests.open")(function* (
        { owner, repo }: Place,
        credential: Credential,
        { branch, base, ...asked }: { branch: string; base: string; title: string; body: string; draft: boolean }
      ): Effect.fn.Return<PullRequest, ActionError> {
        const ask = yield* asking(credential)
        const find = ask(false, async (github) => {
          const { data } = await github.rest.pulls.list({
            owner,
            repo,
            state: "open",
            head: `${owner}:${branch}`,
            base,
            per_page: 1
          })
          const [found] = data
          return found === undefined ? null : { url: found.html_url, number: found.number, existed: true }
        })
        const make = ask(true, async (github) => {
          const { data } = await github.rest.pulls.create({ owner, repo, head: branch, base, ...asked })
          return { url: data.html_url, number: data.number, existed: false }
        })
        return (
          (yield* find) ??
          (yield* make.pipe(
            // Somebody else was faster.
            Effect.catchIf(isTaken, (taken) => Effect.flatMap(find, (found) => (found === null ? taken : Effect.succeed(found))))
          ))
        )
      })

      const noted = (org: string, credential: Credential, { reason, message }: ActionError) =>
        reason === "needs-reauth"
          ? Effect.ignore(credentials.refused(org, service.integration, credential, message))
          : Effect.void

      return PullRequests.of({
        hostOf: (location) => {
          const place = placeAt(url, location)
          if (place === null) return null
          return {
            open: ({ org, branch, base, title, body, draft, author }) =>
              credentials.usable(org, service.integration).pipe(
                Effect.flatMap((credential) => {
                  const secret = Redacted.value(credential)
                  const opened = open(place, credential, {
                    ...{ branch, base, title, draft },
                    // It is opened by the account that is connected: for whom, only its text can say.
                    body: `${body}${body === "" ? "" : "\n\n"}Opened for ${author.name} by proliferate.`
                  })
                  // As in ../provider.ts.
                  const isStale = ({ reason, sent }: ActionError) =>
                    reason === "needs-reauth" && !sent && secret.kind === "app" && tokens.forget(secret)
                  return Effect.catchIf(opened, isStale, () => opened).pipe(
                    Effect.tapError((error) => noted(org, credential, error))
                  )
                }),
                Effect.catchTags({
                  ActionError: (error) => Effect.fail(asPullRequestError(error)),
                  NoCredential: ({ reason, message }) =>
                    Effect.fail(new PullRequestError({ reason: reason === "away" ? "unreachable" : "closed", message })),
                  DirectoryError: ({ message }) => Effect.fail(new PullRequestError({ reason: "unreachable", message }))
                })
              )
          }
        }
      })
    })
  )
