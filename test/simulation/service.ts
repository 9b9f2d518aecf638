/**
 * A service on which agents act, and what can befall a call to it: it never gets there, comes late or twice, takes effect and nobody
 * hears of it, is refused, answered with a failure or with something else. What it keeps is the truth about what took effect. Asked
 * whether a call did, it never says that one did not which is still on its way.
 */
import { Effect, Redacted, Schema } from "effect"
import { type Action, ActionError, type Credential, type Provider, type Risk } from "../../actors/ports/actions.ts"
import type { Lane } from "../support/timeline.ts"
import type { Weather } from "./weather.ts"

export interface Effected {
  readonly key: string
  readonly action: string
  readonly params: unknown
}

/**
 * Its write is dangerous now, is said to be a read, takes other arguments, is not the one that was accepted, is gone; or it cannot be
 * asked at all.
 */
export const drifts = ["risk", "read", "arguments", "schema", "action", "integration"] as const

export const integration = "github"
/** What it is called with; in nothing that is kept or told. */
export const credential = "the-credential-of-org-1"

const silenceMs = [5_000, 60_000] as const

const Anything = Schema.Record(Schema.String, Schema.Json) as Schema.Codec<any, any>
const Other = Schema.Struct({ summary: Schema.String }) as Schema.Codec<any, any>

const actionOf = (name: string, risk: Risk, changes: Partial<Action> = {}): Action => ({
  ...{ name, risk, title: name, description: name, params: Anything, inputSchema: {}, example: {} },
  ...{ honoursKeys: false, readsBack: true, schemaHash: "0", drifted: false, ...changes }
})

export class Service {
  readonly lane: Lane
  readonly weather: Weather
  readonly effects: Array<Effected> = []
  /** Before it takes effect, whoever watches is told. */
  onEffect: (effect: Effected) => void = () => {}
  drift: (typeof drifts)[number] | null = null
  /** Whether the credential is taken; an administrator brings another when it is not. */
  isConnected = true
  /** How many requests under a key are on their way. */
  readonly #flying = new Map<string, number>()

  constructor(lane: Lane, weather: Weather) {
    this.lane = lane
    this.weather = weather
  }

  get actions(): ReadonlyArray<Action> {
    const { drift } = this
    return [
      actionOf("get_issue", "read"),
      ...(drift === "action"
        ? []
        : [
            actionOf("create_issue", drift === "risk" ? "danger" : drift === "read" ? "read" : "write", {
              ...(drift === "arguments" && { params: Other }),
              drifted: drift === "schema"
            })
          ]),
      actionOf("add_comment", "write", { honoursKeys: true }),
      actionOf("merge", "danger")
    ]
  }

  riskOf(name: string): Risk {
    return this.actions.find((action) => action.name === name)?.risk ?? "write"
  }

  hasEffected(key: string): boolean {
    return this.effects.some((effect) => effect.key === key)
  }

  isFlying(key: string): boolean {
    return (this.#flying.get(key) ?? 0) > 0
  }

  departs(key: string): void {
    this.#flying.set(key, (this.#flying.get(key) ?? 0) + 1)
  }

  lands(key: string): void {
    this.#flying.set(key, this.#flying.get(key)! - 1)
  }

  /** A request has come. */
  takes(effect: Effected): void {
    const { honoursKeys = false } = this.actions.find(({ name }) => name === effect.action) ?? {}
    if (honoursKeys && this.hasEffected(effect.key)) return
    this.onEffect(effect)
    this.effects.push(effect)
  }
}

const failed = (reason: ActionError["reason"], sent: boolean, message: string, retryAfterMs: number | null = null) =>
  new ActionError({ reason, sent, retryAfterMs, integration, message })

/** As a node sees it. */
export const providerOver = (lane: Lane, service: Service): Provider | null => {
  const { weather } = service
  if (service.drift === "integration") return null

  const execute: Provider["execute"] = ({ key, action, params }) =>
    Effect.suspend(() => {
      service.departs(key)
      return lane.across(service.lane, arriving({ key, action, params }))
    })

  const arriving = (effect: Effected) =>
    Effect.gen(function* () {
      const isRead = effect.action === "get_issue"
      const { key } = effect
      const unknown = failed(isRead ? "unavailable" : "unknown", !isRead, "no answer")
      let isFlying = true
      const land = () => {
        if (isFlying) service.lands(key)
        isFlying = false
      }
      return yield* Effect.gen(function* () {
        yield* weather.pass(5, 200)
        if (weather.isOut("service") || weather.strikes("service.unheard")) {
          land()
          yield* weather.pass(...silenceMs)
          return yield* unknown
        }
        if (weather.strikes("service.refuses")) return yield* failed("needs-reauth", false, "401")
        if (weather.strikes("service.limits")) return yield* failed("rate-limited", false, "429", weather.between(500, 20_000))
        if (weather.strikes("service.denies")) return yield* failed("not-found", false, "404")
        if (weather.strikes("service.fails")) return yield* failed("unavailable", !isRead && weather.either(true, false), "503")
        if (weather.strikes("service.late")) yield* weather.pass(20_000, 100_000)
        if (effect.action === "add_comment" && weather.strikes("service.twice")) again(effect)
        service.takes(effect)
        land()
        if (weather.isOut("service") || weather.strikes("service.unanswered")) {
          yield* weather.pass(...silenceMs)
          return yield* unknown
        }
        if (weather.strikes("service.fails")) return yield* failed("unavailable", !isRead, "502")
        if (weather.strikes("service.garbles")) return yield* failed("unreadable", !isRead, "it answered with a page")
        const other = weather.strikes("service.wrong-id") ? weather.either(...service.effects) : effect
        return { id: other.key, seenAs: `called with ${credential}` }
      }).pipe(Effect.ensuring(Effect.sync(land)))
    })

  const again = (effect: Effected) => {
    service.departs(effect.key)
    service.lane.fork(
      Effect.andThen(
        weather.pass(0, 30_000),
        Effect.sync(() => {
          service.takes(effect)
          service.lands(effect.key)
        })
      )
    )
  }

  return {
    integration,
    displayName: "GitHub",
    takes: ["token"],
    trouble: null,
    actions: service.actions,
    guide: { overview: "", tips: [] },
    oauth: null,
    app: null,
    check: () => Effect.succeed({ account: "a", scopes: [] }),
    execute,
    readBack: ({ key }) =>
      lane.across(
        service.lane,
        Effect.gen(function* () {
          yield* weather.pass(5, 200)
          if (weather.isOut("service") || weather.strikes("service.unheard")) {
            yield* weather.pass(...silenceMs)
            return yield* failed("unavailable", false, "no answer")
          }
          if (weather.strikes("service.fails")) return yield* failed("unavailable", false, "503")
          if (weather.strikes("service.denies")) return yield* failed("not-found", false, "404")
          if (weather.strikes("service.garbles")) return yield* failed("unreadable", false, "it answered with a page")
          if (weather.strikes("service.unclear")) return { _tag: "Unclear", message: "it cannot be searched" } as const
          if (service.hasEffected(key)) return { _tag: "Found", result: { id: key } } as const
          if (service.isFlying(key)) return { _tag: "Unclear", message: "it may be on its way" } as const
          return { _tag: "Absent" } as const
        })
      ),
    revoke: () => Effect.void
  }
}

export const tokenOf = (): Credential => Redacted.make({ kind: "token" as const, token: credential })
