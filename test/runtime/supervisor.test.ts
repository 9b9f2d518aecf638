/** The laws of runtime/supervisor.ts, V1 to V5. */
import { Effect } from "effect"
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import type { Inspection } from "../../runtime/inspection.ts"
import { restartPauseMaxMs, restartPauseMs, restartsMax, restartWindowMs } from "../../runtime/limits.ts"
import { type Child, Supervisor } from "../../runtime/supervisor.ts"
import { Timeline } from "../support/timeline.ts"

const hourMs = 3_600_000

const household = (strategy: "one_for_one" | "rest_for_one" = "one_for_one", turnMs: () => number = () => 0) => {
  const timeline = new Timeline("supervisor")
  const lane = timeline.lane("home")
  const inspections: Array<Inspection> = []
  const log: Array<string> = []
  const supervisor = new Supervisor({
    home: "home",
    strategy,
    fork: (effect) => lane.fork(effect),
    inspect: (inspection) => inspections.push(inspection),
    turnMs
  })
  const lives = new Map<string, { readonly crash: () => void; readonly finish: () => void }>()
  const atMs = () => timeline.nowMs

  const child = (id: string, restart: Child["restart"] = "permanent", farewellMs = 0): Child => ({
    id,
    restart,
    run: Effect.callback<void>((resume) => {
      log.push(`${id} starts`)
      lives.set(id, { crash: () => resume(Effect.die(new Error(`${id} broke`))), finish: () => resume(Effect.void) })
    }).pipe(
      Effect.ensuring(
        Effect.andThen(
          Effect.sleep(farewellMs),
          Effect.sync(() => log.push(`${id} ends`))
        )
      )
    ),
    onGivenUp: (reason) => Effect.sync(() => log.push(`${id} is given up: ${reason}`))
  })
  const pass = (ms: number) => timeline.run(timeline.nowMs + ms)
  const take = () => log.splice(0)
  const stop = (id: string) => lane.fork(supervisor.stop(id))
  return {
    supervisor,
    inspections,
    lane,
    log,
    child,
    pass,
    take,
    stop,
    atMs,
    crash: (id: string) => lives.get(id)!.crash(),
    finish: (id: string) => lives.get(id)!.finish()
  }
}

describe("a child that ended", () => {
  it("is started again however it ended, if it is permanent", () => {
    const { supervisor, child, pass, take, crash, finish } = household()
    supervisor.start(child("actor", "permanent"))
    finish("actor")
    pass(hourMs)
    crash("actor")
    pass(hourMs)
    assert.deepStrictEqual(take(), ["actor starts", "actor ends", "actor starts", "actor ends", "actor starts"])
  })

  it("is started again only after a crash, if it is transient", () => {
    const { supervisor, child, pass, take, crash, finish } = household()
    supervisor.start(child("link", "transient"))
    crash("link")
    pass(hourMs)
    finish("link")
    pass(hourMs)
    assert.deepStrictEqual(take(), ["link starts", "link ends", "link starts", "link ends"])
    assert.deepStrictEqual([...supervisor.ids()], [])
  })

  it("is never started again, if it is temporary", () => {
    const { supervisor, child, pass, take, crash } = household("rest_for_one")
    supervisor.start(child("actor"))
    supervisor.start(child("errand", "temporary"))
    crash("actor")
    pass(hourMs)
    assert.deepStrictEqual(take(), ["actor starts", "errand starts", "actor ends", "errand ends", "actor starts"])
    supervisor.start(child("errand", "temporary"))
    crash("errand")
    pass(hourMs)
    assert.deepStrictEqual([...supervisor.ids()], ["actor"])
  })
})

describe("its neighbours", () => {
  it("live on under one_for_one", () => {
    const { supervisor, child, pass, take, crash } = household("one_for_one")
    for (const id of ["a", "b", "c"]) supervisor.start(child(id))
    take()
    crash("b")
    pass(hourMs)
    assert.deepStrictEqual(take(), ["b ends", "b starts"])
  })

  it("that were started after it are ended, last first, and started again in order under rest_for_one", () => {
    const { supervisor, child, pass, take, crash } = household("rest_for_one")
    for (const id of ["a", "b", "c", "d"]) supervisor.start(child(id))
    take()
    crash("b")
    pass(hourMs)
    assert.deepStrictEqual(take(), ["b ends", "d ends", "c ends", "b starts", "c starts", "d starts"])
  })

  it("do not run before what they depend on runs again, though they crash while it is away", () => {
    const { supervisor, child, pass, take, crash } = household("rest_for_one")
    for (const id of ["actor", "link"]) supervisor.start(child(id))
    crash("actor")
    pass(hourMs)
    crash("actor")
    pass(hourMs / 60 / 60)
    take()
    // The second crash within the minute makes the actor pause longer than the link would.
    crash("actor")
    pass(1)
    crash("link")
    pass(hourMs)
    const log = take().filter((line) => line.endsWith("starts"))
    assert.deepStrictEqual(log, ["actor starts", "link starts"])
  })
})

