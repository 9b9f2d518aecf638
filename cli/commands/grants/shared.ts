/** How grants are written on a command line, and shown. */
import { Effect, Option, Schema } from "effect"
import { Flag } from "effect/cli"
import { durationMs } from "../../duration.ts"
import { usage } from "../../failure.ts"
import { oneLine } from "../../output.ts"
import { objectFrom, textFrom } from "../actions/shared.ts"

export const Constraint = Schema.Struct({ path: Schema.String, op: Schema.String, value: Schema.Unknown })
export const Grant = Schema.Struct({
  id: Schema.String,
  scope: Schema.Struct({ type: Schema.String, id: Schema.String }),
  integration: Schema.String,
  action: Schema.String,
  constraints: Schema.Array(Constraint),
  usesMax: Schema.NullOr(Schema.Finite),
  used: Schema.Finite,
  expiresAtMs: Schema.Finite,
  createdBy: Schema.String,
  revokedAtMs: Schema.NullOr(Schema.Finite)
})

export const ttl = Flag.String("ttl").pipe(
  Flag.withDescription("How long it lasts: 90s, 30m, 8h or 30d; 60 s to 90 d"),
  Flag.optional
)

export const lastsMsOf = (given: string) => durationMs("--ttl", given)

const words: Readonly<Record<string, string>> = { equals: "=", prefix: "begins with", oneOf: "one of", atMost: "≤", atLeast: "≥" }

export const constraintText = ({ path, op, value }: typeof Constraint.Type): string =>
  `${path} ${words[op] ?? op} ${JSON.stringify(value)}`

/** `{"project":"api"}` pins equal values; a list of `{path, op, value}` says anything that a grant can. */
export const constraintsFrom = Effect.fnUntraced(function* (given: string) {
  const text = (yield* textFrom(given, "--where")).trim()
  if (text.startsWith("[")) {
    const parsed = yield* Effect.try({
      try: () => JSON.parse(text) as ReadonlyArray<unknown>,
      catch: (cause) => usage(`--where is not JSON: ${(cause as Error).message}`, `Such as --where '{"project":"api"}'.`)
    })
    return parsed
  }
  const object = yield* objectFrom(text, "--where")
  return Object.entries(object).map(([path, value]) => ({ path, op: "equals", value }))
})

const endsText = ({ expiresAtMs, revokedAtMs }: typeof Grant.Type): string => {
  if (revokedAtMs !== null) return "revoked"
  const leftMin = Math.round((expiresAtMs - Date.now()) / 60_000)
  if (leftMin < 0) return "expired"
  return leftMin < 120
    ? `in ${leftMin} min`
    : leftMin < 48 * 60
      ? `in ${Math.round(leftMin / 60)} h`
      : `in ${Math.round(leftMin / 1440)} d`
}

export const grantText = (grant: typeof Grant.Type): ReadonlyArray<string> => [
  grant.id,
  `${grant.integration}.${grant.action} in ${grant.scope.type}`,
  `${grant.used} of ${grant.usesMax ?? "any number"}`,
  endsText(grant),
  oneLine(grant.constraints.map(constraintText).join(", "), 80)
]

export const optional = <A>(value: Option.Option<A>): A | undefined => Option.getOrUndefined(value)
