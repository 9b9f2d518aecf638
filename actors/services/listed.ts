/** Actions as a session sees them: what there is, and what becomes of a call of it now. */
import type { Verdict } from "../../machines/policy.ts"
import type { Action } from "../ports/actions.ts"

export interface ListedAction {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly risk: Action["risk"]
  /** What becomes of a call of it: it runs, a person is asked, or it is denied. */
  readonly verdict: Verdict
  readonly because: string
  /** Rules of this action say otherwise for some arguments. */
  readonly depends: boolean
  /** Uses that grants of this session still have for calls that fit them; null: as many as wanted. */
  readonly granted: ReadonlyArray<{ readonly grantId: string; readonly usesLeft: number | null; readonly expiresAtMs: number }>
  readonly params: Readonly<Record<string, unknown>>
  readonly example: Readonly<Record<string, unknown>>
}

export interface ListedIntegration {
  readonly integration: string
  readonly displayName: string
  /** False: `trouble` says what to do about it. */
  readonly usable: boolean
  readonly trouble: string | null
  readonly actions: ReadonlyArray<ListedAction>
}
