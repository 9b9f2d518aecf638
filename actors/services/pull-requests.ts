/**
 * A pull request from the branch of a session. The work must have been pushed and differ from what it is asked to go into; both are
 * looked up at the repository itself, so that a session that rests or has stopped can be proposed as well.
 */
import { Context, Effect, Layer, Schema } from "effect"
import { type CredentialError, Credentials } from "../ports/credentials.ts"
import { Directory, type DirectoryError, type RepositoryRecord } from "../ports/directory.ts"
import { type PullRequest, PullRequestError, PullRequests } from "../ports/pull-requests.ts"
import { type RepositoryError, RepositoryProbe } from "../ports/repositories.ts"
import type { Pass } from "./access.ts"
import { ServiceError } from "./error.ts"
import { workBranchOf } from "./workspaces.ts"

const noNul = Schema.isPattern(/^[^\u0000]*$/u, { message: "must not contain NUL characters" })
const Branch = Schema.String.check(
  Schema.isPattern(/^(?![-/.])(?!.*(\.\.|\/\/|@\{|\.lock$|[/.]$))[^\s~^:?*[\\\p{Cc}]{1,200}$/u, {
    message: "must be the name of a branch"
  })
)
export const NewPullRequest = Schema.Struct({
  title: Schema.optionalKey(
    Schema.String.check(Schema.isPattern(/^\S[^\p{Cc}\p{Cs}]{0,255}$/u, { message: "one line of 1 to 256 characters" }))
  ),
  body: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(60_000), noNul)),
  base: Schema.optionalKey(Branch),
  draft: Schema.optionalKey(Schema.Boolean),
  /** Where the repository lies in the workspace, if that holds several. */
  path: Schema.optionalKey(Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(500)))
})

type Failed = ServiceError | DirectoryError | CredentialError | RepositoryError | PullRequestError

export class Proposals extends Context.Service<
  Proposals,
  {
    readonly open: (
      pass: Pass<"session.propose">,
      request: typeof NewPullRequest.Type
    ) => Effect.Effect<PullRequest & { readonly branch: string; readonly base: string }, Failed>
  }
>()("proliferate/actors/services/Proposals") {
  static readonly layer = Layer.effect(
    Proposals,
    Effect.gen(function* () {
      const directory = yield* Directory
      const credentials = yield* Credentials
      const { probe } = yield* RepositoryProbe
      const { hostOf } = yield* PullRequests

      const no = (reason: ServiceError["reason"], message: string) => Effect.fail(new ServiceError({ reason, message }))

      const repositoryOf = Effect.fnUntraced(function* (
        { organisation, session }: Pass<"session.propose">,
        path: string | undefined
      ) {
        const configuration =
          session.configurationId === null ? null : yield* directory.configuration(organisation, session.configurationId)
        const all = configuration?.repositories ?? []
        const used = path === undefined && all.length === 1 ? all[0] : all.find((each) => each.path === (path ?? "."))
        const paths = all.map((each) => each.path).join(", ")
        if (used === undefined)
          return yield* no(
            "invalid",
            `path: name one of the repositories of this session: ${paths === "" ? "it has none" : paths}`
          )
        const repository = yield* directory.repository(organisation, used.repositoryId)
        return repository ?? (yield* no("reference", `repository ${used.repositoryId} is not there any more`))
      })

      return Proposals.of({
        open: Effect.fn("Proposals.open")(function* (pass, { title, body = "", base: wanted, draft = false, path }) {
          const { organisation, session, principal } = pass
          const repository = yield* repositoryOf(pass, path)
          const { location, defaultBranch, id: repositoryId } = repository
          const [branch, base] = [workBranchOf(session.id), wanted ?? defaultBranch]
          if (branch === base) return yield* no("invalid", `base: ${base} is the session's own branch`)

          const secret = yield* credentials.get(organisation, repositoryId)
          const { commits } = yield* probe(location, secret)
          const [ours, theirs] = [commits.get(branch), commits.get(base)]
          if (theirs === undefined) return yield* no("reference", `base: ${repository.name} has no branch ${base}`)
          if (ours === undefined)
            return yield* no(
              "reference",
              `${branch} was not pushed yet: ask the session's agent to commit and push its work first`
            )
          if (ours === theirs)
            return yield* no("reference", `${branch} is the same commit as ${base}: there is nothing to propose yet`)

          const host = hostOf(location)
          if (host === null) return yield* no("reference", byHand(repository, branch, base))
          const owner = (yield* directory.users(organisation)).find(({ id }) => id === session.owner)
          const author =
            owner ?? (principal.kind === "user" ? principal.user : { name: "proliferate", email: "agent@proliferate.invalid" })
          const opened = yield* host
            .open({
              org: organisation,
              repositoryId,
              branch,
              base,
              title: title ?? (session.title || `Work of session ${session.id}`),
              body,
              draft,
              author: { name: author.name, email: author.email }
            })
            .pipe(
              // Whoever has no right here may have one there.
              Effect.mapError((error) =>
                error.reason === "closed"
                  ? new PullRequestError({ reason: "closed", message: `${error.message}. ${pushed(repository, branch, base)}` })
                  : error
              )
            )
          return { ...opened, branch, base }
        })
      })
    })
  )
}

/** Pages on which the hosts that most people use begin a pull request. */
const compareAt: Readonly<Record<string, (place: string, base: string, branch: string) => string>> = {
  "github.com": (place, base, branch) => `${place}/compare/${base}...${branch}?expand=1`,
  "gitlab.com": (place, base, branch) =>
    `${place}/-/merge_requests/new?merge_request[source_branch]=${branch}&merge_request[target_branch]=${base}`,
  "bitbucket.org": (place, base, branch) => `${place}/pull-requests/new?source=${branch}&dest=${base}`,
  "codeberg.org": (place, base, branch) => `${place}/compare/${base}...${branch}`
}

/** What is there, and where a person goes on. */
const pushed = ({ location, source }: RepositoryRecord, branch: string, base: string): string => {
  const there = `The work is pushed as ${branch}`
  if (source === "local") return `${there}; merge it into ${base} there.`
  const url = new URL(location)
  const place = `${url.origin}${url.pathname.replace(/\.git\/?$|\/$/, "")}`
  const compare = compareAt[url.hostname]?.(place, encodeURI(base), encodeURI(branch))
  return `${there}; ${compare === undefined ? `open one for ${base} at ${url.hostname}` : `open one yourself: ${compare}`}`
}

/** What is missing, what is there, and where a person goes on. */
export const byHand = (repository: RepositoryRecord, branch: string, base: string): string => {
  const { name, location, source } = repository
  const why =
    source === "local"
      ? "it is a directory of the server, which has none"
      : `this server is not connected to ${new URL(location).hostname}`
  return `pull requests of ${name} cannot be opened from here: ${why}. ${pushed(repository, branch, base)}`
}
