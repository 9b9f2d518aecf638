/**
 * Services that a person connects by a browser: they let a client of the operator's in (OAuth), or make an app of their organisation's
 * own and install it. The browser that comes back need not be theirs, and has no token of ours. So:
 *
 *   O1  Each step has a state of its own, 256 random bits, good once and for 5 min. What it stands for is sealed beside it, and no part
 *       of an address: the organisation, who began it, the verifier (PKCE) where the service speaks that.
 *   O2  What came back connects nothing. Whoever holds the browser is shown the account, the organisation and who began it, and a code,
 *       good once and for 5 min; it is connected when that very person gives the code. Somebody who was lured into letting another's
 *       organisation in sees whose it is, and gives nobody the code; and a person who began is not led to an account that they have not seen.
 *   O3  Which installation it is, anybody's browser can say: it counts when the app's own key is given a token for it.
 */
import { createHash, randomBytes, randomInt } from "node:crypto"
import { Context, Effect, Layer, Redacted, Schema } from "effect"
import { type ActionError, type Credential, type Providers, Secret } from "../ports/actions.ts"
import { type Connection, ConnectionRecords } from "../ports/connections.ts"
import { Directory, type DirectoryError } from "../ports/directory.ts"
import { Seals } from "../ports/seals.ts"
import { type Pass, userOf } from "./access.ts"
import { connecting } from "./connecting.ts"
import { ServiceError } from "./error.ts"
import { Id } from "./words.ts"

const Uri = Schema.String.check(Schema.isPattern(/^https?:\/\/[^\s]{1,500}$/, { message: "must be an http(s) address" }))
export const Beginning = Schema.Struct({ integration: Id, redirectUri: Uri })
export const AppBeginning = Schema.Struct({
  integration: Id,
  /** Where their browser reaches this server. */
  uri: Uri,
  owner: Schema.optionalKey(
    Schema.String.check(Schema.isPattern(/^[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})$/, { message: "must be a name there" }))
  )
})
const state = Schema.String.check(Schema.isMaxLength(2_000))
const Word = Schema.optionalKey(Schema.String.check(Schema.isMaxLength(4_000)))
/** What else a service adds is not ours to refuse. */
const others = Schema.Record(Schema.String, Schema.String)
export const Returned = Schema.StructWithRest(Schema.Struct({ state, code: Word, error: Word }), [others])
export const AppBegun = Schema.Struct({ state })
export const AppMade = Schema.StructWithRest(Schema.Struct({ state, code: Word }), [others])
export const AppInstalled = Schema.StructWithRest(Schema.Struct({ state, installation_id: Word, setup_action: Word }), [others])
export const Confirmation = Schema.Struct({ code: Schema.String.check(Schema.isMaxLength(100)) })

/** A person goes to the service and comes back, or from the browser to their terminal. */
const stepMs = 5 * 60_000
const again = "begin again with `proliferate connections add`"

type Step = "oauth" | "app.begin" | "app.made" | "app.installed"

/** What a state stands for. */
const Way = Schema.Struct({
  integration: Schema.String,
  by: Schema.String,
  uri: Schema.String,
  verifier: Schema.NullOr(Schema.String),
  owner: Schema.NullOr(Schema.String),
  app: Schema.NullOr(Schema.Struct({ appId: Schema.String, privateKey: Schema.String }))
})
type Way = typeof Way.Type
const WayText = Schema.fromJsonString(Way)
/** What a code stands for. */
const PendingText = Schema.fromJsonString(Schema.Struct({ integration: Schema.String, secret: Secret }))

type Failure = ServiceError | DirectoryError
const fail = (reason: ServiceError["reason"], message: string) => Effect.fail(new ServiceError({ reason, message }))
const over = fail("expired", `this link is used, or older than 5 min: ${again}`)

const statePattern = /^([A-Za-z0-9_:-]{1,128})\.([A-Za-z0-9_-]{43})$/
/** Without those that are taken for others. */
const letters = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
const codeOf = () =>
  Array.from({ length: 12 }, (_, n) => (n > 0 && n % 4 === 0 ? "-" : "") + letters[randomInt(letters.length)]).join("")
/** As people type it. */
const plain = (code: string) => code.toUpperCase().replace(/[^A-Z0-9]/g, "")

/** What the browser is shown, and what of it counts. */
export interface Pending {
  readonly integration: string
  readonly account: string
  readonly organisation: string
  /** Who began it. */
  readonly by: string
  readonly code: string
}

