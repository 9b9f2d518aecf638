/** How it is decided whether an action call runs: by the policy, by a grant, by a person, or by nobody in time. */
import { assert, describe, it } from "vitest"
import { noticeOf, whyNot } from "../../machines/approval.ts"
import { weighingsMax } from "../../machines/limits.ts"
import {
  approved,
  asked,
  at,
  begin,
  blocked,
  cleared,
  deny,
  executing,
  grant,
  granted,
  once,
  passes,
  pending,
  play,
  recorded,
  rejected,
  revoke,
  rule,
  sessionEnded,
  status,
  weighed,
  withdraw,
  withGrant
} from "../support/approval.ts"

const why = ({ context: { reason, message } }: ReturnType<typeof begin>) => [reason, message]
const params = ({ last }: ReturnType<typeof begin>, name: string) =>
  last.commands.find((each) => each.name === name)?.params as any

describe("the policy", () => {
  it("lets a read run at once, and says why", () => {
    const call = play(begin({ risk: "read" }), weighed())
    assert.strictEqual(at(call), "approved")
    assert.deepStrictEqual([call.context.decidedBy, call.context.by], ["policy", null])
    assert.match(call.context.path.at(-1)!.because, /reads run/)
    assert.deepStrictEqual(recorded(call), [])
  })

  it("denies what a rule denies, and the call is over", () => {
    const call = play(begin(), weighed({ rules: [rule("deny")] }))
    assert.strictEqual(status(call), "denied")
    assert.deepStrictEqual(why(call), ["policy", "the organisation says deny"])
    assert.deepStrictEqual(asked(call), ["wipe"])
  })

  it("asks a person about a dangerous call, whatever is lent, where a rule asks of that action; else denies it", () => {
    const grants = [grant()]
    assert.strictEqual(status(play(begin({ risk: "danger" }), weighed({ grants, rules: [rule("ask")] }))), "pending")
    assert.strictEqual(status(play(begin({ risk: "danger" }), weighed({ grants }))), "denied")
    assert.strictEqual(status(play(begin({ risk: "danger" }), weighed({ grants, rules: [rule("allow")] }))), "denied")
  })

  it("takes one use of the grant that lets it run, in the same step", () => {
    const call = granted()
    assert.deepStrictEqual(call.last.records, [{ type: "reserve", budgetId: "grn_1" }] as never)
    assert.deepStrictEqual([call.context.decidedBy, call.context.grantId], ["grant", "grn_1"])
  })

  it("weighs again when others spent the grant first, and asks a person when that goes on", () => {
    let call = begin()
    for (let n = 1; n < weighingsMax; n++) {
      call = play(call, rejected("budget", "grn_1", "spent"))
      assert.strictEqual(at(call), "requested")
      assert.strictEqual(params(call, "weigh").weighing, n + 1)
    }
    assert.isTrue(params(call, "weigh").alone)
    assert.strictEqual(at(play(call, weighed({ grants: [grant()] }))), "pending")
  })

  it("does not weigh for ever: what cannot be weighed fails, and says so", () => {
    const call = play(begin(), passes("weighDeadline"))
    assert.deepStrictEqual([status(call), ...why(call)], ["failed", "timeout", "it could not be weighed in time"])
  })
})

describe("a call that waits for a person", () => {
  it("takes a place in the room of its session, and leaves it however it ends", () => {
    const call = pending()
    assert.deepStrictEqual(call.last.records, [{ type: "occupy", room: "pending/ses_1", max: 10 }] as never)
    for (const move of [once, deny, revoke, withdraw, sessionEnded, passes("pendingDeadline")])
      assert.include(recorded(play(call, move)), "vacate")
  })

  it("is refused where ten of its session wait already", () => {
    const call = play(begin(), rejected("room", "pending/ses_1", "full"))
    assert.deepStrictEqual([status(call), why(call)[0]], ["denied", "limit"])
  })

  it("waits five minutes where somebody watches, and a day where nobody does", () => {
    const waits = (attended: boolean) => [...pending({ attended }).last.timers.values()].map((timer) => timer?.delayMs)
    assert.include(waits(true), 300_000)
    assert.include(waits(false), 86_400_000)
  })

  it("expires, and a late decision is told so", () => {
    const call = play(pending(), passes("pendingDeadline"))
    assert.strictEqual(status(call), "expired")
    assert.isFalse(call.snapshot.can(once as never))
    assert.match(whyNot(call.snapshot, once)!, /the call is expired \(nobody decided in time\)/)
  })

  it("is decided once: the second is told who was first", () => {
    const call = play(approved(), cleared())
    assert.isFalse(call.snapshot.can(deny as never))
    assert.strictEqual(whyNot(call.snapshot, deny), "the call is executing by usr_1")
  })

  it("that a person denies is over, and its agent hears why", () => {
    const call = play(pending(), deny)
    assert.deepStrictEqual([status(call), call.context.by, ...why(call)], ["denied", "usr_2", "denied", "not today"])
    const told = play(call, passes("hearDeadline"))
    assert.match(params(told, "tellSession").text, /github.create_issue \(apr_1\) was denied by a person: not today\./)
  })
})

