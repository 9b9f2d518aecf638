/** What no event tells of: found by looking, and put right by what the machines know how to answer. */
import { Reconcile } from "../../runtime/reconcile.ts"
import { must } from "./laws.ts"
import { outageAroundOne } from "./scenarios-sandboxes.ts"
import { Story } from "./story.ts"

const minuteMs = 60_000

const fleet = Array.from({ length: 8 }, (_, index) => `ses_${index + 1}`)

/** Sessions at work, so that none pauses by itself. */
const atWork = (...ids: ReadonlyArray<string>): Story => {
  const story = new Story(...ids)
  story.weather.turn("agent.hangs", 1)
  for (const id of ids) story.working("p1", id)
  return story
}

const known = (story: Story) => story.simulation.run(story.node.call(Reconcile.use((loop) => loop.known("org_1"))), minuteMs)
const planned = (story: Story) =>
  story.simulation.run(story.node.call(Reconcile.use((loop) => loop.plan({ org: "org_1" }))), minuteMs)
const applying = (story: Story, planId: string, items: ReadonlyArray<string>) =>
  story.simulation.run(
    story.node.call(Reconcile.use((loop) => loop.apply("org_1", planId, items, { user: "usr_1", why: "a drill" }))),
    minuteMs
  )
const boots = (story: Story) => fleet.reduce((sum, id) => sum + story.context(id).boot, 0)

export const reconcileScenarios = {
  'provider outage read as "everything is gone"': () => {
    outageAroundOne()

    // A single session is never too many at once: only that silence is not an answer keeps its sandbox.
    const alone = atWork("ses_1")
    alone.weather.outageUntilMs.provider = alone.nowMs + 30 * minuteMs
    alone.pass(29 * minuteMs)
    must(known(alone).rows.length === 0 && alone.context().boot === 1, "silence was taken for an answer")

    const story = atWork(...fleet)
    story.weather.outageUntilMs.provider = story.nowMs + 5 * minuteMs
    story.pass(4 * minuteMs)
    const { kinds, rows } = known(story)
    must(rows.length === 0, `an outage was read as ${rows[0]?.kind}`)
    for (const kind of ["session.sandbox-gone", "sandbox.stray"])
      must(kinds.find((one) => one.kind === kind)!.unknown.length > 0, `${kind}: that the provider is silent is not shown`)
    story.pass(2 * minuteMs)

    // Worse than silence: it answers, and knows nothing of any.
    story.world.deniesAll = true
    story.pass(10 * minuteMs)
    const gone = known(story).kinds.find(({ kind }) => kind === "session.sandbox-gone")!
    must(gone.drift === fleet.length && gone.held !== null, "nobody is told that it was held")
    must(boots(story) === fleet.length, "sessions were given other sandboxes")
    story.world.deniesAll = false
    story.pass(2 * minuteMs)
    must(known(story).rows.length === 0, "what is there again is still missed")
    must(boots(story) === fleet.length, "sessions were given other sandboxes")
    story.rests()
  },

  "finalizer that sees only `running`": () => {
    const story = new Story("ses_1", "ses_2", "ses_3", "ses_4")
    story.weather.turn("agent.hangs", 1)
    story.working("p1", "ses_1")
    story.working("p1", "ses_2")
    story.ask({ type: "pause", why: "manual" }, "ses_2")
    story.until(() => story.status("ses_2") === "paused", "it is paused")
    story.ask({ type: "stop" }, "ses_3")
    story.until(() => story.status("ses_3") === "stopped", "it is stopped")
    const own = story.sandbox("ses_1")
    const astray = ["ses_1", "ses_2", "ses_3", "ses_4"].map((id) => story.world.appear("org_1", id))
    story.pass(9 * minuteMs)
    must(story.world.alive.length === 5, "what might still be wanted was destroyed")
    story.pass(4 * minuteMs)
    for (const id of astray) must(story.world.status(id) === "gone", `${id} is still there`)
    must(story.world.alive[0] === own && story.context("ses_1").boot === 1, "a sandbox at work was touched")
    must(story.simulation.notes.length === 4, "not every fix is noted")
    story.rests()
  },

  "a host is lost with all that it held, and nobody asks for it": () => {
    const story = new Story()
    const first = story.node
    const second = story.simulation.startNode()
    story.until(() => second.isUp, "another is up")
    first.lane.pause()
    story.working()
    second.kill()
    first.lane.unpause()
    const boot = story.context().boot
    story.until(() => story.ending("p1") === "end_turn", "its turn ends as it would have", 5 * minuteMs)
    must(story.context().boot === boot, "its sandbox was not taken up as it was")
    must(
      story.inspected("drift.fixed").some(({ kind }) => kind === "actor.unhosted"),
      "it was not the loop that found it"
    )
    story.rests()
  },

  "a plan is applied after the session moved on": () => {
    const story = atWork("ses_1")
    const astray = story.world.appear("org_1", "ses_1")
    const old = planned(story)
    must(old.rows.map(({ id }) => id).join() === `sandbox.stray:${astray}`, `it planned ${JSON.stringify(old.rows)}`)
    must(story.simulation.notes.length === 0, "a plan changed something")
    story.ask({ type: "rename", title: "another" })
    const [skipped] = applying(story, old.id, [old.rows[0]!.id])!
    must(skipped?.result === "skipped" && story.world.status(astray) === "running", `it was ${skipped?.result}`)

    const fresh = planned(story)
    const twice = [applying(story, fresh.id, [fresh.rows[0]!.id]), applying(story, fresh.id, [fresh.rows[0]!.id])]
    must(
      twice.every((made) => made?.[0]?.result === "applied"),
      `twice the same is not the same: ${JSON.stringify(twice)}`
    )
    story.until(() => story.world.status(astray) === "gone", "it is destroyed")
    must(story.commands("destroySandbox") === 1, "it was destroyed twice")
    story.pass(1_000)
    must(planned(story).rows.length === 0, "a plan that was applied leaves something to plan")
    must(applying(story, "pln_unknown", []) === null, "a plan that nobody made was applied")
    story.pass(16 * minuteMs)
    must(applying(story, fresh.id, [fresh.rows[0]!.id]) === null, "a plan of yesterday was applied")
    story.rests()
  },

  "a link that hears nothing and does not know it": () => {
    const story = atWork("ses_1")
    const sandbox = story.sandbox()
    story.world.muted.add(sandbox.sandboxId)
    sandbox.unreachableUntilMs = story.nowMs + 10 * minuteMs
    story.pass(60_000)
    must(story.context().boot === 1 && story.ending("p1") === undefined, "a minute of silence was too much")
    story.until(() => story.ending("p1") !== undefined, "the silence is noticed", 6 * minuteMs)
    must(story.ending("p1") === "lost" && story.context().sandboxId === sandbox.sandboxId, "its sandbox was given up")
    must(story.inspected("drift.fixed")[0]?.kind === "session.silent", "it was not the loop that found it")
    story.rests()
  }
}
