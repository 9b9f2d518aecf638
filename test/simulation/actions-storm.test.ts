/**
 * Action calls in random weather, by seed: agents ask for all kinds of them, people decide late, twice and at once, lend and revoke
 * grants, the service answers, refuses, forgets to answer before or after the effect and can at times not be searched, and processes
 * are killed. The laws of actions.ts hold after every step, and at rest, with a person who looks after what nobody else can find out,
 * every call is settled.
 */
import { Effect } from "effect"
import { assert, it } from "vitest"
import type { Address } from "../../runtime/address.ts"
import { dice } from "../support/dice.ts"
import { Actions, type Fate, org } from "./actions.ts"

const seeds = 10
const turns = 40
const fates: ReadonlyArray<Fate> = ["answers", "answers", "answers", "fails", "effect, then silence", "silence"]
const actions = ["get_issue", "create_issue", "create_issue", "create_issue", "merge"]
const waitsMs = [0, 5, 50, 1_000, 45_000]
const restMs = 6 * 60_000
const settled = ["completed", "failed", "denied", "expired", "revoked"]

const storm = (seed: number): string => {
  const roll = dice(seed)
  const one = <A>(items: ReadonlyArray<A>): A => items[roll(items.length)]!
  const world = new Actions()
  const processes = [world.host(), world.host()]
  const calls: Array<Address> = []
  const lent: Array<string> = []
  const decides = (call: Address, event: { readonly type: string } & Record<string, unknown>) => {
    const process = one(processes)
    process.fork(Effect.result(process.asking(call, event)))
  }
  const weather: ReadonlyArray<() => void> = [
    () => calls.push(world.asks(one(processes), one(actions))),
    () => calls.push(world.asks(one(processes), one(actions))),
    () => calls.length > 0 && decides(one(calls), { type: "approve", by: "usr_1", as: "once" }),
    () => {
      if (calls.length === 0) return
      const call = one(calls)
      for (const by of ["usr_1", "usr_2"]) decides(call, { type: "approve", by, as: "once" })
    },
    () => calls.length > 0 && decides(one(calls), { type: one(["deny", "revoke"]), by: "usr_2", reason: "no" }),
    () =>
      calls.length > 0 &&
      decides(one(calls), one([{ type: "withdraw" }, { type: "settle", by: "usr_1", as: "failed", note: "gone" }])),
    () => {
      lent.push(`grn_${lent.length + 1}`)
      Effect.runSync(world.lend(lent.at(-1)!, one([1, 2, null])))
    },
    () => void (lent.length > 0 && Effect.runSync(world.grants.revoke(org, one(lent), "usr_1"))),
    () => {
      world.fates = [one(fates), one(fates), "answers"]
    },
    () => {
      world.readsBack = roll(4) > 0
    },
    () => {
      const at = roll(processes.length)
      processes[at]!.kill()
      processes[at] = world.host()
    }
  ]
  for (let turn = 0; turn < turns; turn++) {
    one(weather)()
    world.holds()
    world.place.advance(one(waitsMs))
    world.holds()
  }
  world.fates = ["answers"]
  world.place.advance(restMs)
  for (const call of calls)
    if (world.place.status(call) === "outcomeUnknown") decides(call, { type: "settle", by: "usr_1", as: "failed", note: "gone" })
  world.place.advance(restMs)
  world.holds()
  for (const call of calls) assert.include(settled, world.place.status(call), call.id)
  for (const id of lent) {
    const under = calls.map((call) => world.context(call)).filter(({ grantId }) => grantId === id)
    assert.isAtMost(world.used(id), under.length, `${id}: a use is taken and no call has it`)
  }
  return JSON.stringify([calls.map((call) => world.place.status(call)), world.effects.length])
}

it(`keeps the laws in ${seeds} storms of ${turns} turns`, { timeout: 60_000 }, () => {
  for (let seed = 1; seed <= seeds; seed++)
    try {
      storm(seed)
    } catch (failure) {
      throw new Error(`seed ${seed}: ${(failure as Error).message}`, { cause: failure })
    }
})

it("plays a seed again as it was", () => {
  assert.strictEqual(storm(7), storm(7))
})
