/**
 * Organisations, their people and their people's tokens. Everybody manages their own tokens; an admin everyone's but those of
 * owners and admins, which are an owner's. A token's secret is in one answer and nowhere else.
 */
import { randomBytes } from "node:crypto"
import { Clock, Context, Effect, Layer, Schema } from "effect"
import { newId } from "../../runtime/address.ts"
import {
  Directory,
  type DirectoryError,
  type Organisation,
  Role,
  type SessionRow,
  type Token,
  type User
} from "../ports/directory.ts"
import { hashOf, type Pass, reaches } from "./access.ts"
import { ServiceError } from "./error.ts"
import { Email, Id, Name } from "./words.ts"

const dayMs = 24 * 60 * 60_000
const prefixCharacters = 8

export const NewOrganisation = Schema.Struct({
  name: Name,
  owner: Schema.Struct({ name: Name, email: Email }),
  /** Where it lives for good; at home if none is named. */
  cell: Schema.optionalKey(Id)
})
export const NewUser = Schema.Struct({ name: Name, email: Email, role: Role })
export const NewToken = Schema.Struct({
  userId: Schema.optionalKey(Id),
  name: Name,
  expiresInDays: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 3650 })))
})

export type IssuedToken = Token & { readonly secret: string }
export interface Founded {
  readonly organisation: Organisation
  readonly user: User
  readonly token: IssuedToken
}
export type Self =
  | {
      readonly kind: "user"
      readonly organisation: Pick<Organisation, "id" | "name">
      readonly user: Pick<User, "id" | "name" | "email" | "role">
    }
  | {
      readonly kind: "sandbox"
      readonly organisation: Pick<Organisation, "id" | "name">
      readonly session: Pick<SessionRow, "id" | "title" | "status">
    }

type Result<A> = Effect.Effect<A, ServiceError | DirectoryError>

export class People extends Context.Service<
  People,
  {
    readonly whoami: (pass: Pass<"self.read">) => Result<Self>
    readonly organisations: (pass: Pass<"organisations.read">) => Result<ReadonlyArray<Organisation>>
    readonly addOrganisation: (pass: Pass<"organisations.add">, organisation: typeof NewOrganisation.Type) => Result<Founded>
    readonly users: (pass: Pass<"users.read">) => Result<ReadonlyArray<User>>
    readonly addUser: (pass: Pass<"users.add">, user: typeof NewUser.Type) => Result<User>
    /** Their tokens go with them. The last owner stays. */
    readonly removeUser: (pass: Pass<"users.remove">, id: string) => Result<void>
    /** Those of everyone for an admin, one's own otherwise. */
    readonly tokens: (pass: Pass<"tokens.read">) => Result<ReadonlyArray<Token>>
    readonly addToken: (pass: Pass<"tokens.add">, token: typeof NewToken.Type) => Result<IssuedToken>
    readonly revokeToken: (pass: Pass<"tokens.revoke">, id: string) => Result<void>
    /** For the host itself, once: the first organisation with its owner; null if there is one already. */
    readonly found: (organisation: typeof NewOrganisation.Type) => Result<Founded | null>
    /** For whoever may read the host's data: a token of the first owner there is, or of the user with this email. */
    readonly issueLocally: (request: {
      readonly name: string
      readonly email: string | null
    }) => Result<IssuedToken & { readonly user: User }>
  }
