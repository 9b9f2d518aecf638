/**
 * Who may do what. One check, `token → principal → organisation → resource`, stands in front of every route and every frame of a
 * socket, and hands out a `Pass` for one verb; the use cases take nothing else, so none can be reached around it.
 *
 * A person's token is 32 random bytes, stored by its SHA-256. A sandbox's token is derived from the host key, bound to one session
 * of one organisation, stored nowhere, and worthless once that session has stopped: `psb_<organisation>.<session>.<HMAC>`.
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto"
import { Context, Effect, Layer, Redacted } from "effect"
import { Directory, type DirectoryError, type Role, type SessionRow, type User } from "../ports/directory.ts"
import { ServiceError } from "./error.ts"

export type Principal =
  | { readonly kind: "user"; readonly organisation: string; readonly user: User }
  | { readonly kind: "sandbox"; readonly organisation: string; readonly session: SessionRow }

/** What can be done, and the least role that may. A verb of `session` is about one; the others are about all of a kind. */
export const verbs = {
  "self.read": "viewer",
  "organisations.read": "viewer",
  "organisations.add": "owner",
  "users.read": "viewer",
  "users.add": "admin",
  "users.remove": "admin",
  // One's own; of others only an admin's business, which the service knows.
  "tokens.read": "viewer",
  "tokens.add": "viewer",
  "tokens.revoke": "viewer",
  "repositories.read": "viewer",
  "repositories.add": "admin",
  "configurations.read": "viewer",
  "configurations.add": "admin",
  "agents.read": "viewer",
  // Of the whole host.
  "agents.install": "admin",
  "agents.check": "admin",
  "sessions.read": "viewer",
  "sessions.create": "member",
  "session.read": "viewer",
  "session.rename": "member",
  "session.propose": "member",
  "session.archive": "member",
  "session.unarchive": "member",
  "session.switch": "member",
  "session.prompt": "member",
  "session.unqueue": "member",
  "session.start": "member",
  "session.interrupt": "member",
  "session.pause": "member",
  "session.resume": "member",
  "session.stop": "member",
  "session.answer": "member",
  // By the session's own agent alone, see `agentVerbs`.
  "session.act": "owner",
  "session.calls": "viewer",
  "approvals.read": "viewer",
  "approvals.decide": "admin",
  "grants.read": "viewer",
  "grants.create": "admin",
  "grants.revoke": "admin",
  "rules.read": "viewer",
  "rules.set": "admin",
  "connections.read": "viewer",
  "connections.add": "admin",
  "connections.check": "admin",
  // One's own; of others only an admin's business, which the service knows.
  "connections.revoke": "member",
  "chat.read": "viewer",
  // One's own; of others only an admin's business, which the service knows.
  "chat.link": "viewer",
  "connectors.read": "viewer",
  "connectors.change": "admin",
  "actors.read": "viewer",
  "operations.read": "admin",
  "operations.apply": "admin"
} as const satisfies Record<string, Role>
export type Verb = keyof typeof verbs

/** No person's: what an agent asks for is asked by the agent, so that no one decides on a request of their own. */
const agentVerbs: ReadonlySet<Verb> = new Set(["session.act"])
const sandboxVerbs: ReadonlySet<Verb> = new Set(["self.read", "session.read", "session.calls", ...agentVerbs])
const ranks: Readonly<Record<Role, number>> = { viewer: 0, member: 1, admin: 2, owner: 3 }

export const reaches = (role: Role, least: Role): boolean => ranks[role] >= ranks[least]

declare const checked: unique symbol

/** Proof that the check was passed for `verb`. Made in this file only. */
export interface Pass<V extends Verb = Verb> {
  readonly [checked]: V
  readonly principal: Principal
  readonly organisation: string
  readonly session: V extends `session.${string}` ? SessionRow : null
}

export const hashOf = (secret: string): string => createHash("sha256").update(secret).digest("hex")

const userToken = /^plf_[A-Za-z0-9_-]{43}$/
const sandboxToken = /^psb_([A-Za-z0-9_:-]{1,128})\.([A-Za-z0-9_:-]{1,128})\.([A-Za-z0-9_-]{43})$/

const fail = (reason: ServiceError["reason"], message: string) => Effect.fail(new ServiceError({ reason, message }))
const unknownToken = fail(
  "unauthenticated",
  "the token is unknown, expired or revoked: make another with `proliferate tokens create`"
)
const noSession = fail("not-found", "there is no such session in your organisation")

/** The user's id, or null for a sandbox: what the journal records as `by`. */
export const userOf = ({ principal }: Pass): string | null => (principal.kind === "user" ? principal.user.id : null)

