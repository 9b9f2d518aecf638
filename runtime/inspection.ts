/** All that the runtime reports of itself: one closed union, for operators, tests and the simulator. Costs nothing where nobody listens. */
import { Context, type Effect } from "effect"
import type { Address } from "./address.ts"

export type Inspection =
  | { readonly type: "actor.activated"; readonly address: Address; readonly rev: number }
  | { readonly type: "home.passivated"; readonly org: string; readonly home: string }
  | {
      readonly type: "actor.stepped"
      readonly address: Address
      readonly rev: number
      readonly event: string
      readonly taken: ReadonlyArray<string>
    }
  | { readonly type: "actor.refused"; readonly address: Address; readonly event: string }
  /** What was decided together was not taken together, and is decided one by one. */
  | { readonly type: "actor.unfolded"; readonly address: Address; readonly messages: number; readonly verdict: string }
  | { readonly type: "actor.duplicate"; readonly address: Address; readonly messageId: string }
  | { readonly type: "actor.fenced"; readonly address: Address; readonly rev: number }
  | { readonly type: "child.crashed"; readonly home: string; readonly child: string; readonly reason: string }
  | { readonly type: "child.restarted"; readonly home: string; readonly child: string }
  /** Crashed more often than its supervisor allows: its parent is told. */
  | { readonly type: "child.escalated"; readonly home: string; readonly child: string; readonly reason: string }
  | { readonly type: "actor.quarantined"; readonly address: Address; readonly reason: string }
  | { readonly type: "batch.committed"; readonly transitions: number }
  | { readonly type: "batch.halved"; readonly transitions: number; readonly reason: string }
  | { readonly type: "commit.retried"; readonly reason: string }
  | { readonly type: "command.started"; readonly key: string; readonly attempt: number }
  | { readonly type: "command.done"; readonly key: string }
  /** Its hand cannot tell yet, or its fact was not taken: it is run again. */
  | { readonly type: "command.postponed"; readonly key: string; readonly reason: string }
  | { readonly type: "command.crashed"; readonly key: string; readonly reason: string }
  | { readonly type: "command.buried"; readonly key: string; readonly reason: string }
  | {
      readonly type: "drift.fixed"
      readonly kind: string
      readonly subject: string
      readonly result: "applied" | "skipped" | "failed"
      readonly outcome: string
    }
  /** Too much of one kind at once: nothing of it is put right by itself. */
  | { readonly type: "drift.held"; readonly kind: string; readonly why: string }
  | { readonly type: "timer.fired"; readonly address: Address; readonly timerId: string; readonly lateMs: number }

/** Called synchronously; must not throw. */
export const Inspector = Context.Reference<(inspection: Inspection) => void>("proliferate/runtime/Inspector", {
  defaultValue: () => () => {}
})

export const report = (inspection: Inspection): Effect.Effect<void> => Inspector.useSync((inspect) => inspect(inspection))
