/** Group commit: what rides together, and what one bad or unknown row does to its neighbours. */
import { Effect, Fiber } from "effect"
import { assert, describe, it } from "vitest"
import type { Disturbance } from "../../adapters/memory/disturbance.ts"
import { Committer } from "../../runtime/committer.ts"
import type { Transition } from "../../runtime/journal.ts"
import { batchesInFlightMax, batchTransitionsMax, commitRetryMs, commitTriesMax } from "../../runtime/limits.ts"
import { Place } from "../support/hosting.ts"
import { lampAddress } from "../support/lamp.ts"

const transition = (id: string, changes: Partial<Transition> = {}): Transition => ({
  address: lampAddress(id),
  machineVersion: 1,
  base: 0,
  epoch: 0,
  takesEpoch: true,
  earlier: [],
  messageId: "create",
  event: { type: "create" },
  taken: [],
  notices: [],
  by: null,
  cause: null,
  status: "off",
  snapshot: { value: "off", context: {} },
  resident: false,
  completes: null,
  commands: [],
  timers: new Map(),
  records: [],
  ...changes
})

const commonRoom = () => {
  const place = new Place()
  const statements: Array<ReadonlyArray<string>> = []
  let befalls: (ids: ReadonlyArray<string>) => Disturbance | null = () => null
  let answerMs = 5
  let inFlight = 0
  let mostInFlight = 0
  place.disturb = (operation, batch) => {
    if (operation !== "commit") return Effect.succeed(null)
    const ids = batch.map(({ address }) => address.id)
    statements.push(ids)
    mostInFlight = Math.max(mostInFlight, ++inFlight)
    return Effect.delay(
      Effect.sync(() => {
        inFlight -= 1
        return befalls(ids)
      }),
      answerMs
    )
  }
  const host = place.host()
  const submit = (given: Transition) => Committer.use((committer) => committer.submit(given))
  return {
    place,
    host,
    statements,
    submit,
    submitAll: (ids: ReadonlyArray<string>) => ids.map((id) => host.fork(submit(transition(id)))),
    answers: <A, E>(fibers: ReadonlyArray<Fiber.Fiber<A, E>>) =>
      host.run(Effect.forEach(fibers, (fiber) => Effect.result(Fiber.join(fiber)))),
    befall: (of: typeof befalls) => {
      befalls = of
    },
    slowDown: (ms: number) => {
      answerMs = ms
    },
    mostInFlight: () => mostInFlight
  }
}

const ids = (count: number) => Array.from({ length: count }, (_, index) => `lamp_${index}`)

describe("what arrives together", () => {
  it("rides in one statement, and a lone one leaves at once", () => {
    const { submitAll, statements, answers, place } = commonRoom()
    const alone = submitAll(["lamp_alone"])
    place.advance(0)
    assert.deepStrictEqual(statements, [["lamp_alone"]])
    answers(alone)
    answers(submitAll(ids(10)))
    assert.strictEqual(statements.length, 2)
    assert.strictEqual(statements[1]!.length, 10)
  })

  it("is at most 64 in a statement, on at most 4 connections", () => {
    const { submitAll, statements, answers, mostInFlight } = commonRoom()
    const given = ids(1_000)
    const verdicts = answers(submitAll(given))
    assert.isTrue(verdicts.every((verdict) => verdict._tag === "Success" && verdict.success._tag === "Won"))
    assert.strictEqual(Math.max(...statements.map(({ length }) => length)), batchTransitionsMax)
    assert.strictEqual(mostInFlight(), batchesInFlightMax)
    assert.deepStrictEqual(statements.flat().sort(), given.sort())
  })

  it("is answered each with its own verdict", () => {
    const { host, submit, answers } = commonRoom()
    host.run(submit(transition("lamp_1")))
    const [repeated, fenced, fresh] = answers([
      host.fork(submit(transition("lamp_1", { base: 1, epoch: 1 }))),
      host.fork(submit(transition("lamp_2", { base: 7, messageId: "late" }))),
      host.fork(submit(transition("lamp_3")))
    ])
    assert.deepInclude(repeated, { success: { _tag: "Duplicate", rev: 1 } })
    assert.deepInclude(fenced, { success: { _tag: "Fenced", rev: null, epoch: null } })
    assert.deepNestedInclude(fresh, { "success._tag": "Won" })
  })
})

