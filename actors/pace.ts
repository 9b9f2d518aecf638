/**
 * How fast an organisation's calls go to one service: on all servers together no faster than it may, and not at all while the service
 * itself says later. A call that must wait stays where it is, approved, and takes nothing.
 */
import { Context, Effect, Layer } from "effect"
import { Coordination } from "../runtime/coordination.ts"
import { steadyMs } from "../runtime/steady.ts"

/** What services allow an application for long is a few calls a second; a burst of an agent that reads goes through. */
const serviceRate = { burst: 100, perSecond: 20 }
/** A service that says to come back later than this is asked again all the same. */
const holdMaxMs = 10 * 60_000

export class Pace extends Context.Service<
  Pace,
  {
    /** 0: go; else the milliseconds after which to ask again. */
    readonly take: (org: string, integration: string) => Effect.Effect<number>
    /** The service said: not before. */
    readonly hold: (org: string, integration: string, forMs: number) => Effect.Effect<void>
  }
>()("proliferate/actors/Pace") {
  static readonly layer: Layer.Layer<Pace, never, Coordination> = Layer.effect(
    Pace,
    Effect.gen(function* () {
      const coordination = yield* Coordination
      /** Until when, as this server was told; another hears it by itself. */
      const held = new Map<string, number>()
      return Pace.of({
        take: Effect.fnUntraced(function* (org, integration) {
          const key = `${org}/${integration}`
          const leftMs = (held.get(key) ?? 0) - (yield* steadyMs)
          if (leftMs > 0) return leftMs
          held.delete(key)
          return yield* coordination.take(`actions/${key}`, serviceRate)
        }),
        hold: (org, integration, forMs) =>
          Effect.map(steadyMs, (nowMs) => {
            held.set(`${org}/${integration}`, nowMs + Math.min(forMs, holdMaxMs))
          })
      })
    })
  )
}
