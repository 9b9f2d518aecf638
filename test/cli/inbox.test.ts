/** `proliferate inbox --follow` against a real gateway: what waits, what comes, what becomes of it, over a connection that breaks. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { beforeAll } from "vitest"
import { inboxTranscript } from "../../cli/inbox.ts"
import { scene } from "../support/acting.ts"
import { makeBundle, run, start } from "../support/command.ts"
import { relayTo } from "../support/relay.ts"

beforeAll(makeBundle)

it.live(
  "shows what waits and what becomes of it, and what it missed once it is connected again",
  () =>
    Effect.gen(function* () {
      const { gateway, owner, waiting, pending, decide } = yield* scene()
      const relay = yield* relayTo({ host: "127.0.0.1", port: gateway.port })
      const env = { PROLIFERATE_URL: `http://127.0.0.1:${relay.port}`, PROLIFERATE_TOKEN: owner }
      const first = yield* pending(yield* waiting())
      const other = yield* gateway.session()
      const [all, narrow, raw] = [
        start(["inbox", "--follow"], env),
        start(["inbox", "-f", "--session", other.id], env),
        start(["inbox", "--follow", "--json"], env)
      ]
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          for (const { child } of [all, narrow, raw]) child.kill()
        })
      )
      const says = (text: string, times = 1) => Effect.promise(() => all.until((said) => said.split(text).length > times))
      yield* says(first)
      // Only who was connected once waits for a server that is away.
      yield* Effect.promise(() => raw.until((said) => said.includes("welcome")))
      yield* decide(first, "deny", { reason: "not on a Friday" })
      yield* says(`${first}  waits no more: denied: not on a Friday`)
      const second = yield* waiting()
      yield* says(second)
      yield* decide(second, "approve", { as: "once" })
      yield* says(`${second}  waits no more`)
      yield* says(`${second}  completed`)

      const third = yield* pending(yield* waiting())
      yield* says(third)
      yield* relay.turn("gone")
      yield* decide(third, "deny", { reason: "no" })
      const fourth = yield* pending(yield* waiting())
      yield* relay.turn("through")
      yield* says(`${third}  waits no more: denied: no`)
      yield* says(fourth)
      const ended = Effect.promise(async () => {
        for (const { child } of [all, narrow, raw]) child.kill("SIGINT")
        return Promise.all([all.ended, narrow.ended, raw.ended])
      })
      yield* Effect.promise(() => raw.until((said) => said.includes(fourth)))
      const [whole, none, frames] = yield* ended
      assert.strictEqual(whole.code, 130)
      assert.match(whole.stderr, /connection lost .*; trying again\nconnected again/)
      assert.strictEqual(whole.stdout.split(`${first}  waits no more`).length, 2)
      assert.strictEqual(none.stdout, "")
      const told = frames.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line))
      assert.deepStrictEqual(
        told.filter(({ type }) => type === "call").map(({ seq }) => seq),
        told.filter(({ type }) => type === "call").map((_, n) => n + 1)
      )
      assert.deepInclude(told[0], { type: "welcome", v: 1 })
      const misused = yield* Effect.promise(() => run(["inbox", "--follow", "--status", "denied"], env))
      assert.deepStrictEqual([misused.code, misused.stdout], [2, ""])
      const nobody = yield* Effect.promise(() => run(["inbox", "--follow"], { ...env, PROLIFERATE_TOKEN: "plf_none" }))
      assert.strictEqual(nobody.code, 3)
    }).pipe(Effect.scoped),
  60_000
)

it("says of what ended while nobody followed that it waits no more, and tells nothing twice", () => {
  const shown = inboxTranscript("")
  const call = (id: string, rev: number) =>
    ({ id, rev, sessionId: "ses_1", sessionTitle: "t", params: {}, message: null, status: "pending" }) as any
  const waiting = (seq: number, ...calls: ReadonlyArray<any>) => ({ type: "waiting", epoch: 1, seq, calls, more: false }) as const
  assert.deepStrictEqual(
    shown(waiting(3, call("apr_2", 3), call("apr_1", 3))).map((line) => line.split(" ")[0]),
    ["apr_1", "apr_2"]
  )
  // It was in the list already.
  assert.deepStrictEqual(shown({ type: "call", seq: 4, change: "asked", call: call("apr_2", 3) }), [])
  const later = shown(waiting(0, call("apr_3", 3), call("apr_2", 3)))
  assert.deepStrictEqual([later.length, later[0], later[1]!.startsWith("apr_3")], [2, "apr_1  waits no more", true])
  const expired = { ...call("apr_2", 5), status: "expired" }
  assert.deepStrictEqual(shown({ type: "call", seq: 1, change: "expired", call: expired }), ["apr_2  waits no more: expired"])
})
