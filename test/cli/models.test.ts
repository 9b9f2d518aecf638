/** What a server makes of its environment when it is to have models. */
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Redacted } from "effect"
import { modelSettings, modelsText } from "../../cli/models.ts"

const given = (env: Record<string, string>) =>
  modelSettings.pipe(Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env })))
const here = { PROLIFERATE_MODEL_URL: "http://127.0.0.1:8000/v1/", PROLIFERATE_MODELS: "small, large" }

describe("models", () => {
  it.effect("are none where nothing says so", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* given({}), { upstreams: [], tokensMax: null })
      assert.match(modelsText([]), /^none; PROLIFERATE_MODEL_URL/)
    })
  )

  it.effect("of an endpoint are asked for in chat, unless it speaks otherwise", () =>
    Effect.gen(function* () {
      const { upstreams } = yield* given(here)
      assert.deepStrictEqual(upstreams, [
        { url: "http://127.0.0.1:8000/v1", key: null, dialects: ["chat"], models: ["small", "large"] }
      ])
      const spoken = yield* given({ ...here, PROLIFERATE_MODEL_DIALECT: "messages,responses" })
      assert.deepStrictEqual(spoken.upstreams[0]!.dialects, ["messages", "responses"])
    })
  )

  it.effect("of the makers need a key and their names, and the keys are never told", () =>
    Effect.gen(function* () {
      const { upstreams, tokensMax } = yield* given({
        ...here,
        PROLIFERATE_ANTHROPIC_KEY: "sk-ant-secret",
        PROLIFERATE_ANTHROPIC_MODELS: "claude-one",
        PROLIFERATE_OPENAI_KEY: "sk-secret",
        PROLIFERATE_OPENAI_MODELS: "gpt-one gpt-two",
        PROLIFERATE_SESSION_TOKENS_MAX: "1000000"
      })
      assert.strictEqual(tokensMax, 1_000_000)
      assert.deepStrictEqual(
        upstreams.map(({ url, dialects, models }) => [url, dialects.join(), models.join()]),
        [
          ["http://127.0.0.1:8000/v1", "chat", "small,large"],
          ["https://api.anthropic.com/v1", "messages", "claude-one"],
          ["https://api.openai.com/v1", "chat,responses", "gpt-one,gpt-two"]
        ]
      )
      assert.strictEqual(Redacted.value(upstreams[1]!.key!), "sk-ant-secret")
      assert.notInclude(modelsText(upstreams) + JSON.stringify(upstreams), "secret")
    })
  )

  const wrong: Readonly<Record<string, readonly [Record<string, string>, RegExp]>> = {
    "a key without a URL": [{ PROLIFERATE_MODEL_KEY: "sk-1" }, /PROLIFERATE_MODEL_KEY is set, but not PROLIFERATE_MODEL_URL/],
    "models without a URL": [{ PROLIFERATE_MODELS: "m" }, /PROLIFERATE_MODELS is set, but not PROLIFERATE_MODEL_URL/],
    "a URL without models": [{ PROLIFERATE_MODEL_URL: here.PROLIFERATE_MODEL_URL }, /PROLIFERATE_MODELS: name the models/],
    "a maker's key without models": [{ PROLIFERATE_OPENAI_KEY: "sk-1" }, /PROLIFERATE_OPENAI_MODELS: name the models/],
    "no URL": [{ ...here, PROLIFERATE_MODEL_URL: "localhost:80" }, /PROLIFERATE_MODEL_URL: an http or https URL/],
    "a URL with a password": [
      { ...here, PROLIFERATE_MODEL_URL: "https://me:swordfish@host/v1" },
      /PROLIFERATE_MODEL_URL: a URL without a password/
    ],
    "a key with a line's end": [{ ...here, PROLIFERATE_MODEL_KEY: "swordfish\n" }, /PROLIFERATE_MODEL_KEY: .*character/],
    "an unknown dialect": [
      { ...here, PROLIFERATE_MODEL_DIALECT: "chat,klingon" },
      /klingon is none of chat, responses, messages/
    ],
    "no tokens": [{ PROLIFERATE_SESSION_TOKENS_MAX: "0" }, /PROLIFERATE_SESSION_TOKENS_MAX: a number of tokens above 0/]
  }
  for (const [name, [env, why]] of Object.entries(wrong)) {
    it.effect(`cannot be had with ${name}`, () =>
      Effect.gen(function* () {
        const { message } = yield* Effect.flip(given(env))
        assert.match(message, why)
        assert.notInclude(message, "swordfish")
      })
    )
  }
})
