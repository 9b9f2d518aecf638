/** Faults between nodes, and of the coordination that they share. */
import { Effect } from "effect"
import { Feeds } from "../../runtime/feeds.ts"
import { feedLookMs } from "../../runtime/limits.ts"
import { must } from "./laws.ts"
import type { Node } from "./node.ts"
import { Watcher } from "./people.ts"
import { sessionAddress } from "./simulation.ts"
import { Story } from "./story.ts"

const minuteMs = 60_000
const ses1 = sessionAddress("ses_1")
const home = { org: ses1.org, id: ses1.home }

/** A story on two nodes that know of each other; the session belongs to the first. */
const onTwo = () => {
  const story = new Story()
  const owner = story.node
  const other = story.simulation.startNode()
  story.until(() => other.isUp, "another node is up")
  story.simulation.network.isThere = true
  story.simulation.network.place("ses_1", owner)
  return { story, owner, other }
}

/** How long after it was stored a watcher on a node sees something that is new. */
const latencyMs = (story: Story, node: Node, title: string): number => {
  const { simulation } = story
  const head = simulation.feeds.get("org_1/ses_1")!.head.seq
  const watching = story.fork(node.call(Feeds.use((feeds) => feeds.next(home, head, 1_000))))
  story.pass(1_000)
  story.ask({ type: "rename", title })
  const storedAtMs = story.nowMs
  story.until(() => watching.pollUnsafe() !== undefined, "the watcher sees it", minuteMs)
  const { events } = Effect.runSync(watching.pollUnsafe()!)
  must(events[0]?.body["title"] === title, "it sees something else")
  return story.nowMs - storedAtMs
}

/** Three failures in a row are one in eight: so many times eight are a fault of ours. */
const resumesMax = 8

const deniedAfterCapture = (isGone: boolean) => {
  const story = new Story()
  story.working()
  story.ends("p1")
  story.weather.turn("provider.unanswered", 1)
  story.ask({ type: "pause", why: "manual" })
  // Asked again, the first thing that it says is that there is none.
  story.until(() => story.inspected("command.started").some(({ attempt }) => attempt === 2), "it is asked again")
  must(story.world.snapshots.size === 1, "it was not taken")
  if (isGone) story.world.destroy(story.context().sandboxId!)
  story.weather.turn("provider.unanswered", 0)
  story.weather.turn("provider.denies", 1)
  story.until(() => story.status() === "paused", "it pauses")
  story.weather.turn("provider.denies", 0)
  must(story.world.snapshots.size === 1 && story.context().snapshotId !== null, "it was taken twice, or forgotten")
  story.pass(20 * minuteMs)
  story.rests()
}

