/**
 * The repositories of an organisation. One is registered only after it was reached; its credential is sealed apart from the
 * records and leaves the host in one way alone, as the authorization of the proxy that serves the sandbox's git.
 */
import { Context, Effect, Layer, Redacted, Schema } from "effect"
import { newId } from "../../runtime/address.ts"
import { type CredentialError, Credentials } from "../ports/credentials.ts"
import { Directory, type DirectoryError, type RepositoryRecord } from "../ports/directory.ts"
import type { GitSource } from "../ports/proxy.ts"
import { type RepositoryError, RepositoryProbe } from "../ports/repositories.ts"
import type { Pass } from "./access.ts"
import { ServiceError } from "./error.ts"
import { Name } from "./words.ts"

const Branch = Schema.String.check(
  Schema.isPattern(/^(?![-/.])(?!.*(\.\.|\/\/|@\{|\.lock$|[/.]$))[^\s~^:?*[\\\p{Cc}]{1,200}$/u, {
    message: "must be the name of a branch"
  })
)
const oneLine = Schema.isPattern(/^[^\p{Cc}]*$/u, { message: "must be one line" })

export const NewRepository = Schema.Struct({
  name: Name,
  location: Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(2000), oneLine),
  defaultBranch: Schema.optionalKey(Branch),
  /** A token, or `user:password`. */
  credential: Schema.optionalKey(Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(4000), oneLine))
})

/** What the git proxy of a sandbox may serve under a repository's id. */
export type GitAccess =
  | { readonly path: string }
  | { readonly url: string; readonly authorization: Redacted.Redacted<string> | null }

const loopback = /^(localhost|127(\.\d+){3}|\[::1\])$/
const invalid = (message: string) => Effect.fail(new ServiceError({ reason: "invalid", message: `location: ${message}` }))

const sourceOf = Effect.fnUntraced(function* (location: string, hasCredential: boolean) {
  if (location.startsWith("/")) {
    if (hasCredential) return yield* invalid("a path on the host takes no credential")
    return "local" as const
  }
  if (!URL.canParse(location) || !/^https?:\/\//i.test(location)) {
    return yield* invalid("must be an absolute path on the host, or an http(s) URL")
  }
  const { username, password, search, hash, protocol, hostname } = new URL(location)
  if (username !== "" || password !== "") return yield* invalid("must not hold a user or password: give them as `credential`")
  if (search !== "" || hash !== "") return yield* invalid("must not have a query or a fragment")
  if (hasCredential && protocol === "http:" && !loopback.test(hostname))
    return yield* invalid("a credential is only sent over https")
  return "remote" as const
})

/** A bare token is the password of a user that hosting services ignore. */
const basic = (credential: Redacted.Redacted<string>): string => {
  const secret = Redacted.value(credential)
  return `Basic ${Buffer.from(secret.includes(":") ? secret : `x-access-token:${secret}`).toString("base64")}`
}

export class Repositories extends Context.Service<
  Repositories,
  {
    readonly list: (pass: Pass<"repositories.read">) => Effect.Effect<ReadonlyArray<RepositoryRecord>, DirectoryError>
    readonly add: (
      pass: Pass<"repositories.add">,
      repository: typeof NewRepository.Type
    ) => Effect.Effect<RepositoryRecord, ServiceError | RepositoryError | DirectoryError | CredentialError>
    /** What the git proxy of a sandbox may serve. Null for whatever is not a repository of the session's configuration, and for a session that has stopped. */
    readonly gitAccess: (
      org: string,
      sessionId: string,
      repositoryId: string
    ) => Effect.Effect<GitSource | null, DirectoryError | CredentialError>
  }
>()("proliferate/actors/services/Repositories") {
  static readonly layer = Layer.effect(
    Repositories,
    Effect.gen(function* () {
      const directory = yield* Directory
      const credentials = yield* Credentials
      const { probe } = yield* RepositoryProbe

      return Repositories.of({
        list: ({ organisation }) => directory.repositories(organisation),

        add: Effect.fn("Repositories.add")(function* ({ organisation }, { name, location, defaultBranch, credential }) {
          const secret = credential === undefined ? null : Redacted.make(credential)
          const source = yield* sourceOf(location, secret !== null)
          const seen = yield* probe(location, secret)
          const branch = defaultBranch ?? seen.defaultBranch
          if (branch === null || !seen.branches.has(branch)) {
            const some = [...seen.branches].slice(0, 5).join(", ")
            return yield* new ServiceError({
              reason: "reference",
              message:
                branch === null
                  ? `${location} does not say which branch is its default: name one as defaultBranch (it has ${some})`
                  : `${location} has no branch ${branch} (it has ${some})`
            })
          }
          const id = yield* newId("rep")
          if (secret !== null) yield* credentials.put(organisation, id, secret)
          return yield* directory
            .addRepository({ id, org: organisation, name, source, location, defaultBranch: branch })
            .pipe(Effect.onError(() => (secret === null ? Effect.void : Effect.ignore(credentials.remove(organisation, id)))))
        }),

        gitAccess: Effect.fn("Repositories.gitAccess")(function* (org, sessionId, repositoryId) {
          const session = yield* directory.session(org, sessionId)
          if (session === null || session.configurationId === null || session.status === "stopped") return null
          const configuration = yield* directory.configuration(org, session.configurationId)
          if (!configuration?.repositories.some((used) => used.repositoryId === repositoryId)) return null
          const repository = yield* directory.repository(org, repositoryId)
          if (repository === null) return null
          if (repository.source === "local") return { path: repository.location }
          const credential = yield* credentials.get(org, repositoryId)
          return { url: repository.location, authorization: credential === null ? null : basic(credential) }
        })
      })
    })
  )
}
