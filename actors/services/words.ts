/** The words that requests to several services share. */
import { Schema } from "effect"

/** What people call something: one line that shows. */
export const Name = Schema.String.check(
  Schema.isPattern(/^\S(.{0,98}\S)?$/u, { message: "1 to 100 characters, no space at either end" }),
  Schema.isPattern(/^[^\p{Cc}\p{Cs}]*$/u, { message: "must not contain control characters" })
)

export const Email = Schema.String.check(
  Schema.isMaxLength(254),
  Schema.isPattern(/^[^\s@\p{Cc}]+@[^\s@\p{Cc}]+$/u, { message: "must be an email address" })
)

export const Id = Schema.String.check(
  Schema.isPattern(/^[A-Za-z0-9_.:-]{1,128}$/, { message: "1 to 128 letters, digits or _ . : -" })
)
