/** Faults of services that agents act on, by their names in the architecture, and their neighbours. */
import { Effect } from "effect"
import { CallStory, once } from "./call-story.ts"
import { must } from "./laws.ts"
import type { Service } from "./service.ts"

const minuteMs = 60_000

export const serviceScenarios = {
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

  "a success recorded as failed by whoever comes second": () => {
    const forgets = [
      (service: Service) => {
        service.drift = "integration"
      },
      (service: Service) => {
        service.isConnected = false
      },
      (service: Service) => {
        service.drift = "arguments"
      },
      (service: Service) => {
        service.drift = "read"
      }
    ]
    for (const forget of forgets) {
      const story = new CallStory()
      const { service } = story.simulation
      story.lend("grn_1", 5)
      story.weather.turn("service.unanswered", 1)
      const call = story.asks("create_issue")
      story.until(() => story.effects(call).length === 1, "it takes effect")
      // The next run of the command finds no way to send it, and does not conclude that nobody has.
      forget(service)
      story.restarting(() => Effect.void)
      story.until(() => story.callRows(call).some(({ effects }) => effects.includes("readBack")), "it is looked at")
      story.weather.turn("service.unanswered", 0)
      service.drift = null
      service.isConnected = true
      story.becomes(call, "outcomeUnknown", "completed")
      if (story.callStatus(call) === "outcomeUnknown")
        story.decides(call, { type: "settle", as: "completed", note: "it is there" })
      must(story.used("grn_1") === 1, "its use was given back")
      story.rests()
    }
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

  "an outcome that was written unknown is told though nobody asks": () => {
    const story = new CallStory()
    const call = story.pending()
    story.weather.turn("journal.unknown", 1)
    const denied = story.fork(Effect.exit(story.deciding(call, { type: "deny", reason: "not today" })))
    story.until(() => story.callStatus(call) === "denied", "it is written")
    story.weather.turn("journal.unknown", 0)
    story.weather.turn("journal.unavailable", 1)
    story.pass(5_000)
    story.weather.turn("journal.unavailable", 0)
    const isTold = () => story.simulation.feeds.get("org_1/ses_1")!.events.some((event) => event.includes('"status":"denied"'))
    story.until(isTold, "it is told", 2_000)
    must(denied.pollUnsafe() !== undefined, "whoever decided is left waiting")
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
  }
}