describe("a row that cannot be stored", () => {
  it("is found by halving, and fails none of its neighbours", () => {
    const { befall, submitAll, answers, host } = commonRoom()
    befall((of) => (of.includes("lamp_13") ? "refused" : null))
    const verdicts = answers(submitAll(ids(64)))
    const failed = verdicts.flatMap((verdict, index) => (verdict._tag === "Failure" ? [index] : []))
    assert.deepStrictEqual(failed, [13])
    assert.strictEqual((verdicts[13] as any).failure.reason, "refused")
    assert.strictEqual(host.of("batch.halved").length, Math.log2(64))
  })

  it("is found among others of its kind", () => {
    const { submit, answers, host, submitAll } = commonRoom()
    const bad = [3, 4, 11].map((index) => host.fork(submit(transition(`lamp_bad_${index}`, { event: { text: "\u0000" } }))))
    const good = submitAll(ids(20))
    assert.isTrue(answers(bad).every((answer) => answer._tag === "Failure" && answer.failure.reason === "refused"))
    assert.isTrue(answers(good).every((answer) => answer._tag === "Success"))
  })

  it("is parted from them as well when the journal itself fails on the batch", () => {
    const { host, submit, answers, submitAll } = commonRoom()
    // An actor stands in a batch once (J4).
    const twice = ["create", "create again"].map((messageId) => host.fork(submit(transition("lamp_twice", { messageId }))))
    assert.isTrue(answers(submitAll(ids(3))).every(({ _tag }) => _tag === "Success"))
    const verdicts = answers(twice).map((answer) => (answer._tag === "Success" ? answer.success._tag : answer.failure.message))
    assert.deepStrictEqual(verdicts.sort(), ["Fenced", "Won"])
  })
})

describe("a commit whose outcome is unknown", () => {
  it("is sent again whole, and answers that it was written", () => {
    const { befall, submitAll, statements, answers } = commonRoom()
    let times = 0
    befall(() => (times++ === 0 ? "answerLost" : null))
    const verdicts = answers(submitAll(ids(8)))
    assert.strictEqual(statements.length, 2)
    assert.deepStrictEqual(statements[1], statements[0])
    for (const verdict of verdicts) assert.deepInclude(verdict, { success: { _tag: "Duplicate", rev: 1 } })
  })

  it("is sent again when it was not written", () => {
    const { befall, submitAll, answers } = commonRoom()
    let times = 0
    befall(() => (times++ < 2 ? "questionLost" : null))
    for (const verdict of answers(submitAll(ids(8)))) assert.deepNestedInclude(verdict, { "success._tag": "Won" })
  })

  it("is told to its callers after the last try, with a pause between tries", () => {
    const { befall, submitAll, statements, answers, place } = commonRoom()
    befall(() => "unavailable")
    const fromMs = place.timeline.nowMs
    const [answer] = answers(submitAll(["lamp_1"]))
    assert.strictEqual((answer as any).failure.reason, "unavailable")
    assert.strictEqual(statements.length, commitTriesMax)
    assert.isAtLeast(place.timeline.nowMs - fromMs, (commitTriesMax - 1) * commitRetryMs)
  })

  it("holds up nobody who rides on another connection", () => {
    const { befall, submitAll, answers, place } = commonRoom()
    befall((of) => (of.includes("lamp_1") ? "unavailable" : null))
    const stuck = submitAll(["lamp_1"])
    place.advance(1)
    const fromMs = place.timeline.nowMs
    answers(submitAll(["lamp_2"]))
    assert.isBelow(place.timeline.nowMs - fromMs, 10)
    answers(stuck)
  })
})

it("commits what was handed in though nobody waits for it any more", () => {
  const { host, submit, place, slowDown } = commonRoom()
  slowDown(1_000)
  const asked = host.fork(submit(transition("lamp_1")))
  place.advance(10)
  asked.interruptUnsafe()
  place.advance(2_000)
  assert.strictEqual(place.rows(lampAddress("lamp_1")).length, 1)
})
