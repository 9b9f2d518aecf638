/** What befalls sandboxes at E2B beyond the contract: pauses, ends of life, lost answers, refusals, and the way back to the host. */
import assert from "node:assert/strict"
import { it } from "@effect/vitest"
import { Effect, Exit, type Layer, Schedule, Scope } from "effect"
import { afterAll, beforeAll, beforeEach, describe } from "vitest"
import type { SandboxError, Sandboxes } from "../../actors/ports/sandboxes.ts"
import { lifeMs } from "../../adapters/sandbox/e2b/limits.ts"
import { healthOf, shell, shellOk } from "../support/daemon-exec.ts"
import { apiKey, FakeE2B } from "../support/e2b/fake.ts"
import type { Fault } from "../support/e2b/faults.ts"
import { lacksMachines } from "../support/e2b/machine.ts"
import { e2bSandboxes } from "../support/e2b-sandboxes.ts"
import { worldOf } from "../support/sandbox-world.ts"

type Provider = Sandboxes["Service"]

const lacks = lacksMachines()
let fake: FakeE2B
let scope: Scope.Closeable
let sandboxes: Provider
const open = (layer: Layer.Layer<Sandboxes, SandboxError>) => worldOf(layer).serving
const serving = <A, E>(use: (sandboxes: Provider) => Effect.Effect<A, E>) => open(e2bSandboxes(fake))(use)

beforeAll(async () => {
  if (lacks !== null) return
  fake = await FakeE2B.open()
  scope = Scope.makeUnsafe()
  const held = serving((made) => {
    sandboxes = made
    return Effect.never
  })
  Effect.runFork(Effect.forkIn(held, scope))
  while (sandboxes === undefined) await new Promise((resolve) => setImmediate(resolve))
})
afterAll(async () => {
  if (lacks !== null) return
  await Effect.runPromise(Scope.close(scope, Exit.void))
  await fake.close()
})
beforeEach(() => {
  if (lacks === null) assert.equal(fake.faults.left, 0, "a planned fault did not happen")
})

let keys = 0
const request = (key: string, snapshotId: string | null = null) => ({ key, org: "org_a", sessionId: `ses_${key}`, snapshotId })
/** Ends with the sandbox gone. */
const using = <A, E>(use: (sandboxId: string, key: string) => Effect.Effect<A, E>) => {
  const key = `k${++keys}`
  return Effect.acquireUseRelease(
    sandboxes.provision(request(key)),
    ({ sandboxId }) => use(sandboxId, key),
    ({ sandboxId }) => Effect.orDie(sandboxes.destroy(sandboxId))
  )
}
const errorOf = <A>(effect: Effect.Effect<A, SandboxError>) => Effect.flip(effect)
const plan = (route: string, fault: Fault, times?: number) => Effect.sync(() => fake.faults.plan(route, fault, times))
const told = (sandboxId: string) => fake.box(sandboxId)