>()("proliferate/actors/services/People") {
  static readonly layer: Layer.Layer<People, never, Directory> = Layer.effect(
    People,
    Effect.gen(function* () {
      const directory = yield* Directory
      const fail = (reason: ServiceError["reason"], message: string) => Effect.fail(new ServiceError({ reason, message }))

      const selfOf = ({ principal }: Pass): User | null => (principal.kind === "user" ? principal.user : null)

      const drawn = Effect.fnUntraced(function* (user: Pick<User, "id" | "org">, name: string, expiresInDays?: number) {
        const secret = `plf_${randomBytes(32).toString("base64url")}`
        const token = {
          id: yield* newId("tok"),
          org: user.org,
          userId: user.id,
          name,
          prefix: secret.slice(0, prefixCharacters),
          hash: hashOf(secret),
          expiresAtMs: expiresInDays === undefined ? null : (yield* Clock.currentTimeMillis) + expiresInDays * dayMs
        }
        return { secret, token }
      })

      const issue = Effect.fnUntraced(function* (user: User, name: string, expiresInDays?: number) {
        const { secret, token } = yield* drawn(user, name, expiresInDays)
        return { ...(yield* directory.addToken(token)), secret }
      })

      const addFounded = Effect.fnUntraced(function* ({ name, owner, cell }: typeof NewOrganisation.Type) {
        const organisation = { id: yield* newId("org"), name, cell }
        const user = { id: yield* newId("usr"), org: organisation.id, ...owner, role: "owner" as const }
        const { secret, token } = yield* drawn(user, "first")
        const founded = yield* directory.found({ organisation, user, token })
        return { ...founded, token: { ...founded.token, secret } }
      })

      /** Owners and admins are an owner's business, oneself excepted. */
      const mustManage = (pass: Pass, user: User, what: string) => {
        const self = selfOf(pass)
        if (self === null) return fail("forbidden", `a sandbox's token may not ${what}`)
        const least = self.id === user.id ? "viewer" : reaches(user.role, "admin") ? "owner" : "admin"
        return reaches(self.role, least)
          ? Effect.void
          : fail("forbidden", `to ${what} of ${user.role} ${user.name} needs the role ${least} or above; yours is ${self.role}`)
      }

      const named = Effect.fnUntraced(function* ({ organisation }: Pass) {
        const found = (yield* directory.organisations).find(({ id }) => id === organisation)
        return found ?? (yield* fail("not-found", "your organisation is no longer there"))
      })

      const userIn = Effect.fnUntraced(function* (org: string, id: string) {
        return (yield* directory.users(org)).find((user) => user.id === id) ?? null
      })

      return People.of({
        whoami: Effect.fn("People.whoami")(function* (pass) {
          const { id, name } = yield* named(pass)
          const { principal } = pass
          if (principal.kind === "sandbox") {
            const { session } = principal
            return {
              kind: "sandbox",
              organisation: { id, name },
              session: { id: session.id, title: session.title, status: session.status }
            }
          }
          const { user } = principal
          return {
            kind: "user",
            organisation: { id, name },
            user: { id: user.id, name: user.name, email: user.email, role: user.role }
          }
        }),
        organisations: (pass) => named(pass).pipe(Effect.map((own) => [own])),
        addOrganisation: (_, organisation) => addFounded(organisation),
        users: ({ organisation }) => directory.users(organisation),
        addUser: Effect.fn("People.addUser")(function* (pass, { name, email, role }) {
          const user = { id: yield* newId("usr"), org: pass.organisation, name, email, role, createdAtMs: 0 }
          yield* mustManage(pass, user, "add the account")
          return yield* directory.addUser({ id: user.id, org: user.org, name, email, role })
        }),
        removeUser: Effect.fn("People.removeUser")(function* (pass, id) {
          const users = yield* directory.users(pass.organisation)
          const user = users.find((known) => known.id === id)
          if (user === undefined) return yield* fail("not-found", `there is no user ${id} in your organisation`)
          yield* mustManage(pass, user, "remove the account")
          if (!(yield* directory.removeUser(pass.organisation, id)) && user.role === "owner")
            return yield* fail("refused", "an organisation keeps its last owner: add another one first")
        }),
        tokens: Effect.fn("People.tokens")(function* (pass) {
          const self = selfOf(pass)
          const tokens = yield* directory.tokens(pass.organisation)
          return self !== null && reaches(self.role, "admin") ? tokens : tokens.filter(({ userId }) => userId === self?.id)
        }),
        addToken: Effect.fn("People.addToken")(function* (pass, { userId, name, expiresInDays }) {
          const self = selfOf(pass)
          const user = userId === undefined || userId === self?.id ? self : yield* userIn(pass.organisation, userId)
          if (user === null) return yield* fail("reference", `there is no user ${userId} in your organisation`)
          yield* mustManage(pass, user, "make a token")
          return yield* issue(user, name, expiresInDays)
        }),
        revokeToken: Effect.fn("People.revokeToken")(function* (pass, id) {
          const token = (yield* directory.tokens(pass.organisation)).find((known) => known.id === id)
          const user = token && (yield* userIn(pass.organisation, token.userId))
          const self = selfOf(pass)
          // Whoever may not see a token does not learn that it is there.
          if (!user || self === null || (!reaches(self.role, "admin") && user.id !== self.id)) {
            return yield* fail("not-found", `there is no token ${id} that you may manage`)
          }
          yield* mustManage(pass, user, "revoke a token")
          yield* directory.revokeToken(pass.organisation, id)
        }),
        found: Effect.fn("People.found")(function* (organisation) {
          return (yield* directory.organisations).length > 0 ? null : yield* addFounded(organisation)
        }),
        issueLocally: Effect.fn("People.issueLocally")(function* ({ name, email }) {
          for (const { id } of yield* directory.organisations) {
            const user = (yield* directory.users(id)).find((known) =>
              email === null ? known.role === "owner" : known.email === email
            )
            if (user !== undefined) return { ...(yield* issue(user, name)), user }
          }
          return yield* fail(
            "not-found",
            email === null ? "there is no owner in any organisation" : `there is no user with the email ${email}`
          )
        })
      })
    })
  )
}
