/**
 * What every provider promises, through its real client library against a service on the loopback that speaks its API: what goes
 * well, and each way in which it does not, with `sent` right in every one of them.
 */
import assert from "node:assert/strict"
import { it } from "@effect/vitest"
import { Effect, Fiber, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { describe } from "vitest"
import type { ActionError, Provider, Secret } from "../../../actors/ports/actions.ts"
import { decode } from "../../../actors/services/decode.ts"
import { callMs } from "../../../adapters/actions/limits.ts"
import * as wire from "../../support/services/service.ts"

export interface ProviderWorld {
  readonly answer: (asked: wire.Asked) => wire.Said
  /** How often something was done. */
  readonly effects: () => number
  readonly provider: (url: string) => Provider
  readonly secret: Secret
  readonly read: { readonly action: string; readonly params: Record<string, unknown> }
  readonly write: { readonly action: string; readonly params: Record<string, unknown> }
  /** As the service says each of these. */
  readonly says: {
    readonly revoked: wire.Said
    readonly forbidden: wire.Said
    readonly notFound: wire.Said
    readonly invalid: wire.Said
    /** To be called again after this many seconds; every way in which it says so. */
    readonly rateLimited: (seconds: number) => ReadonlyArray<wire.Said>
  }
}

const key = "cmd_0123456789"

const refused = (effect: Effect.Effect<unknown, ActionError>) => Effect.orDie(Effect.flip(effect))

export const exerciseProvider = (name: string, makeWorld: () => ProviderWorld) =>
  describe(`actions: ${name}`, () => {
    const opened = Effect.gen(function* () {
      const world = makeWorld()
      const service = yield* wire.service(world.answer)
      const provider = world.provider(service.url)
      const credential = Redacted.make(world.secret)
      const run = ({ action, params }: ProviderWorld["read"], as = key) =>
        provider.execute({ action, params, key: as, credential })
      return { world, service, provider, credential, run }
    })
    const story = (title: string, play: (at: Effect.Success<typeof opened>) => Effect.Effect<void, ActionError>) =>
      it.effect(title, () => Effect.scoped(Effect.flatMap(opened, play)))

    const fails = (effect: Effect.Effect<unknown, ActionError>, reason: ActionError["reason"], sent: boolean) =>
      Effect.map(refused(effect), (error) => {
        assert.deepEqual({ reason: error.reason, sent: error.sent }, { reason, sent }, error.message)
        const shown = JSON.stringify(error)
        for (const secret of Object.values(makeWorld().secret).filter((value) => String(value).length > 10))
          assert.ok(!shown.includes(String(secret)), `${shown} holds the credential`)
        assert.ok(error.message.length < 800)
        return error
      })
    /** Lets the pauses between tries pass. */
    const passing = <A, E>(effect: Effect.Effect<A, E>) =>
      Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(effect)
        while (fiber.pollUnsafe() === undefined) {
          yield* TestClock.adjust("500 millis")
          yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        }
        return yield* Fiber.join(fiber)
      })

    story("no half of its credential is told, wherever what is told is cut", ({ world, run, service }) =>
      Effect.gen(function* () {
        const [secret] = Object.values(world.secret).filter((value) => String(value).length > 10)
        for (const before of [10, 40, 60, 70, 75, 430, 470, 490, 1_990]) {
          service.troubles.push(wire.say({ body: `${"x ".repeat(before / 2)}${String(secret)}` }))
          const shown = JSON.stringify(yield* refused(run(world.read)))
          assert.ok(!shown.includes(String(secret).slice(0, 6)), `${before} characters before it: ${shown}`)
        }
      })
    )

    story("each of its actions takes its own example, and says of each field what it is", ({ provider }) =>
      Effect.gen(function* () {
        assert.ok(provider.actions.length > 0)
        for (const action of provider.actions) {
          assert.deepEqual(yield* Effect.orDie(decode(action.params)(action.example)), action.example)
          const unknown = yield* Effect.flip(decode(action.params)({ ...action.example, noSuchField: 1 }))
          assert.match(unknown.message, /noSuchField/)
          const { properties = {}, type } = action.inputSchema as {
            readonly properties?: Record<string, object>
            readonly type: string
          }
          assert.equal(type, "object")
          for (const [field, schema] of Object.entries(properties))
            assert.ok("description" in schema, `${action.name}.${field} has no description`)
          assert.match(action.schemaHash, /^[0-9a-f]{64}$/)
        }
      })
    )

    story("says whose credential it is", ({ provider, credential }) =>
      Effect.map(provider.check(credential), ({ account }) => assert.ok(account.length > 0))
    )

    story("reads, and writes once", ({ world, service, run }) =>
      Effect.gen(function* () {
        assert.notEqual(yield* run(world.read), null)
        assert.equal(world.effects(), 0)
        yield* run(world.write)
        assert.equal(world.effects(), 1)
        for (const { headers } of service.asked) assert.ok(headers["user-agent"])
      })
    )

    story(
      "finds what a lost answer had done, and proves that a lost question did nothing",
      ({ world, service, provider, credential, run }) =>
        Effect.gen(function* () {
          const action = provider.actions.find((one) => one.name === world.write.action)!
          const look = provider.readBack({ ...world.write, key, credential, sentAtMs: Date.now() })
          if (!action.readsBack) return assert.equal((yield* look)._tag, "Unclear")
          assert.equal((yield* look)._tag, "Absent")
          yield* run(world.write)
          const again = yield* look
          assert.equal(again._tag, "Found")
          assert.equal(world.effects(), 1)
          assert.ok(service.asked.length > 2)
        })
    )

    story("a credential that was revoked needs to be renewed; nothing was done", ({ world, service, run }) =>
      Effect.gen(function* () {
        for (const call of [world.read, world.write]) {
          service.troubles.push(wire.say(world.says.revoked))
          yield* fails(run(call), "needs-reauth", false)
        }
      })
    )

    for (const [what, reason] of [
      ["forbidden", "forbidden"],
      ["notFound", "not-found"],
      ["invalid", "invalid"]
    ] as const)
      story(`what is ${reason} is not tried again, and did nothing`, ({ world, service, run }) =>
        Effect.gen(function* () {
          for (const [at, call] of [world.read, world.write].entries()) {
            service.troubles.push(wire.say(world.says[what]))
            yield* fails(run(call), reason, false)
            assert.equal(service.asked.length, at + 1)
          }
        })
      )

    story("waits as long as it is asked to, when that is short, and writes once", ({ world, service, run }) =>
      Effect.gen(function* () {
        for (const said of world.says.rateLimited(2)) {
          service.troubles.push(wire.say(said))
          const before = world.effects()
          yield* passing(run(world.write, `${key}${before}`))
          assert.equal(world.effects(), before + 1)
        }
      })
    )

    story("leaves a long pause to its caller, with its length", ({ world, service, run }) =>
      Effect.gen(function* () {
        for (const said of world.says.rateLimited(60)) {
          service.troubles.push(wire.say(said))
          const { retryAfterMs } = yield* fails(run(world.write), "rate-limited", false)
          assert.ok(retryAfterMs !== null && retryAfterMs > 50_000 && retryAfterMs <= 61_000, String(retryAfterMs))
        }
        assert.equal(world.effects(), 0)
      })
    )

    story("a service that is not there was sent nothing", ({ world, service, run }) =>
      Effect.gen(function* () {
        yield* Effect.promise(service.close)
        yield* fails(passing(run(world.read)), "unavailable", false)
        yield* fails(passing(run(world.write)), "unavailable", false)
      })
    )

    story("reads again over a failure that passes", ({ world, service, run }) =>
      Effect.gen(function* () {
        service.troubles.push(wire.say({ status: 502, body: "<html>Bad Gateway</html>" }), wire.hangUp)
        yield* passing(run(world.read))
        assert.equal(service.asked.length, 3)
      })
    )

    for (const [what, trouble] of [
      ["a failure of the service", wire.say({ status: 500, body: { message: "boom", detail: "boom" } })],
      ["a gateway's page", wire.say({ status: 502, headers: { "content-type": "text/html" }, body: "<html>Bad Gateway</html>" })],
      ["a refusal in nobody's words", wire.say({ status: 400, body: "nginx" })],
      ["a hang-up", wire.hangUp],
      ["nothing", wire.nothing],
      ["another protocol", wire.garbage]
    ] as const)
      story(`${what} leaves a write unknown, and a read not`, ({ world, service, provider, run }) =>
        Effect.gen(function* () {
          const { honoursKeys } = provider.actions.find((one) => one.name === world.write.action)!
          service.troubles.push(...Array.from({ length: honoursKeys ? 3 : 1 }, () => trouble))
          yield* fails(passing(run(world.write)), "unknown", true)
          assert.equal(service.asked.length, honoursKeys ? 3 : 1)
          service.troubles.push(trouble, trouble, trouble)
          const error = yield* refused(passing(run(world.read)))
          assert.equal(error.sent, false)
          assert.ok(["unavailable", "invalid"].includes(error.reason), error.reason)
        })
      )

    for (const [what, trouble] of [
      ["half an answer", wire.halfAnAnswer],
      ["another type of content", wire.say({ headers: { "content-type": "text/html" }, body: "<html>Welcome!</html>" })],
      ["an answer of another shape", wire.say({ body: { hello: ["world"] } })],
      ["50 MB", wire.flood()]
    ] as const)
      story(`${what}: a write may have been made, a read is of no use`, ({ world, service, provider, run }) =>
        Effect.gen(function* () {
          const { honoursKeys } = provider.actions.find((one) => one.name === world.write.action)!
          service.troubles.push(...Array.from({ length: honoursKeys ? 3 : 1 }, () => trouble))
          const error = yield* refused(passing(run(world.write)))
          assert.equal(error.sent, true, error.message)
          assert.ok(["unknown", "unreadable"].includes(error.reason), error.reason)
          if (what === "50 MB") assert.match(error.message, /more than 8 MB/)
          service.troubles.splice(0)
          service.troubles.push(trouble, trouble, trouble)
          const readError = yield* refused(passing(run(world.read)))
          assert.equal(readError.sent, false)
          assert.ok(["unavailable", "unreadable"].includes(readError.reason), readError.message)
        })
      )

    story("what is not answered in 30 s may have been written", ({ world, service, run }) =>
      Effect.gen(function* () {
        for (const [call, reason, sent] of [
          [world.write, "unknown", true],
          [world.read, "unavailable", false]
        ] as const) {
          service.troubles.push(wire.silence)
          service.wasAsked.closeUnsafe()
          const fiber = yield* Effect.forkChild(refused(run(call)))
          yield* service.wasAsked.await
          yield* TestClock.adjust(callMs)
          const error = yield* Fiber.join(fiber)
          assert.deepEqual([error.reason, error.sent], [reason, sent], error.message)
        }
      })
    )

    story("takes its credential to no other host", ({ world, run, service }) =>
      Effect.gen(function* () {
        const other = yield* wire.service(() => ({ body: {} }))
        for (const status of [301, 302, 307, 308])
          for (const call of [world.read, world.write]) {
            service.troubles.push(wire.say({ status, headers: { location: `${other.url}/take` } }))
            const error = yield* refused(run(call))
            assert.equal(error.sent, false, error.message)
          }
        assert.deepEqual(other.asked, [])
      }).pipe(Effect.scoped)
    )
  })
