/** What the commands of `proliferate actions` share: whose session it is, how they print, and how a call is read and ends. */
import { readFileSync } from "node:fs"
import { Effect, Option, Schema } from "effect"
import { Flag } from "effect/cli"
import { type ExitName, Failed, usage } from "../../failure.ts"
import { Json, oneLine } from "../../output.ts"

const inputBytesMax = 1024 * 1024

export const Call = Schema.Struct({
  id: Schema.String,
  sessionId: Schema.String,
  status: Schema.String,
  integration: Schema.String,
  action: Schema.String,
  risk: Schema.String,
  params: Schema.Unknown,
  path: Schema.Array(Schema.Struct({ step: Schema.String, outcome: Schema.String, because: Schema.String })),
  decidedBy: Schema.NullOr(Schema.String),
  by: Schema.NullOr(Schema.String),
  grantId: Schema.NullOr(Schema.String),
  result: Schema.Unknown,
  reason: Schema.NullOr(Schema.String),
  message: Schema.NullOr(Schema.String),
  expiresAtMs: Schema.NullOr(Schema.Finite),
  createdAtMs: Schema.Finite,
  updatedAtMs: Schema.Finite
})
export type Call = typeof Call.Type

export const session = Flag.String("session").pipe(
  Flag.withDescription("Of which session; inside a sandbox its own, and no other"),
  Flag.optional
)

export const output = Flag.Literals("output", ["json", "text"]).pipe(
  Flag.withDescription("json, for programs and agents, or text"),
  Flag.withDefault("json" as const)
)

export const integration = Flag.String("integration").pipe(Flag.withDescription("The service, such as github"))
export const action = Flag.String("action").pipe(Flag.withDescription("The action, as `proliferate actions list` names it"))

export const sessionOf = (given: Option.Option<string>): Effect.Effect<string, Failed> => {
  const own = Option.getOrUndefined(given) ?? process.env["PROLIFERATE_SESSION"]
  return own
    ? Effect.succeed(own)
    : Effect.fail(usage("which session?", "Inside a sandbox it is known; elsewhere name it: --session ses_01."))
}

export const pathOf = (sessionId: string, rest: string): string => `/v1/sessions/${encodeURIComponent(sessionId)}${rest}`

/** One JSON value, readable, or what `text` makes of it. */
export const show = Effect.fnUntraced(function* (format: "json" | "text", value: unknown, text: () => string) {
  const isJson = yield* Json
  const said = isJson ? JSON.stringify(value) : format === "json" ? JSON.stringify(value, null, 2) : text()
  yield* Effect.sync(() => void process.stdout.write(said.endsWith("\n") ? said : `${said}\n`))
})

const readStdin = async (): Promise<string> => {
  let text = ""
  for await (const chunk of process.stdin.setEncoding("utf8")) {
    text += chunk
    if (text.length > inputBytesMax) throw new Error("it is longer than 1 MB")
  }
  return text
}

/** `-` is standard input, `@file` a file, anything else itself. */
export const textFrom = (given: string, what: string): Effect.Effect<string, Failed> =>
  Effect.tryPromise({
    try: async () => {
      if (given === "-") return await readStdin()
      return given.startsWith("@") ? readFileSync(given.slice(1), "utf8") : given
    },
    catch: (cause) =>
      usage(`${what} cannot be read: ${(cause as Error).message}`, "Give it as JSON, as @FILE, or as - for standard input.")
  })

/** An object, or a usage error that says where it stops being JSON. */
export const objectFrom = Effect.fnUntraced(function* (given: string, what: string) {
  const text = yield* textFrom(given, what)
  const example = `Such as ${what} '{"name":"value"}'; long ones come from a file, ${what} @call.json, or from standard input, ${what} -.`
  const parsed = yield* Effect.try({
    try: () => JSON.parse(text) as unknown,
    catch: (cause) => usage(`${what} is not JSON: ${oneLine((cause as Error).message, 200)}`, example)
  })
  if (parsed === null || typeof parsed !== "object" || Array.isArray(parsed))
    return yield* usage(`${what} is ${Array.isArray(parsed) ? "a list" : JSON.stringify(parsed)}, and must be an object`, example)
  return parsed as Readonly<Record<string, unknown>>
})

const exitOf: Readonly<Record<string, ExitName>> = {
  completed: "ok",
  failed: "provider",
  denied: "refused",
  revoked: "refused",
  expired: "expired"
}

const todoOf = (call: Call): string => {
  switch (call.status) {
    case "denied":
      return call.decidedBy === "person"
        ? "Do not ask for the same again; find another way, or ask what would be acceptable."
        : `\`proliferate actions guide ${call.integration}\` says what may be done.`
    case "expired":
      return "Nobody decided in time. Go on without it, or ask again later."
    case "revoked":
      return "It was not executed. Go on without it."
    case "failed":
      return call.reason === "outcome-unknown"
        ? "It may have taken effect: look at the service before you do it again."
        : "Look at the message; correct what was wrong, and try again if that makes sense."
    default:
      return `\`proliferate actions status --id ${call.id}\` shows it; its outcome comes to the session as a prompt.`
  }
}

/** Null: it went well. */
export const failureOf = (call: Call, waited: boolean): Failed | null => {
  const exit = exitOf[call.status] ?? "pending"
  if (exit === "ok") return null
  const why = call.message ?? call.path.at(-1)?.because ?? null
  const name = `${call.integration}.${call.action} (${call.id})`
  const what =
    exit === "pending"
      ? `${name} is ${call.status === "pending" ? "waiting for a person" : call.status}${waited ? ", and it was not over in time" : ""}`
      : `${name} ${exit === "provider" ? "failed" : `is ${call.status}`}${why === null ? "" : `: ${why}`}`
  return new Failed({ exit, what, todo: todoOf(call) })
}
