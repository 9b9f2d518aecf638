/** Why the demo did not work out: in which step, what was wrong, and what was last seen, so that nobody has to guess. */
import { Data } from "effect"

export class DemoFailed extends Data.TaggedError("DemoFailed")<{
  readonly failedAt: string
  readonly what: string
  /** The last state and the last lines that server and session said. */
  readonly seen?: string
  /** What did happen, for programs. */
  readonly partial?: object
}> {
  override get message(): string {
    return this.what
  }
}
