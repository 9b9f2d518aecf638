/** Turns, the questions in them, and the link they are heard through. */
import { assert, describe, it } from "vitest"
import { questionsOpenMax } from "../../machines/limits.ts"
import { whyNot } from "../../machines/session.ts"
import type { Move } from "../support/played.ts"
import {
  agentExited,
  agentReady,
  answer,
  asked,
  asks,
  at,
  begin,
  busy,
  closes,
  endings,
  finished,
  idle,
  interrupt,
  linkLost,
  notStarted,
  passes,
  play,
  prompt,
  refuses,
  revives,
  running,
  sandboxReady,
  sandboxTold,
  told,
  turnOf,
  working,
  workspaceReady
} from "../support/session.ts"

describe("a turn", () => {
  it("ends cancelled when it is interrupted, and the next begins", () => {
    let session = play(working(), prompt("p2"), interrupt)
    assert.deepStrictEqual(session.last.commands, [{ name: "cancelTurn", params: { sandboxId: "sbx_1", turnId: "p1" } }])
    session = play(session, finished("p1", "cancelled"))
    assert.deepStrictEqual(endings(session), { p1: "cancelled" })
    assert.strictEqual(turnOf(session), "p2")
  })

  it("costs the agent a restart when it does not stop within 10 s", () => {
    const session = play(working(), interrupt, passes("interruptDeadline"))
    assert.strictEqual(at(session), "recovering.reviving")
    assert.deepStrictEqual(endings(session), { p1: "unresponsive" })
    assert.strictEqual(at(play(session, ...revives)), idle)
  })

  it("is interrupted after an hour, questions included", () => {
    const asking = play(working(), asks("p1", "q1"), answer("q1"), asks("p1", "q2"))
    assert.isFalse(asking.last.timers.has("xstate.after.turnDeadline.session.running.agent.busy"))
    const session = play(asking, passes("turnDeadline"))
    assert.strictEqual(at(session), "running.agent.interrupting running.link.connected")
    assert.deepStrictEqual(asked(session), ["cancelTurn"])
  })

  it("ends with what the agent said of its end, if it said anything", () => {
    const failed: Move = { type: "turn.finished", turnId: "p1", stopReason: "failed", message: "the model is overloaded" }
    const bodies = [finished("p1"), failed].map((end) => told(play(working(), end), "turn.ended")[0])
    assert.deepStrictEqual(bodies, [
      { turnId: "p1", stopReason: "end_turn" },
      { turnId: "p1", stopReason: "failed", message: "the model is overloaded" }
    ])
  })

  it("is not closed by the late answer of an earlier one", () => {
    const session = play(working(), finished("p1"), prompt("p2"), finished("p1", "cancelled"))
    assert.strictEqual(turnOf(session), "p2")
    assert.deepStrictEqual(session.last.taken, [])
  })

  it("that the agent does not take ends, and those behind it wait until the agent is looked after", () => {
    const session = play(working(), prompt("p2"), notStarted("p1"))
    assert.strictEqual(at(session), "recovering.reviving")
    assert.deepStrictEqual(endings(session), { p1: "unreachable" })
    assert.strictEqual(turnOf(play(session, ...revives)), "p2")
  })

  it("is lost with its agent, and only it", () => {
    const session = play(working(), prompt("p2"), agentExited)
    assert.deepStrictEqual(told(session, "turn.ended"), [{ turnId: "p1", stopReason: "lost", message: "signal 9" }])
    assert.strictEqual(turnOf(play(session, finished("p1", "crashed"), ...revives)), "p2")
  })
})

describe("a question", () => {
  it("is answered by a person", () => {
    const session = play(working(), asks("p1", "q1"))
    assert.strictEqual(at(session), "running.agent.busy.awaitingApproval running.link.connected")
    refuses(session, answer("q9"))
    assert.include(whyNot(session.snapshot, { type: "answer" }), "not open any more")
    const answered = play(session, answer("q1", "allow"))
    assert.strictEqual(at(answered), busy)
    assert.deepStrictEqual(answered.last.commands, [
      { name: "answerQuestion", params: { sandboxId: "sbx_1", questionId: "q1", optionId: "allow" } }
    ])
    refuses(answered, answer("q1"))
  })

  it("is cancelled after 5 min without an answer", () => {
    const session = play(working(), asks("p1", "q1"), asks("p1", "q2"), passes("questionDeadline"))
    assert.strictEqual(at(session), busy)
    assert.deepStrictEqual(session.last.commands, [
      { name: "answerQuestion", params: { sandboxId: "sbx_1", questionId: "q1", optionId: null } },
      { name: "answerQuestion", params: { sandboxId: "sbx_1", questionId: "q2", optionId: null } }
    ])
  })

  it("that the agent withdraws is not waited for", () => {
    assert.strictEqual(at(play(working(), asks("p1", "q1"), closes("p1", "q1"))), busy)
  })

  it("does not hide another that is asked beside it", () => {
    const session = play(working(), asks("p1", "q1"), asks("p1", "q2"))
    assert.isTrue(session.last.timers.has("xstate.after.questionDeadline.session.running.agent.busy.awaitingApproval"))
    const one = play(session, answer("q2"))
    assert.strictEqual(at(one), "running.agent.busy.awaitingApproval running.link.connected")
    assert.strictEqual(at(play(one, answer("q1"))), busy)
  })

  it("beyond the 16th open one is cancelled at once", () => {
    const many = Array.from({ length: questionsOpenMax }, (_, index) => asks("p1", `q${index}`))
    const session = play(working(), ...many, asks("p1", "one-more"))
    assert.strictEqual(session.context.questions.length, questionsOpenMax)
    assert.deepStrictEqual(session.last.commands, [
      { name: "answerQuestion", params: { sandboxId: "sbx_1", questionId: "one-more", optionId: null } }
    ])
  })

  it("of an earlier turn opens nothing", () => {
    assert.deepStrictEqual(play(working(), asks("p0", "q1")).last.taken, [])
  })
})

describe("the link", () => {
  it("may be lost and come back within 45 s, and the turn goes on", () => {
    const lost = play(working(), linkLost)
    assert.strictEqual(at(lost), "running.agent.busy.working running.link.reconnecting")
    const back = play(lost, sandboxTold("link.connected"))
    assert.strictEqual(at(back), busy)
    assert.strictEqual(turnOf(back), "p1")
  })

  it("that stays lost has its sandbox looked after", () => {
    const session = play(working(), linkLost, passes("linkDeadline"))
    assert.strictEqual(at(session), "recovering.reviving")
    assert.deepStrictEqual(endings(session), { p1: "lost" })
    assert.deepStrictEqual(session.last.commands, [{ name: "reviveSandbox", params: { boot: 2, sandboxId: "sbx_1" } }])
  })

  it("that is lost keeps prompts waiting", () => {
    const session = play(running(), linkLost, prompt("p1"))
    assert.isNull(turnOf(session))
    assert.strictEqual(turnOf(play(session, sandboxTold("link.connected"))), "p1")
  })

  it("that is lost while the agent starts is known to be lost when it runs", () => {
    const session = play(begin(), prompt("p1"), sandboxReady("sbx_1"), workspaceReady, linkLost, agentReady)
    assert.strictEqual(at(session), "running.agent.idle running.link.reconnecting")
  })
})
