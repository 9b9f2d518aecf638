/** Faults of hosts, journals and watchers that earlier systems had, by their names in the architecture. */
import { Effect } from "effect"
import { turnMs } from "../../machines/limits.ts"
import { Feeds } from "../../runtime/feeds.ts"
import { Router } from "../../runtime/router.ts"
import { must } from "./laws.ts"
import { Watcher } from "./people.ts"
import { sessionAddress } from "./simulation.ts"
import { Story } from "./story.ts"

const minuteMs = 60_000
const ses1 = sessionAddress("ses_1")
const home = { org: ses1.org, id: ses1.home }

export const hostScenarios = {
  "stale cursor replays the whole session": () => {
    const story = new Story()
    story.working()
    story.ends("p1")
    const watcher = new Watcher(story.simulation, ses1)
    story.fork(watcher.live)
    const head = () => story.simulation.feeds.get("org_1/ses_1")!.head
    story.until(() => watcher.cursor === head().seq, "the watcher is in step")
    const stale = watcher.cursor
    for (const promptId of ["p2", "p3", "p4"]) {
      story.prompt(promptId)
      story.ends(promptId)
    }
    const read = (after: number) =>
      story.simulation.run(story.node.call(Feeds.use((feeds) => feeds.next(home, after, 10_000))), minuteMs)
    const resumed = read(stale)
    must(resumed.gap === null && resumed.events[0]?.seq === stale + 1, "it did not go on at its cursor")
    must(resumed.events.length === head().seq - stale, "it was given something else than what it lacked")
    // What it lacks is not stored any more: it is told so, and goes on after it.
    const through = stale + 5
    story.simulation.stores.trim(home, through)
    story.node.kill()
    story.simulation.startNode()
    story.until(() => story.node.isUp, "another node is up")
    const late = read(stale)
    must(late.gap?.from === stale + 1 && late.gap.through === through, "the gap was not told")
    must(late.events[0]?.seq === through + 1, "it did not go on after the gap")
    story.rests()
  },

  "one poison event stops its neighbours": () => {
    const ids = ["ses_1", "ses_2", "ses_3"]
    const story = new Story(...ids)
    for (const id of ids) story.working("p1", id)
    let isPoison = true
    story.simulation.isPoison = ({ address, messageId }) => isPoison && address.id === "ses_2" && messageId.startsWith("rename")
    for (let times = 0; times < 6; times++) {
      // Their neighbours' are stored in the same statements.
      const prompt = { type: "prompt", promptId: `q${times}`, text: "q", by: "usr_1" }
      const beside = ["ses_1", "ses_3"].map((id) => story.fork(Effect.exit(story.asking(prompt, id, `prompt:q${times}`))))
      must(story.refusal({ type: "rename", title: "poison" }, "ses_2")._tag === "Crashed", "the poison was taken")
      story.until(() => beside.every((fiber) => fiber.pollUnsafe() !== undefined), "the neighbours are answered")
      for (const fiber of beside)
        must(Effect.runSync(fiber.pollUnsafe()!)._tag === "Success", "a neighbour was refused with the poison")
    }
    story.until(() => story.actor("ses_2").quarantine !== null, "it is set aside")
    must(story.actor("ses_2").quarantine!.includes('"title":"poison"'), "it is not known what did it")
    for (const id of ["ses_1", "ses_3"]) for (const promptId of ["p1", "q0", "q5"]) story.ends(promptId, "end_turn", id)
    isPoison = false
    story.simulation.run(story.node.call(Router.use((router) => router.release(sessionAddress("ses_2")))), minuteMs)
    story.ends("p1", "end_turn", "ses_2")
    story.rests()
  },

  "old owner wakes after a long pause and writes": () => {
    const story = new Story()
    story.working()
    const old = story.node
    const late = ["stop", "interrupt"].map((type) => story.fork(Effect.result(story.asking({ type }, "ses_1", type, old))))
    old.lane.pause()
    story.simulation.startNode()
    story.until(() => story.node !== old && story.node.isUp, "another node is up")
    story.ends("p1")
    story.prompt("p2")
    story.ends("p2")
    story.ask({ type: "pause", why: "manual" })
    story.until(() => story.status() === "paused", "it pauses")
    story.pass(10 * minuteMs)
    const before = story.rows().length
    old.lane.unpause()
    story.until(() => late.every((fiber) => fiber.pollUnsafe() !== undefined), "the old owner answers")
    // It does what was asked of it, on what is stored and not on what it remembers.
    const written = story.rows().slice(before)
    must(
      written.some(({ messageId }) => messageId === "stop"),
      "the stop was not committed"
    )
    must(
      written.every(({ messageId }) => messageId !== "interrupt"),
      "it interrupted a turn that had long ended"
    )
    must(story.inspected("actor.fenced").length > 0, "the old owner was not fenced")
    must(story.ending("p1") === "end_turn" && story.ending("p2") === "end_turn", "a turn ended twice")
    story.rests()
  },

  "a timer due while the process was down": () => {
    const story = new Story()
    story.weather.turn("agent.hangs", 1)
    story.working()
    story.pass(5_000)
    story.weather.turn("agent.hangs", 0)
    story.node.kill()
    story.pass(2 * turnMs)
    must(story.isIn("running.agent.busy"), "somebody worked while nobody was there")
    story.simulation.startNode()
    story.until(() => story.node?.isUp, "a node is up")
    story.ends("p1", "unresponsive")
    must(
      story.inspected("drift.fixed").every(({ kind }) => kind !== "deadline.late"),
      "it did not fire by itself"
    )
    story.prompt("p2")
    story.ends("p2")
    story.rests()
  },

  "viewing a session wakes it": () => {
    const story = new Story()
    story.working()
    story.ends("p1")
    story.ask({ type: "pause", why: "manual" })
    story.until(() => story.status() === "paused" && story.world.alive.length === 0, "it pauses")
    story.until(() => story.inspected("home.passivated").length === 1, "it leaves memory")
    const [rows, activated] = [story.rows().length, story.inspected("actor.activated").length]
    const watcher = new Watcher(story.simulation, ses1)
    story.fork(watcher.live)
    for (let times = 0; times < 20; times++) {
      const view = story.simulation.run(story.node.call(Router.use((router) => router.look(ses1))), minuteMs)
      must(view?.status === "paused" && view.accepts.includes("resume"), "it is not shown as it is")
      story.pass(30_000)
    }
    must(watcher.cursor > 0, "its feed was not shown")
    must(story.rows().length === rows, "viewing wrote something")
    must(story.inspected("actor.activated").length === activated, "viewing woke it")
    must(story.world.alive.length === 0, "viewing gave it a sandbox")
    story.rests()
  }
}
