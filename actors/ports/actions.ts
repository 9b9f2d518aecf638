/**
 * Port: services that agents may act on. Adapters: adapters/actions; suite test/contract/actions.
 *
 * A provider knows one integration: its actions, how they are called there, and how to look whether one took effect. It holds no
 * credential and decides nothing: who may call what is the policy's, and calls are made by a committed command under its key.
 */
import { Context, type Effect, type Redacted, Schema } from "effect"

export type Risk = "read" | "write" | "danger"

/**
 * `needs-reauth`: the credential is refused. `forbidden`: it is good, and may not do this. `not-found`, `invalid`: what was asked
 * for, as it was asked. `rate-limited`: later; `retryAfterMs` if the service said when. `unavailable`: the service could not be
 * reached, or failed at a read. `unknown`: it broke off after a write had left. `unreadable`: it answered with something else.
 */
export class ActionError extends Schema.TaggedError<ActionError>()("ActionError", {
  reason: Schema.Literals([
    "needs-reauth",
    "forbidden",
    "not-found",
    "invalid",
    "rate-limited",
    "unavailable",
    "unknown",
    "unreadable"
  ]),
  /** It may have taken effect. Never for a read; false only where the service cannot have done it. */
  sent: Schema.Boolean,
  retryAfterMs: Schema.NullOr(Schema.Finite),
  integration: Schema.String,
  /** For people and agents: one or two sentences, no secret in it. */
  message: Schema.String
}) {}

/** What a connection keeps, sealed. `none` is a connector that asks for nothing. */
export const Secret = Schema.Union([
  Schema.Struct({ kind: Schema.Literal("none") }),
  Schema.Struct({ kind: Schema.Literal("token"), token: Schema.String }),
  Schema.Struct({
    kind: Schema.Literal("oauth"),
    accessToken: Schema.String,
    refreshToken: Schema.NullOr(Schema.String),
    expiresAtMs: Schema.NullOr(Schema.Finite)
  }),
  Schema.Struct({
    kind: Schema.Literal("app"),
    appId: Schema.String,
    privateKey: Schema.String,
    installationId: Schema.String
  })
])
export type Secret = typeof Secret.Type
export type Credential = Redacted.Redacted<Secret>

export interface Action {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly risk: Risk
  /** Of an object; decode with actors/services/decode.ts, which refuses what is not here. */
  readonly params: Schema.Codec<any, any>
  /** The same as JSON Schema, for guides and tools. */
  readonly inputSchema: Readonly<Record<string, unknown>>
  /** A second call under the same key has no second effect. */
  readonly honoursKeys: boolean
  /** `readBack` can prove something. */
  readonly readsBack: boolean
  readonly example: Readonly<Record<string, unknown>>
  /** Of the input schema, without what changes no meaning: descriptions, defaults, enums. */
  readonly schemaHash: string
  /** A connector's tool whose schema is not the one that an administrator accepted: an `allow` is an `ask`. */
  readonly drifted: boolean
}

export interface ActionCall {
  readonly action: string
  /** Decoded by the action's schema. */
  readonly params: Readonly<Record<string, unknown>>
  /** Of the call, for ever: every attempt has it. */
  readonly key: string
  readonly credential: Credential
}

export type ReadBack =
  | { readonly _tag: "Found"; readonly result: unknown }
  /** Proven: the call may be made again. */
  | { readonly _tag: "Absent" }
  | { readonly _tag: "Unclear"; readonly message: string }

export interface Account {
  /** Whose credential it is, for people: a login, a workspace. */
  readonly account: string
  /** As the service names them; empty where it does not say. */
  readonly scopes: ReadonlyArray<string>
  /** What the connection shall remember of it besides, such as the team; nobody else may set it. */
  readonly settings?: Readonly<Record<string, string>>
}

