/**
 * The agent of the demo. The scripted one needs nothing; another thinks with the model at `--model-url`, and is installed by the
 * demo's server, into its data or where PROLIFERATE_AGENTS_DIR says, the way `proliferate agents install` does it.
 */
import { Effect, Schema } from "effect"
import { Work } from "../../actors/services/installations.ts"
import { type Connection, call } from "../api.ts"
import { DemoFailed } from "./failure.ts"

const modelsWithinMs = 10_000
const installWithinMs = 16 * 60_000
const lookMs = 500

/** What an agent must be spoken to; the others are OpenAI's chat completions. */
const dialectOf: Readonly<Record<string, string>> = { claude: "messages", codex: "responses" }

const Offered = Schema.Struct({ data: Schema.Array(Schema.Struct({ id: Schema.String })) })
const Agent = Schema.Struct({ state: Schema.String, message: Schema.NullOr(Schema.String), work: Schema.NullOr(Work) })

const failed = (what: string) => new DemoFailed({ failedAt: "agent", what })

/** The model that the endpoint names first. */
const firstModel = (url: string) =>
  Effect.tryPromise({
    try: async () => {
      const key = process.env["PROLIFERATE_MODEL_KEY"]
      const response = await fetch(`${url}/models`, {
        headers: key ? { authorization: `Bearer ${key}` } : {},
        signal: AbortSignal.timeout(modelsWithinMs)
      })
      if (!response.ok) throw new Error(`it answered with ${response.status}`)
      return await response.text()
    },
    catch: (cause) =>
      failed(`${url}/models did not say which models there are: ${(cause as Error).message}. Name one with --model.`)
  }).pipe(
    Effect.flatMap((text) => Schema.decodeUnknownEffect(Schema.fromJsonString(Offered))(text)),
    Effect.mapError((error) =>
      error instanceof DemoFailed ? error : failed(`${url}/models did not answer with models. Name one with --model.`)
    ),
    Effect.flatMap(({ data }) =>
      data[0] === undefined
        ? Effect.fail(failed(`${url}/models names no model: name one with --model`))
        : Effect.succeed(data[0].id)
    )
  )

/** What the demo's server is told of it. */
export const modelSettings = Effect.fnUntraced(function* (agent: string, given: string | undefined, model: string | undefined) {
  if (given === undefined) return {}
  const url = given.replace(/\/+$/, "")
  const key = process.env["PROLIFERATE_MODEL_KEY"]
  return {
    PROLIFERATE_MODEL_URL: url,
    PROLIFERATE_MODELS: model ?? (yield* firstModel(url)),
    PROLIFERATE_MODEL_DIALECT: process.env["PROLIFERATE_MODEL_DIALECT"] ?? dialectOf[agent] ?? "chat",
    ...(key && { PROLIFERATE_MODEL_KEY: key })
  }
})

export const installAgent = Effect.fnUntraced(function* (
  connection: Connection,
  agent: string,
  print: (text: string) => void
): Effect.fn.Return<void, DemoFailed> {
  const path = `/v1/agents/${agent}`
  const ask = (method: "GET" | "POST", path: string) =>
    call(connection, method, path, Agent).pipe(
      Effect.mapError(({ what, todo }) => failed(`${what}. ${todo}`)),
      Effect.map(({ value }) => value)
    )
  const { state } = yield* ask("GET", path)
  if (state !== "not-installed") return print(`  ${agent} is there already\n`)
  const done = Effect.gen(function* () {
    let told = ""
    for (let now = yield* ask("POST", `${path}/install`); ; now = yield* ask("GET", path)) {
      const { message = "", state: at = "failed" } = now.work ?? {}
      if (message !== told) print(`  ${message}\n`)
      told = message
      if (at === "failed") return yield* failed(message)
      if (at === "done") return
      yield* Effect.sleep(lookMs)
    }
  })
  yield* done.pipe(
    Effect.timeoutOrElse({
      duration: installWithinMs,
      orElse: () => Effect.fail(failed(`${agent} was not installed within ${installWithinMs / 60_000} minutes`))
    })
  )
})
