/** A call that is over: its arguments are destroyed, and its agent hears of the outcome, from the command that waits or by a prompt. */
import { approval } from "./setup.ts"

/** What settles while its session lives has somebody to tell. */
const alone = { guard: "hasSessionEnded", target: "heard" } as const

export const settled = (status: "completed" | "failed" | "denied" | "expired" | "revoked") =>
  approval.createStateConfig({
    initial: "unheard",
    entry: "forgetArguments",
    states: {
      unheard: {
        ...(status !== "denied" && status !== "expired" && { always: alone }),
        after: { hearDeadline: { target: "heard", actions: { type: "tellOutcome", params: { status } } } },
        on: {
          heard: "heard",
          "session.ended": { target: "heard", actions: "noteSessionEnded" }
        }
      },
      // Not an XState final state: a late fact is journaled like any other.
      heard: { tags: "final" }
    }
  })
