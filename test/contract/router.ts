/**
 * What every router promises (runtime/router.ts), whoever holds the homes: asked for several lamps each, so that of several nodes
 * each holds some. `through` says by which door each is asked.
 */
import { Cause, Effect, type Exit } from "effect"
import { assert, describe, it } from "vitest"
import type { ActorDefinition } from "../../runtime/actor.ts"
import type { Address } from "../../runtime/address.ts"
import { restartsMax } from "../../runtime/limits.ts"
import { type AskError, type Message, Router } from "../../runtime/router.ts"
import { lampActor, lampAddress } from "../support/lamp.ts"

export interface Doors {
  readonly exits: ReadonlyArray<<A, E>(effect: Effect.Effect<A, E, Router>) => Promise<Exit.Exit<A, E>>>
}

const lamps = Array.from({ length: 6 }, (_, n) => n)
const patienceMs = 15_000

export const routerActors: ReadonlyArray<ActorDefinition> = [
  // The first try of each cannot tell, so that it is asked again.
  lampActor({ heat: () => Effect.succeed({ type: "warmed" }) })
]

const failureOf = <A>(exit: Exit.Exit<A, AskError>): AskError => {
  if (exit._tag === "Success") throw new Error(`it was answered: ${JSON.stringify(exit.value)}`)
  const failed = exit.cause.reasons.find((reason) => reason._tag === "Fail")
  if (failed === undefined) throw new Error(Cause.pretty(exit.cause))
  return failed.error
}

export const exerciseRouter = (name: string, doors: () => Doors): void => {
  let made = 0
  const fresh = (): ReadonlyArray<Address> => lamps.map((n) => lampAddress(`lamp_${++made}_${n}`))
  const exit = <A, E>(n: number, effect: Effect.Effect<A, E, Router>) => {
    const { exits } = doors()
    return exits[n % exits.length]!(effect)
  }
  const asking = (
    n: number,
    address: Address,
    event: Record<string, unknown> & { readonly type: string },
    id: string,
    more = {}
  ) => {
    const message: Message = { id, event, by: "usr_1", ...more }
    return exit(
      n,
      Router.use((router) => router.ask(address, message))
    )
  }
  const ask = async (n: number, address: Address, event: Record<string, unknown> & { readonly type: string }, id: string) => {
    const answered = await asking(n, address, event, id)
    if (answered._tag === "Failure") throw new Error(Cause.pretty(answered.cause))
    return answered.value
  }
  const get = async <A, E>(n: number, effect: Effect.Effect<A, E, Router>): Promise<A> => {
    const got = await exit(n, effect)
    if (got._tag === "Failure") throw new Error(Cause.pretty(got.cause))
    return got.value
  }
  const until = async <A>(look: () => Promise<A>, isSo: (seen: A) => boolean, what: string): Promise<A> => {
    const endsAtMs = Date.now() + patienceMs
    for (;;) {
      const seen = await look()
      if (isSo(seen)) return seen
      if (Date.now() > endsAtMs) throw new Error(`${what}: ${JSON.stringify(seen)}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  const look = (n: number, address: Address) =>
    get(
      n,
      Router.use((router) => router.look(address))
    )
  const lit = async (address: Address, n: number) => {
    await ask(n, address, { type: "create" }, "made")
    await ask(n + 1, address, { type: "switchOn" }, "on")
    await until(
      () => look(n, address),
      (view) => view?.status === "lit",
      "it is lit"
    )
  }
  const onEach = <A>(run: (address: Address, n: number) => Promise<A>) => Promise.all(fresh().map(run))

  describe(`the router ${name}`, () => {
    it("answers once it is committed, a repeat as the first, through whichever door", () =>
      onEach(async (address, n) => {
        // A router may itself have said again what was slow to be answered, so the first may be called a repeat.
        assert.strictEqual((await ask(n, address, { type: "create" }, "made")).rev, 1)
        assert.deepStrictEqual(await ask(n + 1, address, { type: "create" }, "made"), { rev: 1, duplicate: true })
        assert.strictEqual((await ask(n + 1, address, { type: "say", text: "ж\u0001 \u{1f600}" }, "said")).rev, 2)
        assert.strictEqual((await look(n, address))?.context["said"], "ж\u0001 \u{1f600}")
        assert.strictEqual((await look(n, address))?.rev, 2)
      }))

    it("says why it does not answer, as it was meant: refused, absent, moved, crashed", () =>
      onEach(async (address, n) => {
        const absent = failureOf(await asking(n, address, { type: "switchOn" }, "too soon"))
        assert.deepInclude(absent, { _tag: "Absent", kind: "lamp", id: address.id })
        await ask(n, address, { type: "create" }, "made")
        const refused = failureOf(await asking(n + 1, address, { type: "switchOff" }, "refused"))
        assert.deepInclude(refused, { _tag: "Refused", state: '"off"' })
        assert.include(refused._tag === "Refused" ? refused.accepts : [], "switchOn")
        const moved = failureOf(await asking(n, address, { type: "switchOn" }, "moved", { ifRev: 7 }))
        assert.deepInclude(moved, { _tag: "Moved", rev: 1, meantFor: 7 })
        assert.strictEqual(failureOf(await asking(n + 1, address, { type: "shatter" }, "bang"))._tag, "Crashed")
        assert.strictEqual((await look(n, address))?.rev, 1)
      }))

    it("runs what is asked for and brings it home; looks without waking; knows who stands", () =>
      onEach(async (address, n) => {
        await lit(address, n)
        await until(
          () =>
            get(
              n,
              Router.use((router) => router.isAttended(address))
            ),
          (stands) => stands === true,
          "its glow stands"
        )
        assert.isTrue(
          await get(
            n + 1,
            Router.use((router) => router.isAttended(address))
          )
        )
        await ask(n, address, { type: "switchOff" }, "off")
        await until(
          () =>
            get(
              n + 1,
              Router.use((router) => router.isAttended(address))
            ),
          (stands) => stands === false,
          "it fell"
        )
      }))

    it("sets aside who crashes too often, and lets it go on when it is released from anywhere", () =>
      onEach(async (address, n) => {
        if (n > 1) return
        await ask(n, address, { type: "create" }, "made")
        const setAside = async (): Promise<AskError> => {
          for (let tries = 0; ; tries++) {
            const failure = failureOf(await asking(n, address, { type: "shatter" }, `bang ${tries}`))
            if (failure._tag !== "Crashed" || tries > restartsMax + 3) return failure
          }
        }
        assert.strictEqual((await setAside())._tag, "Quarantined")
        // Whoever is told so finds it recorded, anywhere.
        const view = await get(
          n + 1,
          Router.use((router) => router.look(address))
        )
        assert.deepInclude(view?.quarantine?.event, { type: "shatter" })
        assert.strictEqual(failureOf(await asking(n + 1, address, { type: "say", text: "?" }, "said"))._tag, "Quarantined")
        assert.isTrue(
          await get(
            n + 1,
            Router.use((router) => router.release(address))
          )
        )
        assert.isFalse(
          await get(
            n,
            Router.use((router) => router.release(address))
          )
        )
        assert.strictEqual((await ask(n + 1, address, { type: "say", text: "back" }, "said again")).rev, 2)
      }))
  })
}
