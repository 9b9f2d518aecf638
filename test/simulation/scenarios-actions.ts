/** Faults of approvals, grants and services that earlier systems had, by their names in the architecture, and their neighbours. */
import { isDeepStrictEqual } from "node:util"
import { Effect } from "effect"
import { pendingMax } from "../../machines/limits.ts"
import { secretStart } from "./call-laws.ts"
import { CallStory, once, ruleOf } from "./call-story.ts"
import { draftOf } from "./callers.ts"
import { must } from "./laws.ts"

const minuteMs = 60_000

export const actionScenarios = {
  "two administrators approve at once": () => {
    const story = new CallStory()
    const call = story.pending()
    const all = ["usr_1", "usr_2", "usr_3"].map((by) => story.fork(Effect.result(story.deciding(call, once, by))))
    story.until(() => all.every((fiber) => fiber.pollUnsafe() !== undefined), "all are answered")
    const answers = all.map((fiber) => Effect.runSync(fiber.pollUnsafe()!))
    const refused = answers.flatMap((answer) => (answer._tag === "Failure" ? [answer.failure.message] : []))
    must(refused.length === 2, `${answers.length - refused.length} approvals were taken`)
    must(
      refused.every((why) => /usr_[123]/.test(why)),
      `it is not told who was first: ${refused[0]}`
    )
    story.becomes(call, "completed")
    must(story.effects(call).length === 1, "it took effect more than once")
    story.rests()
  },

  "approval timeout loops the agent": () => {
    const story = new CallStory()
    const call = story.pending()
    story.becomes(call, "expired")
    story.until(() => story.tellings(call) === 1, "the agent is told")
    story.pass(60 * minuteMs)
    must(story.tellings(call) === 1, "the agent is told again and again")
    const events = story.callRows(call).map(({ event }) => (event as { readonly type: string }).type)
    must(events.filter((type) => type === "weighed").length === 1, "it is asked about again")
    must(/expired/.test(story.refused(call, once)), "a late approval is not told that it is late")
    must(story.effects(call).length === 0, "what expired took effect")
    story.rests()
  },

  "approved call runs with redacted arguments": () => {
    const story = new CallStory()
    const params = { title: "a title", body: `with ${secretStart}1 in it` }
    const call = story.pending("create_issue", params)
    must(JSON.stringify(story.call(call).params).includes("[redacted]"), "people are shown what is secret")
    story.decides(call, once)
    story.becomes(call, "completed")
    must(isDeepStrictEqual(story.effects(call)[0]?.params, params), "it ran with other arguments")
    story.rests()
    const calls = story.simulation.stores.calls
    must(story.simulation.run(Effect.orDie(calls.sealed("org_1", call.id)), minuteMs) === null, "its arguments are kept")
  },

  "an agent grants itself": () => {
    const story = new CallStory()
    const dangerous = story.asks("merge")
    story.becomes(dangerous, "denied")
    // The widest that there is covers writes, and nothing that is dangerous.
    story.lend("grn_all", null, "*")
    const again = story.asks("merge")
    story.becomes(again, "denied")
    const write = story.asks("create_issue")
    story.becomes(write, "completed")
    must(story.call(write).decidedBy === "grant", `it ran by ${story.call(write).decidedBy}`)
    must(story.simulation.journal.budgets.size === 1, "a call has made a grant")
    story.rests()
  },

  "budget overspent by parallel calls": () => {
    const story = new CallStory()
    const [first, second] = [story.node, story.simulation.startNode()]
    story.until(() => second.isUp, "another node is up")
    story.lend("grn_1", 3)
    // All are weighed while each of the three uses is there.
    const calls = story.asksAtOnce("create_issue", 10, [first, second])
    for (const call of calls) story.becomes(call, "completed", "pending")
    const completed = calls.filter((call) => story.callStatus(call) === "completed")
    must(completed.length === 3 && story.used("grn_1") === 3, `${completed.length} ran under a budget of 3`)
    for (const call of calls) if (story.callStatus(call) === "pending") story.decides(call, { type: "deny", reason: "enough" })
    story.rests()
  },

  "revoked grant still dispatched": () => {
    const story = new CallStory()
    // Before it is looked at for the last time, and after that.
    for (const [grantId, isSeen] of [
      ["grn_1", true],
      ["grn_2", false]
    ] as const) {
      story.lend(grantId, 5)
      const call = story.asks("create_issue")
      story.until(() => story.callStatus(call) === "approved", "it is weighed")
      if (isSeen) story.restarting((stores) => stores.grants.revoke("org_1", grantId, "usr_1"))
      else {
        const cleared = () => story.inspected("command.started").filter(({ key }) => key.startsWith(`approval:${call.id}:`))
        story.until(() => cleared().length === 2, "it is looked at")
        story.weather.turn("journal.slow", 1)
        story.pass(10)
        story.endGrant(grantId)
        story.weather.turn("journal.slow", 0)
      }
      story.becomes(call, "revoked")
      const why = story.call(call).reason
      must(why === (isSeen ? "policy" : "grant"), `it was revoked for its ${why}`)
      must(story.effects(call).length === 0 && story.used(grantId) === 0, "it ran, or its use is not given back")
    }
    story.rests()
  },

  "a dangerous call is approved once, each time": () => {
    const story = new CallStory()
    story.rules("merge", "ask")
    story.lend("grn_all", null, "*")
    const call = story.pending("merge")
    const grant = { id: "grn_1", draft: draftOf("merge", "ses_1", 5), requestId: null }
    must(/no grant covers it/.test(story.refused(call, { type: "approve", as: "grant", grant })), "a grant was lent with it")
    story.decides(call, once)
    story.becomes(call, "completed")
    const again = story.pending("merge")
    story.decides(again, { type: "deny", reason: "not today" })
    story.rests()
  },

  "what is denied, revoked or withdrawn never runs": () => {
    const story = new CallStory()
    const ends = [
      ["denied", { type: "deny", reason: "not today" }, "usr_1"],
      ["revoked", { type: "revoke", reason: "a mistake" }, "usr_1"],
      ["revoked", { type: "withdraw" }, null]
    ] as const
    for (const [status, event, by] of ends) {
      const call = story.pending()
      story.decides(call, event, by)
      story.becomes(call, status)
      must(story.refused(call, once).includes(status), "a late approval is not told what it is")
    }
    story.pass(10 * minuteMs)
    must(story.simulation.service.effects.length === 0, "one of them took effect")
    story.rests()
  },

  "more calls than a person can look at": () => {
    const story = new CallStory()
    const calls = Array.from({ length: pendingMax + 2 }, () => story.asks("create_issue"))
    for (const call of calls) story.becomes(call, "pending", "denied")
    const waiting = calls.filter((call) => story.callStatus(call) === "pending")
    must(waiting.length === pendingMax, `${waiting.length} of one session wait for a person`)
    for (const call of waiting) story.decides(call, { type: "deny", reason: "too many" })
    story.asks("create_issue")
    story.pending()
    story.rests()
  },

  "the rules change between its approval and its turn": () => {
    const story = new CallStory()
    story.rules("create_issue", "allow")
    const allowed = story.asks("create_issue")
    story.until(() => story.callStatus(allowed) === "approved", "it is weighed")
    story.restarting((stores) => stores.rules.set({ ...ruleOf("create_issue", "ask"), id: "rul_ask" }))
    story.becomes(allowed, "revoked")
    const call = story.pending()
    story.rules("create_issue", "deny")
    story.decides(call, once)
    story.becomes(call, "revoked")
    must(story.effects(call).length === 0, "it ran")
    story.rests()
  },

  "a session ends, and what it asked for ends with it": () => {
    const story = new CallStory()
    const calls = [story.pending(), story.pending("add_comment")]
    story.working()
    story.ask({ type: "stop" })
    for (const call of calls) story.becomes(call, "revoked")
    must(/sessionEnded|ended/.test(story.refused(calls[0]!, once)), "a late approval is not told why it is late")
    story.until(() => story.status() === "stopped", "it stops")
    story.lend("grn_1", null, "*")
    const late = story.asks("create_issue")
    story.becomes(late, "revoked")
    must(story.simulation.service.effects.length === 0, "something took effect")
    story.rests()
  },

  "a session is paused while its call waits, and woken by what came of it": () => {
    const story = new CallStory()
    story.working()
    story.ends("p1")
    const call = story.pending()
    story.ask({ type: "pause", why: "manual" })
    story.until(() => story.status() === "paused", "it pauses")
    must(story.callStatus(call) === "pending", "its call did not wait")
    story.decides(call, once)
    story.becomes(call, "completed")
    story.until(() => story.tellings(call) === 1, "it is told")
    story.ends(`out_${call.id.slice("apr_".length)}`)
    story.rests()
  }
}
