/** How a route is written down, and the answers that routes have in common. */
import { Effect, Schema } from "effect"
import type { Access, Pass, Verb } from "../../actors/services/access.ts"
import type { Actions } from "../../actors/services/actions.ts"
import type { Approvals } from "../../actors/services/approvals.ts"
import type { ByBrowser } from "../../actors/services/by-browser.ts"
import type { Catalogue } from "../../actors/services/catalogue.ts"
import type { Clicks } from "../../actors/services/clicks.ts"
import type { Commands } from "../../actors/services/commands.ts"
import type { Configurations } from "../../actors/services/configurations.ts"
import type { Connections } from "../../actors/services/connections.ts"
import type { ConnectorBook } from "../../actors/services/connector-book.ts"
import type { EvidenceOf } from "../../actors/services/evidence.ts"
import type { GrantsOf } from "../../actors/services/grants.ts"
import type { Inspection } from "../../actors/services/inspection.ts"
import type { Installations } from "../../actors/services/installations.ts"
import type { Operations } from "../../actors/services/operations.ts"
import type { People } from "../../actors/services/people.ts"
import type { Policies } from "../../actors/services/policies.ts"
import type { Proposals } from "../../actors/services/pull-requests.ts"
import type { Rehearsals } from "../../actors/services/rehearsal.ts"
import type { Repositories } from "../../actors/services/repositories.ts"
import type { SessionTools } from "../../actors/services/session-tools.ts"
import type { Sessions } from "../../actors/services/sessions.ts"
import type { Uploads } from "../../actors/services/uploads.ts"
import type { SessionWork } from "../../actors/services/work.ts"
import { type Failure, HttpError } from "./problem.ts"

export type Services =
  | Access
  | Actions
  | Approvals
  | ByBrowser
  | Catalogue
  | Clicks
  | Commands
  | Connections
  | ConnectorBook
  | EvidenceOf
  | GrantsOf
  | Policies
  | Rehearsals
  | People
  | Repositories
  | Configurations
  | Sessions
  | SessionTools
  | SessionWork
  | Proposals
  | Inspection
  | Installations
  | Uploads
  | Operations

export interface Reply {
  readonly status: number
  /** Undefined: no content. */
  readonly body: unknown
  /** The same for a browser, which says that it takes HTML. */
  readonly page?: string
  /** Where a browser goes on. */
  readonly location?: string
}

interface Call<V extends Verb | null, B, Q> {
  readonly pass: V extends Verb ? Pass<V> : null
  readonly params: Readonly<Record<string, string>>
  readonly query: Q
  readonly body: B
  /** The Idempotency-Key, or null. */
  readonly key: string | null
  readonly request: { readonly headers: Readonly<Record<string, string>>; readonly body: Uint8Array }
}

interface Endpoint<V extends Verb | null, B, Q> {
  /** Null: whoever asks. */
  readonly verb: V
  readonly body?: Schema.Codec<B, any>
  readonly query?: Schema.Codec<Q, any>
  /** Its body, of so many bytes at most, is not ours to read: it is signed, byte for byte, by whoever sent it. */
  readonly rawBytesMax?: number
  readonly run: (call: Call<V, B, Q>) => Effect.Effect<Reply, Failure, Services>
}

export interface Route extends Endpoint<Verb | null, any, any> {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE"
  readonly path: string
}

export const on = <V extends Verb | null, B = undefined, Q = undefined>(
  method: Route["method"],
  path: string,
  endpoint: Endpoint<V, B, Q>
): Route => ({ ...(endpoint as unknown as Endpoint<Verb | null, any, any>), method, path })

export const ok = (body: unknown): Reply => ({ status: 200, body })
export const created = (body: unknown): Reply => ({ status: 201, body })
export const accepted = (body: unknown): Reply => ({ status: 202, body })
export const nothing: Reply = { status: 204, body: undefined }

/** Of a query, where everything is text. */
export const whole = (minimum: number, maximum: number) =>
  Schema.optionalKey(Schema.FiniteFromString.check(Schema.isInt(), Schema.isBetween({ minimum, maximum })))
export const YesOrNo = Schema.Literals(["true", "false"])

export const webSocketOnly = Effect.fail(
  new HttpError({ status: 426, message: "this is a WebSocket: ask for an upgrade", headers: { upgrade: "websocket" } })
)