/** How a person lends us an account without giving us a token. Present where the operator configured a client of ours. */
export interface OAuth {
  /** It speaks PKCE (RFC 7636): `challenge` and `verifier` are given then, and only then. */
  readonly speaksPkce: boolean
  /** Where the person is sent. `state` comes back with the code. */
  readonly authorize: (request: {
    readonly state: string
    readonly redirectUri: string
    /** The SHA-256 of the verifier, in base64url. */
    readonly challenge: string | null
  }) => string
  readonly exchange: (request: {
    readonly code: string
    readonly redirectUri: string
    readonly verifier: string | null
  }) => Effect.Effect<Credential, ActionError>
  /** `needs-reauth` where nothing is left to refresh with. The old credential may be dead when this returns. */
  readonly refresh: (credential: Credential) => Effect.Effect<Credential, ActionError>
}

/** How a person makes an app for one organisation at the service, and lets it in, by a browser alone. */
export interface AppSetup {
  /** What their browser posts, and where. They come back to `madeUri` with a code and the state. */
  readonly proposal: (request: {
    readonly state: string
    /** Of ours, for people. */
    readonly homeUri: string
    readonly madeUri: string
    readonly installedUri: string
    /** Who shall own it there; null: the person. */
    readonly owner: string | null
  }) => { readonly action: string; readonly fields: Readonly<Record<string, string>> }
  /** The app, for the code; good once. */
  readonly made: (code: string) => Effect.Effect<MadeApp, ActionError>
  /** Where the person says what it may see. They come back to `installedUri` with an installation and the state. */
  readonly install: (app: MadeApp, state: string) => string
}

export interface MadeApp {
  readonly appId: string
  /** Its page there. */
  readonly url: string
  readonly privateKey: Redacted.Redacted<string>
}

export interface Provider {
  readonly integration: string
  readonly displayName: string
  readonly takes: ReadonlyArray<Secret["kind"]>
  /** Why its actions cannot be told now; they are empty then. */
  readonly trouble: string | null
  readonly actions: ReadonlyArray<Action>
  readonly guide: { readonly overview: string; readonly tips: ReadonlyArray<string> }
  readonly oauth: OAuth | null
  /** Null: it knows no such thing. */
  readonly app: AppSetup | null
  readonly check: (credential: Credential) => Effect.Effect<Account, ActionError>
  /** Within 30 s, tries included. The answer is one that may be shown: see actors/displayed.ts. */
  readonly execute: (call: ActionCall) => Effect.Effect<unknown, ActionError>
  /** Whether the call made about `sentAtMs` took effect. Never makes it. */
  readonly readBack: (call: ActionCall & { readonly sentAtMs: number }) => Effect.Effect<ReadBack, ActionError>
  /** The credential is of no use afterwards, where the service has a way to say so. Revoking a dead one succeeds. */
  readonly revoke: (credential: Credential) => Effect.Effect<void, ActionError>
}

export class Providers extends Context.Service<
  Providers,
  {
    /** Built in, and the organisation's connectors. A connector that does not answer is there with its `trouble`. */
    readonly of: (org: string) => Effect.Effect<ReadonlyArray<Provider>>
    readonly find: (org: string, integration: string) => Effect.Effect<Provider | null>
  }
>()("proliferate/actors/ports/Providers") {}

/** A server that speaks MCP over HTTP, as an administrator described it. Its tools are an integration's actions. */
export interface Connector {
  readonly id: string
  /** The integration's name. */
  readonly slug: string
  readonly name: string
  readonly url: string
  /** The token of the credential is sent as a bearer, or in this header. */
  readonly auth: { readonly type: "none" } | { readonly type: "bearer" } | { readonly type: "header"; readonly name: string }
  readonly riskPolicy: { readonly defaultRisk: Risk | null; readonly overrides: Readonly<Record<string, Risk>> }
  /** The schema hash of each tool that an administrator last accepted. A tool that is not here has not drifted. */
  readonly pins: Readonly<Record<string, string>>
  /** Grows with every change: what was listed under another one is listed anew. */
  readonly revision: number
  readonly credential: Credential
}

/** The organisation's enabled connectors, with what they are called with. */
export class Connectors extends Context.Service<
  Connectors,
  {
    readonly enabled: (org: string) => Effect.Effect<ReadonlyArray<Connector>>
  }
>()("proliferate/actors/ports/Connectors") {}
