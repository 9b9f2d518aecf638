/** An action call that was sent: what came of it, how that is found out where nobody heard, and who is told. */
import { assert, describe, it } from "vitest"
import { whyNot } from "../../machines/approval.ts"
import { attemptsMax } from "../../machines/limits.ts"
import type { Move } from "../support/approval.ts"
import {
  approved,
  asked,
  at,
  cleared,
  completed,
  executing,
  failed,
  grant,
  granted,
  heard,
  passes,
  play,
  readBack,
  recorded,
  revoke,
  sessionEnded,
  settle,
  status,
  unknown,
  withdraw
} from "../support/approval.ts"

const sent = () => play(granted(), cleared({ grants: [grant()] }))
const again = cleared({ grants: [grant()] })

describe("a call that was sent", () => {
  it("is completed by its answer, and its arguments are destroyed", () => {
    const call = play(executing(), completed)
    assert.deepStrictEqual([status(call), call.context.result, asked(call)], ["completed", { id: 1 }, ["wipe"]])
  })

  it("that the service refused fails; what reached it stays spent, what did not is given back", () => {
    assert.deepStrictEqual(recorded(play(sent(), failed(true))), [])
    assert.deepStrictEqual(recorded(play(sent(), failed(false))), ["refund"])
  })

  it("is not called back: neither revoked nor withdrawn", () => {
    for (const request of [revoke, withdraw]) assert.isFalse(executing().snapshot.can(request as never))
    assert.strictEqual(whyNot(executing().snapshot, { type: "revoke" }), "it has been dispatched, and is not called back")
  })

  it("goes on when its session ends, and tells nobody", () => {
    const call = play(executing(), sessionEnded, completed)
    assert.strictEqual(at(call), "completed.heard")
    assert.deepStrictEqual(asked(call), ["wipe"])
  })

  it("is not settled by the answer of another attempt", () => {
    const other: Move = ({ context: { attempt } }) => ({
      type: "call.failed",
      attempt: attempt - 1,
      sent: false,
      reason: "x",
      message: "y"
    })
    assert.deepStrictEqual(play(executing(), other).last.taken, [])
  })
})

describe("a call that nobody heard of", () => {
  const lost = () => play(sent(), passes("executeDeadline"))

  it("is looked for, and never simply made again", () => {
    for (const call of [lost(), play(sent(), unknown)]) {
      assert.deepStrictEqual([at(call), asked(call), recorded(call)], ["outcomeUnknown.reading", ["readBack"], []])
    }
  })

  it("that is found is completed", () => {
    const call = play(lost(), readBack("found"))
    assert.deepStrictEqual([status(call), call.context.reason, recorded(call)], ["completed", null, []])
  })

  it("is made again under a fresh attempt only where it is proven that it took no effect, three times at most", () => {
    let call = sent()
    for (let attempt = 1; attempt < attemptsMax; attempt++) {
      call = play(call, unknown, readBack("absent"))
      assert.deepStrictEqual([at(call), asked(call), recorded(call)], ["approved", ["clear"], []])
      call = play(call, again)
      assert.deepStrictEqual(
        call.last.commands.map(({ params }) => (params as any).attempt),
        [attempt + 1]
      )
    }
    call = play(call, unknown, readBack("absent"))
    assert.deepStrictEqual([status(call), recorded(call)], ["failed", ["refund"]])
    assert.match(call.context.message!, /tried 3 times, and took no effect/)
  })

  it("is not made again for a session that has ended", () => {
    const call = play(lost(), sessionEnded, readBack("absent"))
    assert.deepStrictEqual([status(call), call.context.reason, recorded(call)], ["revoked", "sessionEnded", ["refund"]])
  })

  it("is a person's where nobody can tell, and stays spent whatever that says", () => {
    for (const as of ["completed", "failed"] as const) {
      const call = play(lost(), readBack("unclear"), settle(as))
      assert.deepStrictEqual([status(call), call.context.endedBy, recorded(call)], [as, "usr_2", []])
    }
  })

  it("and that nobody looks after ends within a day, without a word about whether it took effect", () => {
    const call = play(lost(), readBack("unclear"), passes("unknownDeadline"), passes("hearDeadline"))
    assert.strictEqual(status(call), "failed")
    const [told] = call.last.commands
    assert.match((told!.params as any).text, /may or may not have taken effect: nobody could find out/)
  })

  it("takes its answer however late that is: from what was believed to be lost, and from what was believed to be absent", () => {
    assert.strictEqual(status(play(lost(), completed)), "completed")
    const late: Move = { type: "call.completed", attempt: 1, result: { id: 1 } }
    const call = play(lost(), readBack("absent"), late)
    assert.deepStrictEqual([status(call), recorded(call)], ["completed", []])
  })
})

describe("an outcome", () => {
  it("is told by a prompt after ten seconds, unless the agent has received it", () => {
    const call = play(executing(), completed)
    assert.deepStrictEqual(asked(play(call, passes("hearDeadline"))), ["tellSession"])
    const received = play(call, heard)
    assert.strictEqual(at(received), "completed.heard")
    assert.deepStrictEqual(asked(received), [])
  })

  it("is one: nothing that comes later changes it", () => {
    const call = play(executing(), completed, heard)
    for (const move of [completed, failed(false), unknown, readBack("absent"), sessionEnded])
      assert.deepStrictEqual(play(call, move).last.taken, [])
    assert.strictEqual(status(play(approved(), sessionEnded, heard)), "revoked")
  })
})
