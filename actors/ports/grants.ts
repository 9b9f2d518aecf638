/**
 * Port: grants as they are read, and lent or ended by a person outside of a call's own commit; and what agents asked to be lent. Uses
 * are taken and given back in the commits of calls alone (runtime/journal.ts). Adapters in adapters/postgres and adapters/memory;
 * suite test/contract/grants.ts.
 */
import { Context, type Effect } from "effect"
import type { Grant, GrantDraft } from "../../machines/grants.ts"
import type { DirectoryError } from "./directory.ts"

export interface LentGrant extends Grant {
  readonly revokedBy: string | null
  /** The call that it was lent with. */
  readonly approvalId: string | null
  readonly createdAtMs: number
}

export interface NewGrant {
  readonly org: string
  readonly id: string
  readonly draft: GrantDraft
  readonly createdBy: string
  readonly requestId: string | null
  readonly parentId: string | null
}

/** What an agent asked to be lent, and why. */
export interface GrantRequest {
  readonly id: string
  readonly org: string
  readonly sessionId: string
  readonly draft: GrantDraft
  readonly reason: string
  readonly status: "open" | "granted" | "denied" | "expired"
  /** Who answered it, and with what words. */
  readonly by: string | null
  readonly answer: string | null
  readonly createdAtMs: number
  readonly expiresAtMs: number
}

export type NewGrantRequest = Pick<GrantRequest, "id" | "org" | "sessionId" | "draft" | "reason">

type Result<A> = Effect.Effect<A, DirectoryError>

export class Grants extends Context.Service<
  Grants,
  {
    /** Live ones of this action or of `*`, in any scope. At most 10,000. */
    readonly candidates: (org: string, integration: string, action: string) => Result<ReadonlyArray<Grant>>
    readonly find: (org: string, id: string) => Result<LentGrant | null>
    /** Newest first; without `ended`, live ones alone. */
    readonly list: (
      org: string,
      query: { readonly limit: number; readonly before?: string | undefined; readonly ended: boolean }
    ) => Result<ReadonlyArray<LentGrant>>
    /**
     * What is narrowed from another ends with that one at the latest. The request that it answers is granted with it, or not at all.
     * Null: that request is not open any more, or the one that it is narrowed from has ended. `conflict`: its id is taken.
     */
    readonly lend: (grant: NewGrant) => Result<LentGrant | null>
    /** Ends it and all that were narrowed from it, and answers with those that it ended. */
    readonly revoke: (org: string, id: string, by: string) => Result<ReadonlyArray<string>>
    /** Ends those of one session. */
    readonly endOf: (org: string, sessionId: string) => Result<void>

    /**
     * One that is open already, of the same session for the same action, scope and constraints, is answered in its place as it was asked.
     * Null: `max` of this session are open.
     */
    readonly ask: (request: NewGrantRequest, max: number, forMs: number) => Result<GrantRequest | null>
    readonly request: (org: string, id: string) => Result<GrantRequest | null>
    /** Newest first. */
    readonly requests: (
      org: string,
      query: { readonly limit: number; readonly sessionId?: string | undefined; readonly open: boolean }
    ) => Result<ReadonlyArray<GrantRequest>>
    /** Without a grant. Null: it is not open any more. */
    readonly answer: (
      org: string,
      id: string,
      answer: { readonly status: "denied"; readonly by: string; readonly answer: string }
    ) => Result<GrantRequest | null>
  }
>()("proliferate/actors/ports/Grants") {}
