/** Rehearsals of one organisation: one at a time, whatever becomes of it; another organisation's does not wait for it. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import { Providers } from "../../actors/ports/actions.ts"
import { Calls } from "../../actors/ports/calls.ts"
import { Grants } from "../../actors/ports/grants.ts"
import { Rules } from "../../actors/ports/rules.ts"
import { Rehearsals } from "../../actors/services/rehearsal.ts"

const pass = (organisation: string) => ({ organisation }) as never

describe("rehearsals", () => {
  it.effect("are one at a time in an organisation", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const ports = Layer.mergeAll(
        // A database that takes its time for one of them.
        Layer.mock(Calls)({ list: (org) => Effect.as(org === "org_1" ? Deferred.await(gate) : Effect.void, []) }),
        Layer.mock(Rules)({ book: () => Effect.succeed({ revision: 0, rules: [] }) as never }),
        Layer.mock(Grants)({ list: () => Effect.succeed([]) }),
        Layer.mock(Providers)({ of: () => Effect.succeed([]) })
      )
      const { rehearse } = yield* Rehearsals.pipe(Effect.provide(Rehearsals.layer.pipe(Layer.provide(ports))))
      const first = yield* Effect.forkChild(rehearse(pass("org_1"), {}), { startImmediately: true })
      const second = yield* Effect.flip(rehearse(pass("org_1"), {}))
      assert.deepInclude(second, { _tag: "ServiceError", reason: "limit" })
      assert.strictEqual((yield* rehearse(pass("org_2"), {})).looked, 0)
      yield* Fiber.interrupt(first)
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual((yield* rehearse(pass("org_1"), {})).looked, 0)
    })
  )
})
