/**
 * The model endpoints that a server is told of by its environment; README.md has the table. One of any kind, and the two makers' own,
 * of which a key is enough. What cannot be meant is an error that names the variable.
 */
import { Config, Effect, Option, Redacted, Schema } from "effect"
import { Dialect } from "../actors/ports/models.ts"
import type { Upstream } from "../adapters/model/upstreams.ts"

export class ModelSettingsError extends Schema.TaggedError<ModelSettingsError>()("ModelSettingsError", {
  message: Schema.String
}) {}

const optional = <A>(config: Config.Config<A>) => config.pipe(Config.option, Config.map(Option.getOrNull))
const words = (text: string | null): ReadonlyArray<string> => [...new Set((text ?? "").split(/[\s,]+/).filter(Boolean))]
const isDialect = Schema.is(Dialect)

interface Kind {
  readonly prefix: string
  readonly models: string
  /** Where it is when only its key is given; null: the URL says that there is one at all. */
  readonly url: string | null
  /** Null: a variable says them. */
  readonly dialects: ReadonlyArray<Dialect> | null
}

/** The first that has a model is asked for it. */
const kinds: ReadonlyArray<Kind> = [
  { prefix: "PROLIFERATE_MODEL", models: "PROLIFERATE_MODELS", url: null, dialects: null },
  {
    prefix: "PROLIFERATE_ANTHROPIC",
    models: "PROLIFERATE_ANTHROPIC_MODELS",
    url: "https://api.anthropic.com/v1",
    dialects: ["messages"]
  },
  {
    prefix: "PROLIFERATE_OPENAI",
    models: "PROLIFERATE_OPENAI_MODELS",
    url: "https://api.openai.com/v1",
    dialects: ["chat", "responses"]
  }
]

const refuse = (message: string) => Effect.fail(new ModelSettingsError({ message }))

const baseOf = Effect.fnUntraced(function* (name: string, given: string) {
  const url = URL.parse(given)
  if (url === null || !/^https?:$/.test(url.protocol)) return yield* refuse(`${name}: an http or https URL is needed`)
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    return yield* refuse(`${name}: a URL without a password, query or fragment is needed; a key has a variable of its own`)
  }
  return url.href.replace(/\/+$/, "")
})

const upstreamOf = Effect.fnUntraced(function* (kind: Kind) {
  const [urlName, keyName, dialectName] = [`${kind.prefix}_URL`, `${kind.prefix}_KEY`, `${kind.prefix}_DIALECT`]
  const given = yield* Config.all({
    url: optional(Config.String(urlName)),
    key: optional(Config.Redacted(keyName)),
    models: optional(Config.String(kind.models)).pipe(Config.map(words)),
    dialects: optional(Config.String(dialectName)).pipe(Config.map(words))
  })
  const key = given.key === null || Redacted.value(given.key) === "" ? null : given.key
  const url = given.url || (key !== null || given.models.length > 0 ? kind.url : null)
  if (url === null) {
    const stray = key !== null ? keyName : given.models.length > 0 ? kind.models : null
    return stray === null ? [] : yield* refuse(`${stray} is set, but not ${urlName}: say where the models are`)
  }
  if (key !== null && !/^[\x21-\x7e]+$/.test(Redacted.value(key))) {
    return yield* refuse(`${keyName}: it has a character that no key has, a space or a line's end perhaps`)
  }
  if (given.models.length === 0)
    return yield* refuse(`${kind.models}: name the models that sessions may use, the usual one first`)
  const strange = given.dialects.find((dialect) => !isDialect(dialect))
  if (strange !== undefined) return yield* refuse(`${dialectName}: ${strange} is none of ${Dialect.literals.join(", ")}`)
  const dialects = kind.dialects ?? (given.dialects.length > 0 ? given.dialects.filter(isDialect) : (["chat"] as const))
  const upstream: Upstream = { url: yield* baseOf(urlName, url), key, dialects, models: given.models }
  return [upstream]
})

export const modelSettings = Effect.gen(function* () {
  const upstreams = (yield* Effect.forEach(kinds, upstreamOf)).flat()
  const tokensMax = yield* optional(Config.Int("PROLIFERATE_SESSION_TOKENS_MAX"))
  if (tokensMax !== null && tokensMax < 1) {
    return yield* refuse("PROLIFERATE_SESSION_TOKENS_MAX: a number of tokens above 0 is needed, or nothing for no limit")
  }
  return { upstreams, tokensMax }
})

/** What is configured, for the greeting: never a key. */
export const modelsText = (upstreams: ReadonlyArray<Upstream>): string =>
  upstreams.length === 0
    ? "none; PROLIFERATE_MODEL_URL and PROLIFERATE_MODELS give agents one"
    : upstreams.map(({ url, models, dialects }) => `${models.join(", ")} by ${dialects.join(", ")} at ${url}`).join("; ")
