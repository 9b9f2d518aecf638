/** The faults of earlier systems that name approvals, grants and providers, each played on the real hands in simulated time. */
import { Effect } from "effect"
import { assert, describe, it } from "vitest"
import { Actions, org } from "./actions.ts"

const once = (by: string) => ({ type: "approve", by, as: "once" })

describe("action calls", () => {
  it("two administrators approve at once", () => {
    const world = new Actions()
    const process = world.host()
    const call = world.asks(process, "create_issue")
    world.becomes(call, "pending")
    const asking = ["usr_1", "usr_2"].map((by) => process.fork(Effect.result(process.asking(call, once(by)))))
    world.becomes(call, "completed")
    world.place.until(() => asking.every((fiber) => fiber.pollUnsafe() !== undefined), "both are answered")
    const answers = asking.map((fiber) => (fiber.pollUnsafe() as any).value)
    assert.deepStrictEqual(answers.map(({ _tag }) => _tag).sort(), ["Failure", "Success"])
    assert.match(answers.find(({ _tag }) => _tag === "Failure").failure.message, /usr_[12]/)
    assert.lengthOf(world.effects, 1)
    world.holds()
  })

  it("approval timeout loops the agent", () => {
    const world = new Actions()
    const process = world.host()
    const call = world.asks(process, "create_issue")
    world.becomes(call, "pending")
    world.place.advance(5 * 60_000 + 1_000)
    assert.strictEqual(world.place.status(call), "expired")
    world.place.advance(60_000)
    assert.lengthOf(
      world.place.events(call).filter((type) => type === "weighed"),
      1,
      "it is not asked about again"
    )
    const late = process.refusal(process.asking(call, once("usr_1")))
    assert.match((late as { message: string }).message, /expired/)
    assert.isEmpty(world.effects)
    world.holds()
  })

  it("approved call runs with redacted arguments", () => {
    const world = new Actions()
    const process = world.host()
    const call = world.asks(process, "create_issue", { title: "a title", body: "token ghp_secret" })
    world.becomes(call, "pending")
    process.ask(call, once("usr_1"))
    world.becomes(call, "completed")
    assert.deepStrictEqual(world.effects[0]!.params, { title: "a title", body: "token ghp_secret" })
    assert.notInclude(JSON.stringify(world.place.rows(call)), "ghp_secret")
    world.holds()
  })

  it("restart repeats a provider write", () => {
    const world = new Actions()
    world.fates = ["effect, then silence", "answers"]
    const process = world.host()
    const call = world.asks(process, "create_issue")
    world.becomes(call, "pending")
    process.ask(call, once("usr_1"))
    world.place.until(() => world.effects.length === 1, "it takes effect")
    process.kill()
    world.host()
    world.becomes(call, "completed")
    assert.lengthOf(world.effects, 1)
    world.holds()
  })

  it("a silence that hid no effect is proven, and only then is the call made again", () => {
    const world = new Actions()
    world.fates = ["silence", "answers"]
    const process = world.host()
    const call = world.asks(process, "create_issue")
    world.becomes(call, "pending")
    process.ask(call, once("usr_1"))
    world.becomes(call, "completed")
    assert.strictEqual(world.context(call).attempt, 2)
    world.holds()
  })

  it("an outcome that nobody can find out is a person's to settle, and the call is not made again", () => {
    const world = new Actions()
    world.fates = ["effect, then silence", "answers"]
    world.readsBack = false
    const process = world.host()
    const call = world.asks(process, "create_issue")
    world.becomes(call, "pending")
    process.ask(call, once("usr_1"))
    world.becomes(call, "outcomeUnknown")
    world.place.advance(60 * 60_000)
    assert.strictEqual(world.place.status(call), "outcomeUnknown")
    process.ask(call, { type: "settle", by: "usr_2", as: "completed", note: "it is there" })
    world.becomes(call, "completed")
    assert.lengthOf(world.effects, 1)
    world.holds()
  })

  it("an agent grants itself", () => {
    const world = new Actions()
    const process = world.host()
    const call = world.asks(process, "merge")
    world.becomes(call, "denied")
    Effect.runSync(world.lend("grn_all", null, "github", "*"))
    const again = world.asks(process, "merge")
    world.becomes(again, "denied")
    const write = world.asks(process, "create_issue")
    world.becomes(write, "completed")
    assert.strictEqual(world.context(write).decidedBy, "grant")
    assert.deepStrictEqual([...world.place.journal.budgets.keys()], [`${org}/grn_all`], "no call has made one")
    world.holds()
  })

  it("budget overspent by parallel calls", () => {
    const world = new Actions()
    Effect.runSync(world.lend("grn_1", 3))
    const processes = [world.host(), world.host()]
    const calls = Array.from({ length: 10 }, (_, n) => world.asks(processes[n % 2]!, "create_issue"))
    for (const call of calls) world.becomes(call, "completed", "pending", "denied")
    assert.lengthOf(
      calls.filter((call) => world.place.status(call) === "completed"),
      3
    )
    assert.strictEqual(world.used("grn_1"), 3)
    world.holds()
  })

  it("revoked grant still dispatched", () => {
    const world = new Actions()
    Effect.runSync(world.lend("grn_1", 5))
    const process = world.host()
    const call = world.asks(process, "create_issue")
    world.place.until(() => world.place.events(call).includes("weighed"), "it is weighed")
    assert.strictEqual(world.place.status(call), "approved")
    Effect.runSync(world.grants.revoke(org, "grn_1", "usr_1"))
    world.becomes(call, "revoked")
    assert.isEmpty(world.effects)
    assert.strictEqual(world.used("grn_1"), 0, "its use is given back")
    world.holds()
  })

  it("a call of a session that has ended is not asked about, and one that was approved is not made", () => {
    const world = new Actions()
    const process = world.host()
    const waiting = world.asks(process, "create_issue")
    world.becomes(waiting, "pending")
    process.ask(waiting, { type: "session.ended" })
    world.becomes(waiting, "revoked")
    world.sessionStatus = "stopping"
    const late = world.asks(process, "create_issue")
    world.becomes(late, "revoked")
    assert.isEmpty(world.effects)
    world.holds()
  })
})