export interface Proposal {
  readonly organisation: string
  readonly by: string
  readonly action: string
  readonly fields: Readonly<Record<string, string>>
}

export class ByBrowser extends Context.Service<
  ByBrowser,
  {
    /** Where a person is sent to let us in. */
    readonly begin: (
      pass: Pass<"connections.add">,
      given: typeof Beginning.Type
    ) => Effect.Effect<{ readonly url: string }, Failure>
    readonly returned: (given: typeof Returned.Type) => Effect.Effect<Pending, Failure>
    /** Where a person begins to make an app of their organisation's. */
    readonly beginApp: (
      pass: Pass<"connections.add">,
      given: typeof AppBeginning.Type
    ) => Effect.Effect<{ readonly url: string }, Failure>
    readonly appBegun: (given: typeof AppBegun.Type) => Effect.Effect<Proposal, Failure>
    /** Where they go on: to install it. */
    readonly appMade: (given: typeof AppMade.Type) => Effect.Effect<{ readonly url: string }, Failure>
    readonly appInstalled: (given: typeof AppInstalled.Type) => Effect.Effect<Pending, Failure>
    /** By whoever began it. */
    readonly confirm: (pass: Pass<"connections.add">, given: typeof Confirmation.Type) => Effect.Effect<Connection, Failure>
  }