export const networkScenarios = {
  "Redis flushed in the middle": () => {
    const { story, other } = onTwo()
    story.working()
    story.ends("p1")
    // From here on nothing but what is asked of it is new.
    story.ask({ type: "pause", why: "manual" })
    story.until(() => story.status() === "paused" && story.world.alive.length === 0, "it pauses")
    const { table } = story.simulation
    must(latencyMs(story, other, "by a word") < 1_000, "no word came")
    table.flush()
    must(latencyMs(story, other, "after a flush") < 1_000, "no word came after the flush")
    // Now it is away as well, and comes back empty.
    story.weather.outageUntilMs.coordination = story.nowMs + 2 * minuteMs
    for (let times = 0; times < 3; times++)
      must(latencyMs(story, other, `away ${times}`) <= feedLookMs + 1_000, "who looks finds nothing")
    table.flush()
    story.pass(2 * minuteMs)
    must(latencyMs(story, other, "it is back") < 1_000, "no word came when it was back")
    story.prompt("p2")
    story.ends("p2")
    must(story.context().boot === 2, "a session suffered from it")
    story.rests()
  },

  "two nodes believe to own one session": () => {
    const { story, owner, other } = onTwo()
    story.working()
    story.ends("p1")
    const ask = (title: string, node: Node) =>
      story.simulation.run(story.asking({ type: "rename", title }, "ses_1", `rename:${title}`, node), minuteMs)
    const watchers = Array.from({ length: 4 }, () => new Watcher(story.simulation, ses1))
    for (const { live } of watchers) story.fork(live)
    // Nor does either hear what the other stores.
    story.weather.turn("coordination.unheard", 1)
    for (let times = 0; times < 10; times++) {
      // The first one does not know yet that it was moved.
      story.simulation.network.place("ses_1", times % 2 === 0 ? other : owner)
      ask(`first ${times}`, owner)
      ask(`other ${times}`, other)
    }
    story.weather.turn("coordination.unheard", 0)
    must(story.inspected("actor.fenced").length > 0, "nobody was fenced")
    const titles = story.notices().filter(({ kind }) => kind === "title")
    must(titles.length === 20, `${titles.length} of 20 were taken`)
    const head = story.simulation.feeds.get("org_1/ses_1")!.head.seq
    story.until(() => watchers.every(({ cursor }) => cursor >= head), "the watchers have seen all of it", minuteMs)
    owner.kill()
    // Who believes that the dead one owns it finds out.
    const prompt = { type: "prompt", promptId: "p2", text: "p2", by: "usr_1" }
    story.simulation.run(
      Effect.retry(Effect.delay(story.asking(prompt, "ses_1", "prompt:p2", other), 1_000), { while: () => true }),
      minuteMs
    )
    story.ends("p2")
    story.rests()
  },

  "a message between nodes is lost, late, or there twice": () => {
    const { story, owner, other } = onTwo()
    story.weather.turn("wire.twice", 0.7)
    story.weather.turn("wire.unanswered", 0.5)
    story.weather.turn("wire.late", 0.3)
    story.simulation.network.cut(owner, other, 5 * minuteMs)
    const message = (promptId: string) => ({ type: "prompt", promptId, text: promptId, by: "usr_1" })
    for (const promptId of ["p1", "p2", "p3"])
      story.simulation.run(
        Effect.retry(story.asking(message(promptId), "ses_1", `prompt:${promptId}`, other), { while: () => true }),
        30 * minuteMs
      )
    for (const fault of ["wire.twice", "wire.unanswered", "wire.late"] as const) story.weather.turn(fault, 0)
    for (const promptId of ["p1", "p2", "p3"]) story.ends(promptId)
    const taken = story.rows().filter(({ event }) => (event as { readonly type: string }).type === "prompt")
    must(taken.length === 3, `${taken.length} of 3 prompts were taken`)
    must(story.commands("startTurn") === 3, `${story.commands("startTurn")} turns were started`)
    story.rests()
  },

  "a provider says once of a sandbox that there is none": () => {
    const story = new Story()
    story.working()
    story.ends("p1")
    const sandbox = story.sandbox()
    for (let times = 0; times < 3; times++) {
      sandbox.unreachableUntilMs = story.nowMs + 1_500
      // The link is the next that asks.
      story.weather.turn("provider.denies", 1)
      sandbox.daemon!.cut()
      story.pass(5_000)
      story.weather.turn("provider.denies", 0)
      story.pass(3 * minuteMs)
      must(story.context().sandboxId === sandbox.sandboxId, "one wrong answer cost a disk")
      story.prompt(`q${times}`)
      story.ends(`q${times}`)
    }
    must(sandbox.state === "running" && story.context().boot === 1, "one wrong answer cost a boot")
    story.world.destroy(sandbox.sandboxId)
    story.until(() => story.context().sandboxId !== sandbox.sandboxId, "it is believed", minuteMs)
    story.prompt("p2")
    story.ends("p2")
    must(
      story.notices().some(({ kind }) => kind === "state.lost"),
      "nobody is told what was lost"
    )
    story.rests()
  },

  "a provider takes a snapshot, does not say so, and then denies the sandbox": () => deniedAfterCapture(false),

  "a provider takes a snapshot, does not say so, and then the sandbox is gone": () => deniedAfterCapture(true),

  "a provider names another session's sandbox": () => {
    const story = new Story("ses_1", "ses_2")
    story.weather.turn("agent.hangs", 1)
    story.working("p1", "ses_1")
    const sandbox = story.sandbox("ses_1")
    story.weather.turn("agent.hangs", 0)
    story.world.nextName = sandbox.sandboxId
    story.prompt("p1", "ses_2")
    story.ends("p1", "end_turn", "ses_2")
    must(story.world.nextName === null && story.sandbox("ses_2") !== sandbox, "it was given another's sandbox")
    must(sandbox.state === "running" && story.sandbox("ses_1") === sandbox, "who had it has it no more")
    must(story.context("ses_1").boot === 1, "who had it had to begin again")
    story.rests()
  },

  "a provider fails before and after it did what it was asked": () => {
    const story = new Story()
    story.weather.turn("provider.fails", 0.5)
    for (const promptId of ["p1", "p2", "p3"]) {
      story.prompt(promptId)
      // It may fail three times in a row, which ends it until somebody resumes it.
      const isOver = () => story.ending(promptId) !== undefined || story.status() === "failed"
      story.until(isOver, `${promptId} ends`, 90 * minuteMs)
      for (let again = 0; again < resumesMax && story.status() === "failed"; again++) {
        story.ask({ type: "resume" })
        story.until(isOver, `${promptId} ends`, 90 * minuteMs)
      }
      story.ends(promptId)
      story.ask({ type: "pause", why: "manual" })
      story.until(() => story.status() === "paused", "it pauses", 30 * minuteMs)
      must(story.context().snapshotId !== null, "its work is not kept")
    }
    story.until(() => story.world.alive.length === 0, "what was made is destroyed", 30 * minuteMs)
    story.weather.turn("provider.fails", 0)
    story.rests()
    must(
      story.notices().every(({ kind }) => kind !== "state.lost"),
      "work was lost"
    )
  }
}
