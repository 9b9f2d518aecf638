/** What a suite of records needs besides them: calls as their actors would leave them, and time that passes. */
import { Context, type Effect } from "effect"

export class RecordsWorld extends Context.Service<
  RecordsWorld,
  {
    /** As commits of its actor would leave it: first requested, then in `status`. */
    readonly call: (call: {
      readonly org: string
      readonly id: string
      readonly sessionId: string
      readonly status: string
    }) => Effect.Effect<void>
    readonly passTime: (ms: number) => Effect.Effect<void>
  }
>()("test/contract/RecordsWorld") {}
