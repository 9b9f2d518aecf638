/** A session in a test: where its story has come to. */
import type { AnyMachineSnapshot } from "xstate"
import type { SessionContext } from "../../machines/session/context.ts"
import type { SessionEvent } from "../../machines/session/events.ts"
import type { Decision } from "../../runtime/step.ts"

/** A session at rest: as it is stored, with the timers that are armed. */
export interface Played {
  readonly snapshot: AnyMachineSnapshot
  readonly context: SessionContext
  /** Armed deadlines: what fires, by timer id. */
  readonly armed: ReadonlyMap<string, SessionEvent>
  readonly last: Decision
  /** Every command and notice since the session was created. */
  readonly commands: Decision["commands"]
  readonly notices: Decision["notices"]
}

/** An event, or what it is at this point of the story: a deadline, or the answer to what is being waited for. */
export type Move = SessionEvent | ((at: Played) => SessionEvent)
