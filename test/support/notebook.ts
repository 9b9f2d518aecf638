/**
 * An integration with one action of each risk, in this process: what was written stands in `effects`, by key, and what befalls the
 * next call is up to the test. Its credential is good while it is `good-token`.
 */
import { Effect, Layer, Redacted, Schema } from "effect"
import { type Action, type ActionCall, ActionError, type Provider, Providers } from "../../actors/ports/actions.ts"

const Page = Schema.Struct({ page: Schema.String.check(Schema.isMinLength(1)) })
const Note = Schema.Struct({
  page: Schema.String.check(Schema.isMinLength(1)),
  text: Schema.String,
  project: Schema.optionalKey(Schema.String)
})

const action = (
  name: string,
  risk: Action["risk"],
  params: Schema.Codec<any, any>,
  example: Record<string, unknown>
): Action => ({
  name,
  title: name,
  description: `Does ${name}.`,
  risk,
  params,
  inputSchema: Schema.toJsonSchemaDocument(params).schema as never,
  honoursKeys: false,
  readsBack: true,
  example,
  schemaHash: name,
  drifted: false
})

const actions = [
  action("read_page", "read", Page, { page: "home" }),
  action("add_note", "write", Note, { page: "home", text: "hello" }),
  action("delete_page", "danger", Page, { page: "home" })
]

export type Fate =
  | "works"
  | "fails"
  | "unknown-done"
  | "unknown-undone"
  | "needs-reauth"
  | "garbage"
  | "huge"
  | "never"
  | "limited"

export const notebook = () => {
  const effects: Array<{ readonly key: string; readonly params: unknown }> = []
  const calls: Array<ActionCall> = []
  const fates: Array<Fate> = []
  const drifted = new Set<string>()
  let isRefused = false

  const error = (reason: ActionError["reason"], sent: boolean, message: string) =>
    new ActionError({ reason, sent, retryAfterMs: null, integration: "notebook", message })

  const isGood = ({ credential }: Pick<ActionCall, "credential">) => {
    const secret = Redacted.value(credential)
    return !isRefused && secret.kind === "token" && secret.token === "good-token"
  }

  const provider: Provider = {
    integration: "notebook",
    displayName: "Notebook",
    takes: ["token"],
    trouble: null,
    get actions() {
      return actions.map((one) => ({ ...one, drifted: drifted.has(one.name) }))
    },
    guide: { overview: "Pages and notes.", tips: ["A page is made by its first note."] },
    oauth: null,
    app: null,
    check: (credential) =>
      isGood({ credential })
        ? Effect.succeed({ account: "ada's notebook", scopes: ["notes"] })
        : Effect.fail(error("needs-reauth", false, "the token is not known to Notebook")),
    execute: (call) =>
      Effect.suspend((): Effect.Effect<unknown, ActionError> => {
        calls.push(call)
        if (!isGood(call)) return Effect.fail(error("needs-reauth", false, "the token is not known to Notebook"))
        const isWrite = call.action !== "read_page"
        const done = () => {
          if (isWrite) effects.push({ key: call.key, params: call.params })
          return { ok: true, page: call.params["page"], notes: effects.length }
        }
        switch (fates.shift() ?? "works") {
          case "works":
            return Effect.succeed(done())
          case "fails":
            return Effect.fail(error("invalid", false, "Notebook says: no such page"))
          case "unknown-done":
            done()
            return Effect.fail(error("unknown", true, "the connection broke after it was sent"))
          case "unknown-undone":
            return Effect.fail(error("unknown", true, "the connection broke after it was sent"))
          case "needs-reauth":
            isRefused = true
            return Effect.fail(error("needs-reauth", false, "the token was revoked at Notebook"))
          case "garbage":
            done()
            return Effect.fail(error("unreadable", true, "Notebook answered with something that is no JSON"))
          case "huge":
            done()
            return Effect.succeed({ text: "x".repeat(50_000_000), token: "good-token" })
          case "limited":
            return Effect.fail(
              new ActionError({
                ...{ reason: "rate-limited", sent: false, retryAfterMs: 60_000, integration: "notebook" },
                message: "Notebook asks to be called less often"
              })
            )
          case "never":
            done()
            return Effect.never
        }
      }),
    readBack: ({ key }) =>
      Effect.sync(() => {
        const found = effects.find((one) => one.key === key)
        return found === undefined ? { _tag: "Absent" as const } : { _tag: "Found" as const, result: { found: true } }
      }),
    revoke: () => Effect.void
  }

  return {
    effects,
    calls,
    provider,
    next: (...fate: ReadonlyArray<Fate>) => void fates.push(...fate),
    /** It takes other arguments now than an administrator accepted. */
    drift: (name: string) => void drifted.add(name),
    refuse: (refused: boolean) => {
      isRefused = refused
    },
    layer: Layer.succeed(
      Providers,
      Providers.of({
        of: () => Effect.succeed([provider]),
        find: (_, integration) => Effect.succeed(integration === "notebook" ? provider : null)
      })
    )
  }
}
export type Notebook = ReturnType<typeof notebook>
