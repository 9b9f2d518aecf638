/**
 * How things go wrong at E2B, in the four words of the port. `unreachable` and `quota` may pass, `not-found` and `rejected` do not.
 * The API key is in no message: whatever E2B or the SDK says is searched for it.
 */
import {
  AuthenticationError,
  SandboxError as E2BError,
  InvalidArgumentError,
  NotEnoughSpaceError,
  NotFoundError,
  RateLimitError,
  TemplateError
} from "e2b"
import { Redacted } from "effect"
import { SandboxError } from "../../../actors/ports/sandboxes.ts"
import * as limits from "./limits.ts"

export const provider = "e2b"

export const failed = (reason: SandboxError["reason"], message: string) => new SandboxError({ reason, provider, message })

/** A status that the SDK has no class for. */
const reasonOf = (status: number | undefined): SandboxError["reason"] => {
  if (status === 404) return "not-found"
  if (status === 402) return "quota"
  return status !== undefined && status >= 400 && status < 500 && ![408, 409, 425].includes(status) ? "rejected" : "unreachable"
}

/** `what` completes "could not …". */
export const failureOf =
  (apiKey: Redacted.Redacted) =>
  (what: string, cause: unknown): SandboxError => {
    if (cause instanceof SandboxError) return cause
    const told = cause instanceof Error ? cause.message : String(cause)
    const said = told.replaceAll(Redacted.value(apiKey), "[key]").slice(0, limits.messageCharactersMax)
    const fail = (reason: SandboxError["reason"], advice = "") =>
      failed(reason, `E2B could not ${what}: ${said}${said.endsWith(".") ? "" : "."}${advice}`)
    if (cause instanceof AuthenticationError) return fail("rejected", " Check E2B_API_KEY.")
    if (cause instanceof RateLimitError || cause instanceof NotEnoughSpaceError) return fail("quota")
    if (cause instanceof NotFoundError) return fail("not-found")
    if (cause instanceof InvalidArgumentError || cause instanceof TemplateError) return fail("rejected")
    if (cause instanceof E2BError) return fail(reasonOf((cause as E2BError & { readonly statusCode?: number }).statusCode))
    return fail("unreachable")
  }