describe("the laws show", () => {
  it("a hand that sends what it may have sent before", () => {
    const world = new Actions()
    const sends = (params: any) =>
      Effect.sync(() => {
        world.effects.push({ key: params.approvalId, action: params.action, params: { title: "a title" } })
        world.effects.push({ key: params.approvalId, action: params.action, params: { title: "a title" } })
        return { type: "call.completed", attempt: params.attempt, result: null }
      })
    const process = world.host({ execute: sends as never })
    const call = world.asks(process, "create_issue")
    world.becomes(call, "pending")
    process.ask(call, once("usr_1"))
    world.becomes(call, "completed")
    assert.throws(() => world.holds(), /G2: apr_1 took effect 2 times/)
  })

  it("a hand that sends what people were shown", () => {
    const world = new Actions()
    const sends = (params: any) =>
      Effect.sync(() => {
        world.effects.push({ key: params.approvalId, action: params.action, params: { title: "[REDACTED]" } })
        return { type: "call.completed", attempt: params.attempt, result: null }
      })
    const process = world.host({ execute: sends as never })
    const call = world.asks(process, "create_issue")
    world.becomes(call, "pending")
    process.ask(call, once("usr_1"))
    world.becomes(call, "completed")
    assert.throws(() => world.holds(), /I4: apr_1 took effect with other arguments/)
  })

  it("a hand that sends while it is only weighed", () => {
    const world = new Actions()
    const sends = (params: any) =>
      Effect.sync(() => {
        world.effects.push({ key: params.approvalId, action: params.action, params: { title: "a title" } })
        return { type: "weighed", weighing: params.weighing, rules: [], grants: [], nowMs: 0 }
      })
    const process = world.host({ weigh: sends as never })
    const call = world.asks(process, "create_issue")
    world.becomes(call, "pending")
    assert.throws(() => world.holds(), /I2: apr_1 took effect, and nobody decided/)
  })
})
