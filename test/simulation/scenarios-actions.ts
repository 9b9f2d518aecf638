/** Faults of approvals, grants and services that earlier systems had, by their names in the architecture, and their neighbours. */
import { isDeepStrictEqual } from "node:util"
import { Effect } from "effect"
import { secretStart } from "./call-laws.ts"
import { CallStory, once } from "./call-story.ts"
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

  "restart repeats a provider write": () => {
    const story = new CallStory()
    const call = story.pending()
    story.weather.turn("service.unanswered", 1)
    story.decides(call, once)
    story.until(() => story.effects(call).length === 1, "it takes effect")
    story.weather.turn("service.unanswered", 0)
    story.node.kill()
    story.simulation.startNode()
    story.until(() => story.node?.isUp, "another node is up")
    story.becomes(call, "completed")
    must(story.call(call).attempt === 1, "it was tried again")
    story.rests()
  },

  "a success recorded as failed": () => {
    const story = new CallStory()
    for (const fault of ["service.garbles", "service.unanswered"] as const) {
      const call = story.pending()
      story.weather.turn(fault, 1)
      story.decides(call, once)
      story.until(() => story.effects(call).length === 1, "it takes effect")
      story.weather.turn(fault, 0)
      story.becomes(call, "completed")
      const looked = story.callRows(call).some(({ effects }) => effects.includes("readBack"))
      must(looked, `it was believed at once, whatever was answered: ${fault}`)
    }
    story.rests()
  },

  "a silence that hid no effect is proven, and only then is the call made again": () => {
    const story = new CallStory()
    const call = story.pending()
    story.weather.turn("service.unheard", 1)
    story.decides(call, once)
    story.until(() => story.callStatus(call) === "outcomeUnknown", "nobody knows", 5 * minuteMs)
    must(story.call(call).attempt === 1, "it was made again before anything was proven")
    story.weather.turn("service.unheard", 0)
    story.becomes(call, "completed")
    must(story.call(call).attempt === 2, `it was tried ${story.call(call).attempt} times`)
    story.rests()
  },

  "a request that arrives when its sender has given it up": () => {
    const story = new CallStory()
    const call = story.pending()
    story.weather.turn("service.late", 1)
    story.decides(call, once)
    story.becomes(call, "outcomeUnknown", "completed")
    story.pass(3 * minuteMs)
    must(story.effects(call).length === 1, `it took effect ${story.effects(call).length} times`)
    if (story.callStatus(call) === "outcomeUnknown")
      story.decides(call, { type: "settle", as: "completed", note: "it is there" }, "usr_2")
    story.becomes(call, "completed")
    story.rests()
  },

  "an outcome that nobody can find out is a person's to settle, and the call is not made again": () => {
    const story = new CallStory()
    const call = story.pending()
    story.weather.turn("service.unanswered", 1)
    story.weather.turn("service.unclear", 1)
    story.decides(call, once)
    story.becomes(call, "outcomeUnknown")
    story.weather.turn("service.unanswered", 0)
    story.pass(60 * minuteMs)
    must(story.callStatus(call) === "outcomeUnknown", "it was given up, or made up")
    story.decides(call, { type: "settle", as: "completed", note: "it is there" }, "usr_2")
    story.becomes(call, "completed")
    must(story.call(call).attempt === 1, "it was made again")
    story.rests()
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
    const calls = Array.from({ length: 10 }, (_, n) => story.asks("create_issue", undefined, { node: n % 2 ? first : second }))
    for (const call of calls) story.becomes(call, "completed", "pending")
    const completed = calls.filter((call) => story.callStatus(call) === "completed")
    must(completed.length === 3 && story.used("grn_1") === 3, `${completed.length} ran under a budget of 3`)
    for (const call of calls) if (story.callStatus(call) === "pending") story.decides(call, { type: "deny", reason: "enough" })
    story.rests()
  },

  "revoked grant still dispatched": () => {
    const story = new CallStory()
    story.lend("grn_1", 5)
    const call = story.asks("create_issue")
    story.until(() => story.callStatus(call) === "approved", "it is weighed")
    story.endGrant("grn_1")
    story.becomes(call, "revoked")
    must(story.effects(call).length === 0 && story.used("grn_1") === 0, "it ran, or its use is not given back")
    story.rests()
  },

  "a rule that denies it is set between its approval and its turn": () => {
    const story = new CallStory()
    const call = story.pending()
    story.rules("create_issue", "deny")
    story.decides(call, once)
    story.becomes(call, "revoked")
    must(story.effects(call).length === 0, "it ran")
    story.rests()
  },

  "an action is another one when its turn comes": () => {
    for (const drift of ["risk", "arguments", "action", "integration"] as const) {
      const story = new CallStory()
      const call = story.pending()
      story.simulation.service.drift = drift
      story.decides(call, once)
      story.becomes(call, "failed")
      must(story.effects(call).length === 0, `it ran although its ${drift} changed`)
      story.simulation.service.drift = null
      story.rests()
    }
    // Of one whose schema nobody has accepted, a rule that allows it says nothing.
    const story = new CallStory()
    story.rules("create_issue", "allow")
    const allowed = story.asks("create_issue")
    story.becomes(allowed, "completed")
    story.simulation.service.drift = "schema"
    const drifted = story.asks("create_issue")
    story.becomes(drifted, "pending")
    story.decides(drifted, { type: "deny", reason: "not that one" })
    story.rests()
  },

  "a service takes the credential no more": () => {
    const story = new CallStory()
    const call = story.pending()
    story.weather.turn("service.refuses", 1)
    story.decides(call, once)
    story.becomes(call, "failed")
    must(!story.simulation.service.isConnected, "nobody is told that it must be connected again")
    story.weather.turn("service.refuses", 0)
    story.until(() => story.simulation.service.isConnected, "it is connected again")
    const next = story.pending()
    story.decides(next, once)
    story.becomes(next, "completed")
    must(story.effects(call).length === 0, "what failed ran later")
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
