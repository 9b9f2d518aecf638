/**
 * Port: credentials of an organisation for services, sealed by whoever brings them, and the MCP servers that it connected. A service
 * has one live connection in an organisation. Adapters in adapters/postgres and adapters/memory; suite test/contract/connections.ts.
 */
import { Context, type Effect } from "effect"
import type { Connector, Secret } from "./actions.ts"
import type { DirectoryError } from "./directory.ts"

export interface Connection {
  readonly id: string
  readonly org: string
  readonly integration: string
  readonly kind: Secret["kind"]
  /** Who it is there, as the service said. */
  readonly account: string | null
  readonly scopes: ReadonlyArray<string>
  readonly status: "active" | "needsReauth" | "revoked"
  /** Why it is not active. */
  readonly reason: string | null
  /** What is not secret of it, such as the channel that approvals are shown in. */
  readonly settings: Readonly<Record<string, string>>
  readonly expiresAtMs: number | null
  readonly createdBy: string | null
  readonly createdAtMs: number
  readonly checkedAtMs: number | null
}

export interface NewConnection extends Omit<Connection, "createdAtMs" | "status" | "reason"> {
  readonly sealed: Uint8Array
}

/** What a check or a refresh found out. */
export interface ConnectionChange {
  readonly status?: Connection["status"]
  readonly reason?: string | null
  readonly account?: string | null
  readonly scopes?: ReadonlyArray<string>
  /** Put in among those that there are; null takes one away. */
  readonly settings?: Readonly<Record<string, string | null>>
  readonly expiresAtMs?: number | null
  readonly checkedAtMs?: number
  readonly sealed?: Uint8Array
}

/** An MCP server that an administrator described. What it is called with is the connection of its slug. */
export interface ConnectorRecord extends Omit<Connector, "credential"> {
  readonly org: string
  readonly enabled: boolean
  readonly createdBy: string | null
  readonly createdAtMs: number
}

export type ConnectorChange = Partial<Pick<ConnectorRecord, "enabled" | "pins" | "riskPolicy">>

type Result<A> = Effect.Effect<A, DirectoryError>

export class ConnectionRecords extends Context.Service<
  ConnectionRecords,
  {
    /** Takes the place of the live one of its integration, which becomes revoked and forgets its secret. */
    readonly connect: (connection: NewConnection) => Result<Connection>
    /** All, those that were revoked last. */
    readonly list: (org: string) => Result<ReadonlyArray<Connection>>
    readonly find: (org: string, id: string) => Result<Connection | null>
    /** The live one, with what it keeps sealed. */
    readonly live: (
      org: string,
      integration: string
    ) => Result<{ readonly connection: Connection; readonly sealed: Uint8Array } | null>
    /** Null: it is gone, or revoked meanwhile. */
    readonly change: (org: string, id: string, change: ConnectionChange) => Result<Connection | null>
    /** True for one server, until `forMs` are over or the secret was changed: it may refresh it. */
    readonly claimRefresh: (org: string, id: string, forMs: number) => Result<boolean>
    /** Forgets its secret. False: there is no live one of this id. */
    readonly revoke: (org: string, id: string) => Result<boolean>

    /** A slug is taken once in an organisation. */
    readonly addConnector: (connector: Omit<ConnectorRecord, "createdAtMs" | "revision">) => Result<ConnectorRecord>
    readonly connectors: (org: string) => Result<ReadonlyArray<ConnectorRecord>>
    /** Raises its revision. Null: there is none of this slug. */
    readonly changeConnector: (org: string, slug: string, change: ConnectorChange) => Result<ConnectorRecord | null>
    readonly removeConnector: (org: string, slug: string) => Result<boolean>

    /** Good once, for `forMs`. `kept`, which whoever gives it has sealed, comes back with it. */
    readonly giveNonce: (org: string, purpose: string, nonce: string, forMs: number, kept?: Uint8Array) => Result<void>
    /** Null: it was not given, is used, or its time is over. */
    readonly takeNonce: (org: string, purpose: string, nonce: string) => Result<{ readonly kept: Uint8Array | null } | null>
  }
>()("proliferate/actors/ports/ConnectionRecords") {}
