/** From unknown input to a typed value, or one line that says where and what: `owner.email: must be an email address`. */
import { Effect, Result, Schema, SchemaIssue } from "effect"
import { ServiceError } from "./error.ts"

const issuesShownMax = 3
const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1()

const wording = (message: string): string => {
  if (message === "Missing key") return "is missing"
  if (message === "Expected no excess property") return "is not a known field"
  // A closed union lists every member with every field; its first words are enough.
  return message.length > 200 ? `${message.slice(0, 200)}…` : message
}

const pathOf = (path: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined): string =>
  (path ?? [])
    .map((segment) => (typeof segment === "object" ? segment.key : segment))
    .map((key, index) => (typeof key === "number" ? `[${key}]` : `${index > 0 ? "." : ""}${String(key)}`))
    .join("")

/** What is wrong with `input`, in one line. */
export const explain = (error: Schema.SchemaError): string => {
  const { issues } = issuesOf(error.issue)
  const shown = issues.slice(0, issuesShownMax).map(({ path, message }) => {
    const where = pathOf(path)
    return where === "" ? wording(message) : `${where}: ${wording(message)}`
  })
  if (issues.length > issuesShownMax) shown.push(`and ${issues.length - issuesShownMax} more`)
  return shown.join("; ")
}

/** Unknown fields are refused: a misspelt one must not be taken for a default. */
export const decode = <A>(schema: Schema.Codec<A, any>) => {
  const parse = Schema.decodeUnknownResult(schema, { onExcessProperty: "error", errors: "all" })
  return (input: unknown): Effect.Effect<A, ServiceError> => {
    const result = parse(input)
    return Result.isSuccess(result)
      ? Effect.succeed(result.success)
      : Effect.fail(new ServiceError({ reason: "invalid", message: explain(result.failure) }))
  }
}