export class Access extends Context.Service<
  Access,
  {
    readonly authenticate: (token: string | null) => Effect.Effect<Principal, ServiceError | DirectoryError>
    /** `sessionId` is given exactly for the verbs of `session`. */
    readonly check: <V extends Verb>(
      token: string | null,
      verb: V,
      sessionId?: string
    ) => Effect.Effect<Pass<V>, ServiceError | DirectoryError>
    /** Always the same for the same session, so that a restarted host need not hand out another. */
    readonly mintSandboxToken: (organisation: string, sessionId: string) => string
    /** For whoever was known by other means than a token, such as a person in a chat who is linked to a user. */
    readonly asUser: <V extends Exclude<Verb, `session.${string}`>>(
      organisation: string,
      userId: string,
      verb: V
    ) => Effect.Effect<Pass<V>, ServiceError | DirectoryError>
    /** Succeeds when the records answer. */
    readonly ready: Effect.Effect<void, DirectoryError>
  }
>()("proliferate/actors/services/Access") {
  static readonly layer = (hostKey: Redacted.Redacted<Uint8Array>): Layer.Layer<Access, never, Directory> =>
    Layer.effect(
      Access,
      Effect.gen(function* () {
        const directory = yield* Directory

        const macOf = (organisation: string, sessionId: string): Buffer =>
          createHmac("sha256", Redacted.value(hostKey)).update(`sandbox-token\n${organisation}\n${sessionId}`).digest()

        const asSandbox = Effect.fnUntraced(function* (organisation: string, sessionId: string, mac: string) {
          if (!timingSafeEqual(Buffer.from(mac, "base64url"), macOf(organisation, sessionId))) return yield* unknownToken
          const session = yield* directory.session(organisation, sessionId)
          if (session === null) return yield* unknownToken
          if (session.status === "stopped") return yield* fail("unauthenticated", "the session of this token has stopped")
          return { kind: "sandbox", organisation, session } satisfies Principal
        })

        const authenticate = Effect.fn("Access.authenticate")(function* (
          token: string | null
        ): Effect.fn.Return<Principal, ServiceError | DirectoryError> {
          if (token === null || token === "")
            return yield* fail("unauthenticated", "a token is needed: `Authorization: Bearer <token>`")
          const [, organisation, sessionId, mac] = sandboxToken.exec(token) ?? []
          if (mac !== undefined) return yield* asSandbox(organisation!, sessionId!, mac)
          const found = userToken.test(token) ? yield* directory.tokenByHash(hashOf(token)) : null
          return found === null ? yield* unknownToken : { kind: "user", organisation: found.user.org, user: found.user }
        })

        const allowed = Effect.fnUntraced(function* ({ role }: User, verb: Verb) {
          if (agentVerbs.has(verb)) return yield* fail("forbidden", `${verb} is for the session's own agent, inside its sandbox`)
          if (!reaches(role, verbs[verb]))
            return yield* fail("forbidden", `${verb} needs the role ${verbs[verb]} or above; yours is ${role}`)
        })

        const check = Effect.fn("Access.check")(function* (token: string | null, verb: Verb, sessionId?: string) {
          const principal = yield* authenticate(token)
          const { organisation } = principal
          if (principal.kind === "sandbox") {
            if (!sandboxVerbs.has(verb))
              return yield* fail(
                "forbidden",
                `a sandbox's token may not do ${verb}: it reads its own session, and asks for actions`
              )
            if (sessionId !== undefined && sessionId !== principal.session.id) return yield* noSession
            return { principal, organisation, session: sessionId === undefined ? null : principal.session }
          }
          yield* allowed(principal.user, verb)
          const session = sessionId === undefined ? null : yield* directory.session(organisation, sessionId)
          if (sessionId !== undefined && session === null) return yield* noSession
          return { principal, organisation, session }
        }) as unknown as Access["Service"]["check"]

        const asUser = Effect.fn("Access.asUser")(function* (organisation: string, userId: string, verb: Verb) {
          const user = (yield* directory.users(organisation)).find(({ id }) => id === userId)
          if (user === undefined) return yield* fail("unauthenticated", "there is no such user any more")
          yield* allowed(user, verb)
          return { principal: { kind: "user", organisation, user } satisfies Principal, organisation, session: null }
        }) as unknown as Access["Service"]["asUser"]

        return Access.of({
          authenticate,
          asUser,
          check,
          mintSandboxToken: (organisation, sessionId) =>
            `psb_${organisation}.${sessionId}.${macOf(organisation, sessionId).toString("base64url")}`,
          ready: directory.tokenByHash(hashOf("")).pipe(Effect.asVoid)
        })
      })
    )
}
