/** The note that is kept of what an operator did: by whom, and why. */
import { Effect, Schema } from "effect"
import { newId } from "../../runtime/address.ts"
import type { FixNote } from "../../runtime/oversight.ts"
import { type Pass, userOf } from "./access.ts"

export const Why = Schema.String.check(
  Schema.isPattern(/^\S[^\p{Cc}\p{Cs}]{0,499}$/u, { message: "1 to 500 characters that say why, without control characters" })
)

export const fixNote = (
  pass: Pass<"operations.apply">,
  why: string | null,
  done: Pick<FixNote, "kind" | "subject" | "fix" | "result" | "outcome">
): Effect.Effect<FixNote> =>
  Effect.map(newId("fix"), (id) => ({ id, org: pass.organisation, by: userOf(pass), why, plannedRev: null, ...done }))