describe.skipIf(lacks !== null)(`sandboxes at E2B${lacks === null ? "" : ` (${lacks})`}`, { timeout: 60_000 }, () => {
  it.live("one that was paused is stopped, is not woken by looking, and goes on where it was", () =>
    using((id) =>
      Effect.gen(function* () {
        yield* shellOk(sandboxes, id, "echo kept > file; (setsid sleep 600 >/dev/null 2>&1 &); until pgrep -x sleep; do :; done")
        const { daemonId } = yield* healthOf(sandboxes, id)
        yield* Effect.promise(() => fake.pause(told(id), true))
        assert.equal(yield* sandboxes.status(id), "stopped")
        assert.equal((yield* errorOf(sandboxes.endpoint(id))).reason, "not-found")
        assert.equal((yield* errorOf(sandboxes.extend(id))).reason, "not-found")
        assert.equal(told(id).state, "paused")
        assert.deepEqual(yield* sandboxes.revive(id), { stateLost: false })
        assert.equal((yield* healthOf(sandboxes, id)).daemonId, daemonId)
        assert.equal(yield* shellOk(sandboxes, id, "cat file; pgrep -c sleep"), "kept\n1")
      })
    )
  )

  it.live("one that lost its memory says so, and has its files and its environment", () =>
    using((id, key) =>
      Effect.gen(function* () {
        yield* shellOk(sandboxes, id, "echo kept > file")
        yield* Effect.promise(() => fake.pause(told(id), false))
        assert.deepEqual(yield* sandboxes.revive(id), { stateLost: true })
        assert.equal(yield* shellOk(sandboxes, id, "cat file; echo $PROLIFERATE_SESSION; id -un"), `kept\nses_${key}\nuser`)
      })
    )
  )

  it.live("lives on while it is used, and is paused and not lost when it is not", () =>
    using((id) =>
      Effect.gen(function* () {
        yield* Effect.promise(() => fake.pass(lifeMs - 60_000))
        assert.ok((yield* sandboxes.extend(id))! > lifeMs - 5_000)
        yield* Effect.promise(() => fake.pass(lifeMs - 60_000))
        assert.equal(yield* sandboxes.status(id), "running")
        yield* Effect.promise(() => fake.pass(120_000))
        assert.equal(yield* sandboxes.status(id), "stopped")
        assert.deepEqual(yield* sandboxes.revive(id), { stateLost: false })
      })
    )
  )

  it.live("says how long it lives where E2B lets it live no longer, whether that is told by cutting or by refusing", () =>
    using((id) =>
      Effect.gen(function* () {
        fake.lifeMsMax = fake.nowMs - told(id).startedAtMs + 240_000
        const leftMs = yield* sandboxes.extend(id)
        yield* plan("POST /sandboxes/{sandboxID}/timeout", { status: 400, message: "the sandbox has lived long enough" })
        const refusedMs = yield* sandboxes.extend(id)
        fake.lifeMsMax = 24 * 3_600_000
        for (const ms of [leftMs!, refusedMs!]) assert.ok(ms - (fake.nowMs - Date.now()) <= 240_000)
      })
    )
  )

  it.live("makes one of a key though the answer was lost, or the request came twice, or two servers asked", () =>
    Effect.gen(function* () {
      for (const fault of ["cut-after", "twice"] as const) {
        yield* plan("POST /v2/sandboxes", fault)
        yield* using((id, key) =>
          Effect.gen(function* () {
            const listed = (yield* sandboxes.list).filter((each) => each.key === key)
            assert.deepEqual(
              listed.map(({ sandboxId }) => sandboxId),
              [id]
            )
            assert.equal([...fake.boxes.values()].filter(({ metadata }) => metadata["key"] === key).length, 1)
            assert.equal(yield* shellOk(sandboxes, id, "echo there"), "there")
          })
        )
      }
      const made = yield* serving((other) =>
        Effect.all([sandboxes.provision(request("both")), other.provision(request("both"))], { concurrency: 2 }).pipe(
          Effect.catch(() => Effect.all([sandboxes.provision(request("both")), other.provision(request("both"))]))
        )
      )
      assert.equal([...fake.boxes.values()].filter(({ metadata }) => metadata["key"] === "both").length, 1)
      for (const { sandboxId } of made) yield* sandboxes.destroy(sandboxId)
    })
  )

  it.live("asks again where that changes nothing, and says which failures may pass", () =>
    Effect.gen(function* () {
      const [info, kill, create] = ["GET /sandboxes/{sandboxID}", "DELETE /sandboxes/{sandboxID}", "POST /v2/sandboxes"] as const
      yield* plan(create, { status: 429, retryAfterSeconds: 0 })
      const { sandboxId } = yield* sandboxes.provision(request("again"))
      yield* plan(info, { status: 500 }, 2)
      assert.equal(yield* sandboxes.status(sandboxId), "running")
      // Unknown is not gone.
      for (const fault of [{ status: 500 }, "cut-before", "nonsense"] as const) {
        yield* plan(info, fault, fault === "nonsense" ? 1 : 3)
        const error = yield* errorOf(sandboxes.status(sandboxId))
        assert.deepEqual([error.reason, error.isTransient], ["unreachable", true], error.message)
      }
      yield* plan(kill, "cut-after")
      yield* sandboxes.destroy(sandboxId)
      assert.equal(yield* sandboxes.status(sandboxId), "gone")
      const failures: ReadonlyArray<readonly [Fault, SandboxError["reason"], boolean]> = [
        [{ status: 401 }, "rejected", false],
        [{ status: 403, message: "no" }, "rejected", false],
        [{ status: 429 }, "quota", true],
        [{ status: 503 }, "unreachable", true],
        ["cut-before", "unreachable", true]
      ]
      for (const [fault, reason, isTransient] of failures) {
        yield* plan(create, fault)
        const error = yield* errorOf(sandboxes.provision(request("fails")))
        assert.deepEqual([error.reason, error.isTransient], [reason, isTransient], error.message)
        assert.ok(!error.message.includes(apiKey))
      }
    })
  )

  it.live("names the template that is not there, or has no Node 24, and leaves nothing", () =>
    Effect.gen(function* () {
      const refusal = (template: string) =>
        open(e2bSandboxes(fake, { template }))((made) => errorOf(made.provision(request(`of-${template}`))))
      const missing = yield* refusal("nowhere")
      assert.equal(missing.reason, "rejected")
      assert.match(missing.message, /nowhere.*PROLIFERATE_E2B_TEMPLATE/s)
      const old = yield* refusal("old")
      assert.equal(old.reason, "rejected")
      assert.match(old.message, /template old of E2B lacks Node 24 .*PROLIFERATE_E2B_TEMPLATE/s)
      assert.deepEqual(
        [...fake.boxes.values()].filter(({ metadata }) => metadata["key"]?.startsWith("of-")),
        []
      )
    })
  )

  it.live("refuses to start with a wrong key, which is in no message", () =>
    Effect.gen(function* () {
      const key = "e2b_eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
      const error = yield* errorOf(open(e2bSandboxes(fake, { key }))(() => Effect.void) as Effect.Effect<void, SandboxError>)
      assert.equal(error.reason, "rejected")
      assert.match(error.message, /Check E2B_API_KEY/)
      assert.ok(!error.message.includes(key))
    })
  )

  it.live("uploads the daemon once, and gives E2B nothing secret to keep", () =>
    using((id) =>
      Effect.gen(function* () {
        const uploads = () => fake.routes.get("POST envd:/files")!
        const before = uploads()
        yield* Effect.ignore(shell(sandboxes, id, "kill -9 $PPID"))
        yield* sandboxes.revive(id)
        assert.equal(uploads(), before)
        const endpoint = yield* sandboxes.endpoint(id)
        assert.ok("headers" in endpoint)
        const secret = endpoint.headers["authorization"]!.replace("Bearer ", "")
        assert.match(secret, /^[0-9a-f]{64}$/)
        assert.ok(!fake.heard.join("\n").includes(secret))
        assert.deepEqual(Object.keys(told(id).metadata).sort(), ["key", "org", "proliferate", "session"])
        // Nor is it anywhere inside, but for its digest.
        const everything =
          "cat /proc/*/environ /proc/*/cmdline 2>/dev/null | tr '\\0' '\\n'; grep -rs . /home/user /opt/proliferate/bin || true"
        assert.ok(!(yield* shellOk(sandboxes, id, everything)).includes(secret))
      })
    )
  )

  it.live("has a way to its host alone, which is there again after every cut", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const api = ({ sessionId }: { readonly sessionId: string }) => {
        asked.push(sessionId)
        return "heard"
      }
      yield* open(e2bSandboxes(fake, {}, { api }))((made) =>
        Effect.gen(function* () {
          const { sandboxId } = yield* made.provision(request("way"))
          const curl = "curl -s --max-time 5 http://127.0.0.1:3128/api/v1/me"
          assert.equal(yield* shellOk(made, sandboxId, curl), "heard")
          for (const _ of [1, 2]) {
            told(sandboxId).machine.cut()
            yield* shell(made, sandboxId, curl).pipe(
              Effect.repeat({ until: ({ stdout }) => stdout === "heard", schedule: Schedule.spaced("50 millis") }),
              Effect.timeout("10 seconds")
            )
          }
          assert.deepEqual(new Set(asked), new Set(["ses_way"]))
          assert.notEqual((yield* shell(made, sandboxId, "curl -s --max-time 3 http://1.1.1.1/")).exitCode, 0)
          yield* made.destroy(sandboxId)
        })
      )
    })
  )

  it.live("sees and touches nobody else's sandboxes", () =>
    using((id) =>
      Effect.gen(function* () {
        const strangers = [{}, { proliferate: "another server", key: "k", org: "o", session: "s" }]
        for (const metadata of strangers) {
          Object.assign(told(id), { metadata })
          assert.ok(!(yield* sandboxes.list).some(({ sandboxId }) => sandboxId === id))
          assert.equal(yield* sandboxes.status(id), "gone")
          assert.equal((yield* errorOf(sandboxes.revive(id))).reason, "not-found")
        }
      })
    )
  )
})