describe("an approval with a grant", () => {
  it("lends it and takes its first use, in the step that decides", () => {
    const call = play(pending(), withGrant())
    assert.deepStrictEqual(recorded(call), ["vacate", "lend", "reserve"])
    assert.deepStrictEqual([call.context.decidedBy, call.context.grantId], ["person", "grn_2"])
  })

  it("of another action, another service or another session is refused, with why", () => {
    for (const changes of [{ action: "merge" }, { integration: "slack" }, { id: "ses_2" }]) {
      const move = withGrant(changes)
      assert.isFalse(pending().snapshot.can(move as never), JSON.stringify(changes))
      assert.match(whyNot(pending().snapshot, move)!, /for this very action, in a scope of this call/)
    }
  })

  it("is never one of a dangerous call", () => {
    const call = play(begin({ risk: "danger" }), weighed({ rules: [rule("ask")] }))
    assert.isFalse(call.snapshot.can(withGrant() as never))
    assert.match(whyNot(call.snapshot, withGrant())!, /approved once, each time/)
    assert.strictEqual(at(play(call, once)), "approved")
  })

  it("that could not be lent has decided nothing", () => {
    const call = play(pending(), rejected("budget", "grn_2", "taken"))
    assert.deepStrictEqual([at(call), call.context.decidedBy], ["pending", null])
    assert.strictEqual(at(play(call, once)), "approved")
  })
})

describe("what was approved and not yet sent", () => {
  it("is not sent when a rule forbids it by now, and its use is given back", () => {
    const call = play(granted(), cleared({ rules: [rule("deny")], grants: [grant()] }))
    assert.deepStrictEqual([status(call), recorded(call)], ["revoked", ["refund"]])
    assert.match(call.context.message!, /the rules changed: the organisation says deny/)
  })

  it("runs by a person's word though no rule lets it, and by the policy only while that does", () => {
    assert.strictEqual(at(executing()), "executing")
    const allowed = play(begin(), weighed({ rules: [rule("allow")] }))
    assert.strictEqual(at(play(allowed, cleared({ rules: [rule("allow")] }))), "executing")
    assert.strictEqual(status(play(allowed, cleared())), "revoked")
  })

  it("is not sent when its grant was revoked or has expired meanwhile: the commit that sends it makes sure", () => {
    const call = play(granted(), cleared({ grants: [grant()] }))
    assert.deepStrictEqual([at(call), recorded(call)], ["executing", ["ensure"]])
    const refused = play(granted(), rejected("budget", "grn_1", "revoked"))
    assert.deepStrictEqual([status(refused), recorded(refused)], ["revoked", ["refund"]])
    assert.deepStrictEqual(why(refused), ["grant", "grant grn_1 is revoked"])
  })

  it("gives its use back when it is revoked, withdrawn, blocked, out of time, or its session ends", () => {
    for (const move of [revoke, withdraw, blocked, passes("clearDeadline"), sessionEnded]) {
      const call = play(granted(), move)
      assert.deepStrictEqual([recorded(call), asked(call)], [["refund"], ["wipe"]], status(call))
    }
  })

  it("is told to watchers with who decided and how the policy came to it", () => {
    const { body } = noticeOf(granted().snapshot)
    assert.deepInclude(body, { status: "approved", decidedBy: "grant", grantId: "grn_1" })
    assert.strictEqual(body.path.at(-1)!.outcome, "run")
    assert.notProperty(body, "result")
  })
})