>()("proliferate/actors/services/ByBrowser") {
  static readonly layer: Layer.Layer<ByBrowser, never, ConnectionRecords | Providers | Seals | Directory> = Layer.effect(
    ByBrowser,
    Effect.gen(function* () {
      const [records, seals, directory] = [yield* ConnectionRecords, yield* Seals, yield* Directory]
      const { providerOf, checked, connect } = yield* connecting

      const sealedFor = (org: string, id: string) => ({ purpose: "browser" as const, org, id })

      const giveState = Effect.fnUntraced(function* (org: string, step: Step, way: Way) {
        const nonce = randomBytes(32).toString("base64url")
        const kept = seals.seal(sealedFor(org, nonce), Redacted.make(Schema.encodeSync(WayText)(way)))
        yield* records.giveNonce(org, step, nonce, stepMs, kept)
        return `${org}.${nonce}`
      })

      /** O1 */
      const takeState = Effect.fnUntraced(function* (step: Step, given: string) {
        const [, org, nonce] = statePattern.exec(given) ?? []
        if (nonce === undefined) return yield* over
        const taken = yield* records.takeNonce(org!, step, nonce)
        if (taken === null || taken.kept === null) return yield* over
        const way = yield* seals.open(sealedFor(org!, nonce), taken.kept).pipe(
          Effect.flatMap((text) => Schema.decodeUnknownEffect(WayText)(Redacted.value(text))),
          Effect.catch(() => over)
        )
        return { org: org!, way }
      })

      const namesOf = Effect.fnUntraced(function* (org: string, by: string) {
        const organisations = yield* directory.organisations
        const users = yield* directory.users(org)
        return {
          organisation: organisations.find(({ id }) => id === org)?.name ?? org,
          by: users.find(({ id }) => id === by)?.name ?? by
        }
      })

      const refused = ({ reason, message }: ActionError) =>
        fail(reason === "needs-reauth" || reason === "invalid" || reason === "not-found" ? "reference" : "provider", message)

      /** O2 */
      const pending = Effect.fnUntraced(function* (org: string, { integration, by }: Way, credential: Credential) {
        const provider = yield* providerOf(org, integration)
        const { account } = yield* checked(provider, credential)
        const code = codeOf()
        const text = Schema.encodeSync(PendingText)({ integration, secret: Redacted.value(credential) })
        const kept = seals.seal(sealedFor(org, plain(code)), Redacted.make(text))
        yield* records.giveNonce(org, `confirm/${by}`, plain(code), stepMs, kept)
        return { integration, account, ...(yield* namesOf(org, by)), code } satisfies Pending
      })

      const appOf = Effect.fnUntraced(function* (org: string, integration: string) {
        const { app, displayName } = yield* providerOf(org, integration)
        return app ?? (yield* fail("reference", `${displayName} has no apps that an organisation makes; connect it another way`))
      })

      return ByBrowser.of({
        begin: Effect.fn("ByBrowser.begin")(function* (pass, { integration, redirectUri }) {
          const { oauth, displayName } = yield* providerOf(pass.organisation, integration)
          if (oauth === null)
            return yield* fail(
              "reference",
              `this server has no client of ${displayName}'s OAuth; connect it with a token, or set one up`
            )
          const verifier = oauth.speaksPkce ? randomBytes(32).toString("base64url") : null
          const challenge = verifier === null ? null : createHash("sha256").update(verifier).digest("base64url")
          const way = { integration, by: userOf(pass)!, uri: redirectUri, verifier, owner: null, app: null }
          return {
            url: oauth.authorize({ state: yield* giveState(pass.organisation, "oauth", way), redirectUri, challenge })
          }
        }),

        returned: Effect.fn("ByBrowser.returned")(function* ({ code, state, error }) {
          const { org, way } = yield* takeState("oauth", state)
          const { integration, uri, verifier } = way
          if (error !== undefined || code === undefined)
            return yield* fail(
              "reference",
              `${integration} was not connected: ${(error ?? "no code came back").slice(0, 200)}; ${again}`
            )
          const { oauth } = yield* providerOf(org, integration)
          if (oauth === null) return yield* over
          const credential = yield* oauth
            .exchange({ code, redirectUri: uri, verifier })
            .pipe(Effect.catchTag("ActionError", ({ message }) => fail("provider", `${message} Then ${again}`)))
          return yield* pending(org, way, credential)
        }),

        beginApp: Effect.fn("ByBrowser.beginApp")(function* (pass, { integration, uri, owner = null }) {
          yield* appOf(pass.organisation, integration)
          const base = uri.replace(/\/+$/, "")
          const way = { integration, by: userOf(pass)!, uri: base, verifier: null, owner, app: null }
          const given = yield* giveState(pass.organisation, "app.begin", way)
          return { url: `${base}/v1/connections/app/begin?state=${encodeURIComponent(given)}` }
        }),

        appBegun: Effect.fn("ByBrowser.appBegun")(function* ({ state }) {
          const { org, way } = yield* takeState("app.begin", state)
          const { proposal } = yield* appOf(org, way.integration)
          return {
            ...(yield* namesOf(org, way.by)),
            ...proposal({
              state: yield* giveState(org, "app.made", way),
              homeUri: way.uri,
              madeUri: `${way.uri}/v1/connections/app/made`,
              installedUri: `${way.uri}/v1/connections/app/installed`,
              owner: way.owner
            })
          }
        }),

        appMade: Effect.fn("ByBrowser.appMade")(function* ({ state, code }) {
          const { org, way } = yield* takeState("app.made", state)
          if (code === undefined) return yield* fail("reference", `no app was made: no code came back; ${again}`)
          const { made, install } = yield* appOf(org, way.integration)
          const app = yield* made(code).pipe(Effect.catchTag("ActionError", refused))
          const kept = { ...way, app: { appId: app.appId, privateKey: Redacted.value(app.privateKey) } }
          return { url: install(app, yield* giveState(org, "app.installed", kept)) }
        }),

        appInstalled: Effect.fn("ByBrowser.appInstalled")(function* ({ state, installation_id, setup_action }) {
          const { org, way } = yield* takeState("app.installed", state)
          if (way.app === null) return yield* over
          if (installation_id === undefined || !/^[0-9]{1,20}$/.test(installation_id))
            return yield* fail(
              "reference",
              setup_action === "request"
                ? "the app waits there for an owner's consent: once they have given it, make a private key of it there, and connect with `proliferate connections add --secret-file`"
                : `the app was not installed: no installation came back; ${again}`
            )
          // O3: `pending` asks for a token of this installation with the app's own key.
          return yield* pending(org, way, Redacted.make({ kind: "app", ...way.app, installationId: installation_id }))
        }),

        confirm: Effect.fn("ByBrowser.confirm")(function* (pass, { code }) {
          const { organisation: org } = pass
          const by = userOf(pass)!
          const typed = plain(code)
          const unknown = fail(
            "expired",
            `this code is not yours, is used, or older than 5 min: look at it again in the browser, or ${again}`
          )
          const taken = yield* records.takeNonce(org, `confirm/${by}`, typed)
          if (taken === null || taken.kept === null) return yield* unknown
          const { integration, secret } = yield* seals.open(sealedFor(org, typed), taken.kept).pipe(
            Effect.flatMap((text) => Schema.decodeUnknownEffect(PendingText)(Redacted.value(text))),
            Effect.catch(() => unknown)
          )
          return yield* connect(org, yield* providerOf(org, integration), Redacted.make(secret), {}, by)
        })
      })
    })
  )
}
