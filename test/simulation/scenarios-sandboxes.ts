/** Faults of sandboxes, links and providers that earlier systems had, by their names in the architecture. */
import { must } from "./laws.ts"
import { Story } from "./story.ts"

const minuteMs = 60_000

export const sandboxScenarios = {
  "clean socket close kills a healthy sandbox": () => {
    const story = new Story()
    story.working()
    const { sandboxId, daemon } = story.sandbox()
    for (let times = 0; times < 5; times++) {
      daemon!.cut()
      story.pass(1_000)
    }
    story.ends("p1")
    // An agent that has nothing to say says nothing: only the connection itself tells that it is back.
    daemon!.cut()
    story.pass(2 * minuteMs)
    must(story.isIn("running.link.connected"), "the link is not known to be back")
    must(story.context().boot === 1 && story.context().sandboxId === sandboxId, "a healthy sandbox was given up")
    must(story.commands("reviveSandbox") + story.commands("destroySandbox") === 0, "a healthy sandbox was touched")
    story.rests()
  },

  'VM paused mid-run leaves "running" for ever': () => {
    const story = new Story()
    story.working()
    const sandbox = story.sandbox()
    sandbox.unreachableUntilMs = Number.POSITIVE_INFINITY
    story.ends("p1", "lost")
    story.until(() => story.status() === "failed", "it says that it failed", 5 * minuteMs)
    must(story.context().sandboxId === sandbox.sandboxId, "what was worked in it was thrown away")
    sandbox.unreachableUntilMs = 0
    story.prompt("p2")
    story.ends("p2")
    must(story.sandbox() === sandbox, "it did not go on where it was")
    story.rests()
  },

  "boot slower than the watchdog respawns without end": () => {
    const story = new Story()
    story.world.bootMs = [400_000, 500_000]
    story.prompt("p1")
    story.until(() => story.status() === "failed", "it gives up", 30 * minuteMs)
    must(story.world.sandboxes.size <= 3, `${story.world.sandboxes.size} sandboxes were asked for`)
    story.pass(20 * minuteMs)
    must(story.world.sandboxes.size <= 3, "it went on asking")
    must(story.world.alive.length === 0, "a sandbox is left over")
    story.world.bootMs = [500, 6_000]
    story.ask({ type: "resume" })
    story.ends("p1")
    story.rests()
  },

  "capture stops its source and the follow-up is lost": () => {
    const story = new Story()
    story.world.captureStops = true
    story.working()
    story.ends("p1")
    const first = story.sandbox()
    story.ask({ type: "pause", why: "manual" })
    story.until(() => first.state === "stopped", "the capture has stopped it")
    story.prompt("p2")
    story.ends("p2")
    must(story.sandbox().work.has("p1"), "the follow-up does not see the first turn's work")
    must(!story.world.alive.includes(first), "the captured sandbox is left over")
    story.rests()
  },

  "resume returns a new sandbox id": () => {
    const story = new Story()
    story.working()
    story.ends("p1")
    const first = story.sandbox()
    story.ask({ type: "pause", why: "manual" })
    story.until(() => story.status() === "paused", "it pauses")
    story.ask({ type: "resume" })
    story.until(() => story.status() === "running", "it resumes")
    must(story.sandbox().sandboxId !== first.sandboxId, "the sandbox of before runs again")
    story.prompt("p2")
    story.ends("p2")
    must(story.sandbox().work.has("p1") && story.sandbox().work.has("p2"), "the new sandbox lacks work")
    const claims = [...story.simulation.journal.claims.keys()]
    must(claims.join() === `org_1/sandbox/${story.sandbox().sandboxId}`, `claimed: ${claims.join()}`)
    story.rests()
  },

  "snapshot of another provider restored": () => {
    const story = new Story()
    story.working()
    story.ends("p1")
    story.ask({ type: "pause", why: "manual" })
    story.until(() => story.status() === "paused", "it pauses")
    must(story.context().provider === "simulated", "it does not know who made its snapshot")
    // The next server has its sandboxes elsewhere.
    story.world.provider = "elsewhere"
    story.node.kill()
    story.simulation.startNode()
    story.until(() => story.node?.isUp, "another node is up")
    story.prompt("p2")
    story.ends("p2")
    must(story.context().boot === 2, "it tried to restore what cannot be restored")
    const told = story.notices().filter(({ kind }) => kind === "state.lost")
    must(told.length === 1, `it was told ${told.length} times that its state is lost`)
    must(
      /made by provider simulated, and elsewhere/.test(String(told[0]!.body["message"])),
      "nobody is told why it started empty"
    )
    story.ask({ type: "pause", why: "manual" })
    story.until(() => story.status() === "paused", "it pauses again")
    must(story.context().provider === "elsewhere", "its snapshot is still the other's")
    story.prompt("p3")
    story.ends("p3")
    must(story.sandbox().work.has("p2"), "what was worked since is lost")
    story.rests()
  },

  "a sandbox at the end of its life takes the session's work with it": () => {
    const story = new Story()
    story.working()
    story.ends("p1")
    const first = story.sandbox()
    first.endsAtMs = story.nowMs + 6 * minuteMs
    story.weather.turn("agent.hangs", 1)
    story.working("p2")
    story.until(() => story.context().sandboxId !== first.sandboxId && story.status() === "running", "it moves", 6 * minuteMs)
    must(story.nowMs < first.endsAtMs!, "it moved too late")
    story.weather.turn("agent.hangs", 0)
    must(story.sandbox().work.has("p1"), "the new sandbox lacks work")
    story.ends("p2", "unresponsive")
    story.prompt("p3")
    story.ends("p3")
    story.rests()
  },

  "two sandboxes adopted by one session": () => {
    const story = new Story()
    story.world.bootMs = [3_000, 3_000]
    story.prompt("p1")
    story.until(() => story.world.sandboxes.size === 1, "the first is made")
    // Its answer is lost, and nobody can be asked until the session has given it up and asked for a second.
    story.weather.outageUntilMs.provider = story.nowMs + 130_000
    story.until(() => story.context().boot === 2, "the first is given up", 5 * minuteMs)
    story.ends("p1")
    must(story.world.sandboxes.size === 2, `${story.world.sandboxes.size} sandboxes were made`)
    story.until(() => story.world.alive.length === 1, "the late one is destroyed", 5 * minuteMs)
    must(story.world.alive[0] === story.sandbox(), "the one that is left is not its own")
    story.rests()
  }
}

/** Of one sandbox, and its links alone; what looks after all of them is asked in scenarios-reconcile.ts. */
export const outageAroundOne = () => {
  const story = new Story()
  story.working()
  const sandbox = story.sandbox()
  story.weather.outageUntilMs.provider = story.nowMs + 15 * minuteMs
  sandbox.daemon!.cut()
  story.ends("p1")
  sandbox.daemon!.cut()
  story.prompt("p2")
  story.ends("p2")
  must(story.sandbox() === sandbox && sandbox.state === "running", "the sandbox was given up")
  must(story.context().boot === 1, "it was booted again")
  must(
    story.notices().every(({ kind }) => kind !== "state.lost"),
    "its state was told to be lost"
  )
  // Now the sandbox is out of reach as well: unknown is still not gone.
  sandbox.unreachableUntilMs = story.nowMs + 3 * minuteMs
  story.pass(5 * minuteMs)
  must(story.context().sandboxId === sandbox.sandboxId, "what could not be asked about was thrown away")
  story.pass(15 * minuteMs)
  story.prompt("p3")
  story.ends("p3")
  must(story.sandbox() === sandbox && sandbox.work.has("p1"), "its work is gone")
  story.rests()
}