describe("a child that keeps crashing", () => {
  it("is given up at the sixth crash within a minute, and the crash is escalated once", () => {
    const { supervisor, child, pass, take, crash, inspections } = household()
    supervisor.start(child("actor"))
    for (let crashes = 0; crashes <= restartsMax; crashes++) {
      crash("actor")
      pass(restartPauseMaxMs)
    }
    const log = take()
    assert.strictEqual(log.filter((line) => line === "actor starts").length, 1 + restartsMax)
    assert.strictEqual(log.at(-1), "actor is given up: Error: actor broke")
    assert.strictEqual(inspections.filter(({ type }) => type === "child.escalated").length, 1)
    assert.deepStrictEqual([...supervisor.ids()], [])
  })

  it("lives on if its crashes are far enough apart", () => {
    const { supervisor, child, pass, crash } = household()
    supervisor.start(child("actor"))
    for (let crashes = 0; crashes < 50; crashes++) {
      crash("actor")
      pass(restartWindowMs / restartsMax + 1)
    }
    assert.deepStrictEqual([...supervisor.ids()], ["actor"])
  })

  it("is paused for 50 ms, then twice as long at each crash", () => {
    const { supervisor, child, pass, log, crash, atMs } = household()
    supervisor.start(child("actor"))
    const pauses: Array<number> = []
    for (let crashes = 0; crashes < restartsMax; crashes++) {
      const from = atMs()
      const lives = log.length
      crash("actor")
      while (log.length < lives + 2) pass(1)
      pauses.push(atMs() - from)
    }
    assert.deepStrictEqual(
      pauses,
      [1, 2, 4, 8, 16].map((times) => times * restartPauseMs)
    )
  })
})

describe("a child that is stopped", () => {
  it("stays stopped, though it was about to be started again", () => {
    const { supervisor, child, pass, take, crash, stop } = household()
    supervisor.start(child("actor"))
    crash("actor")
    stop("actor")
    pass(hourMs)
    assert.deepStrictEqual(take(), ["actor starts", "actor ends"])
  })

  it("is stopped when its finalizers have run", () => {
    const { supervisor, child, pass, take, stop } = household()
    supervisor.start(child("link", "transient", 1_000))
    const stopping = stop("link")
    pass(999)
    assert.isUndefined(stopping.pollUnsafe())
    pass(1)
    assert.isDefined(stopping.pollUnsafe())
    assert.deepStrictEqual(take(), ["link starts", "link ends"])
  })

  it("is stopped when its finalizers have run, also while a neighbour's crash is ending it", () => {
    const { supervisor, child, pass, crash, stop } = household("rest_for_one")
    supervisor.start(child("actor"))
    supervisor.start(child("link", "transient", 1_000))
    crash("actor")
    pass(500)
    const stopping = stop("link")
    pass(499)
    assert.isUndefined(stopping.pollUnsafe())
    pass(hourMs)
    assert.isDefined(stopping.pollUnsafe())
    assert.deepStrictEqual([...supervisor.ids()], ["actor"])
  })

  it("takes nobody else down with it who was waiting to be started again", () => {
    const { supervisor, child, pass, take, crash, stop } = household("rest_for_one")
    for (const id of ["actor", "link"]) supervisor.start(child(id))
    crash("actor")
    pass(1)
    stop("actor")
    pass(hourMs)
    assert.strictEqual(take().at(-1), "link starts")
  })

  it("may be started again, and then waits until its earlier life is over", () => {
    const { supervisor, child, pass, take, stop } = household()
    supervisor.start(child("link", "transient", 1_000))
    stop("link")
    supervisor.start(child("link", "transient", 1_000))
    pass(hourMs)
    assert.deepStrictEqual(take(), ["link starts", "link ends", "link starts"])
  })
})

it("keeps its laws through any crashes, ends, stops and starts", () => {
  const move = fc.record({
    id: fc.constantFrom("a", "b", "c"),
    what: fc.constantFrom("crash", "finish", "stop", "start", "wait"),
    ms: fc.integer({ min: 0, max: 8_000 })
  })
  fc.assert(
    fc.property(
      fc.array(move, { maxLength: 60 }),
      fc.constantFrom("one_for_one" as const, "rest_for_one" as const),
      (moves, strategy) => {
        const home = household(strategy)
        const running = new Set<string>()
        const stopped = new Set<string>()
        const check = () => {
          for (const line of home.take()) {
            const [id, word] = line.split(" ") as [string, string]
            if (word === "starts") {
              assert.isFalse(running.has(id), `V5: two lives of ${id} at once`)
              assert.isFalse(stopped.has(id), `V5: ${id} was started again after it was stopped`)
              running.add(id)
            } else if (word === "ends") running.delete(id)
          }
        }
        for (const { id, what, ms } of moves) {
          if (what === "start") {
            stopped.delete(id)
            home.supervisor.start(home.child(id, "permanent", ms % 3 === 0 ? 100 : 0))
          } else if (what === "stop") {
            stopped.add(id)
            home.stop(id)
          } else if (what !== "wait" && running.has(id)) home[what as "crash" | "finish"](id)
          check()
          home.pass(ms)
          check()
        }
        home.pass(hourMs)
        check()
        for (const id of home.supervisor.ids()) assert.isTrue(running.has(id), `V1: ${id} is kept and does not run`)
        assert.deepStrictEqual([...running].sort(), [...home.supervisor.ids()].sort())
      }
    ),
    { numRuns: 300 }
  )
})
