/**
 * Keeps children running, as Erlang's supervisors do; one per home.
 *
 *   V1  permanent: restarted however it ended. transient: only after a crash. temporary: never.
 *   V2  one_for_one: the one that ended. rest_for_one: it, and those started after it, in order.
 *   V3  More than `restartsMax` restarts of a child within the window: it is given up, and the crash is escalated once.
 *   V4  Between restarts it pauses, 50 ms doubling to 5 s, so that a crash loop costs its neighbours nothing. Restarts of an
 *       organisation have turns; the time in which a child waits for its own does not count for V3.
 *   V5  A child that was stopped stays stopped; stopping waits until its finalizers ran, and so does starting it again.
 */
import { Cause, Clock, Effect, Exit, Fiber } from "effect"
import type { Inspection } from "./inspection.ts"
import { restartPauseMaxMs, restartPauseMs, restartsMax, restartWindowMs } from "./limits.ts"
import { steadyMs } from "./steady.ts"
import { reasonOf } from "./text.ts"
import type { ChildSight, Crash } from "./tree.ts"

export interface Child {
  readonly id: string
  readonly restart: "permanent" | "transient" | "temporary"
  /** Runs as long as the child lives. */
  readonly run: Effect.Effect<void>
  /** Told once, when it crashed more often than allowed. */
  readonly onGivenUp: (reason: string) => Effect.Effect<void>
}

interface Kept {
  readonly child: Child
  /** Within the window, by a clock that does not jump. */
  readonly crashedAtMs: Array<number>
  newest: Crash | null
  /** Its newest life; null before the first. */
  fiber: Fiber.Fiber<void> | null
  /** That life is being ended by us: how it ends is no crash. */
  isHalted: boolean
}

const isRunning = ({ fiber, isHalted }: Kept): boolean => fiber !== null && !isHalted && fiber.pollUnsafe() === undefined

export class Supervisor {
  // In the order they were started: `rest_for_one` means those after.
  readonly #children = new Map<string, Kept>()
  /** Lives of children that were stopped and have not ended yet. */
  readonly #leaving = new Map<string, Fiber.Fiber<void>>()
  readonly #home: string
  readonly #strategy: "one_for_one" | "rest_for_one"
  readonly #fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  readonly #inspect: (inspection: Inspection) => void
  readonly #turnMs: () => number

  constructor(options: {
    readonly home: string
    readonly strategy: "one_for_one" | "rest_for_one"
    readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
    readonly inspect: (inspection: Inspection) => void
    /** Takes a turn of its organisation for a restart, and says in how many milliseconds it is. */
    readonly turnMs: () => number
  }) {
    this.#home = options.home
    this.#strategy = options.strategy
    this.#fork = options.fork
    this.#inspect = options.inspect
    this.#turnMs = options.turnMs
  }

  ids(): Iterable<string> {
    return this.#children.keys()
  }

  /** Of a child that is there. */
  sight(id: string, nowMs: number): ChildSight | null {
    const kept = this.#children.get(id)
    if (kept === undefined) return null
    const { child, crashedAtMs, newest } = kept
    const crashes = crashedAtMs.filter((atMs) => atMs > nowMs - restartWindowMs).length
    return {
      state: isRunning(kept) ? "running" : "pausing",
      restart: child.restart,
      crashes,
      crash: crashes === 0 ? null : newest
    }
  }

  /** Starts a child that is not there; one that is stays as it is. */
  start(child: Child): void {
    if (this.#children.has(child.id)) return
    const kept: Kept = { child, crashedAtMs: [], newest: null, fiber: null, isHalted: false }
    this.#children.set(child.id, kept)
    this.#run(kept)
  }

  stop(id: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      const kept = this.#children.get(id)
      if (kept === undefined) return Effect.void
      this.#children.delete(id)
      return this.#halt(kept)
    })
  }

  /** Last started, first stopped. */
  stopAll(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const all = [...this.#children.values()].reverse()
      this.#children.clear()
      return Effect.andThen(
        Effect.forEach(all, (kept) => this.#halt(kept), { discard: true }),
        Effect.suspend(() => Effect.forEach([...this.#leaving.values()], Fiber.await, { discard: true }))
      )
    })
  }

  #halt(kept: Kept): Effect.Effect<void> {
    const { fiber, child } = kept
    kept.isHalted = true
    if (fiber === null || fiber.pollUnsafe() !== undefined) return Effect.void
    this.#leaving.set(child.id, fiber)
    return Effect.asVoid(Fiber.interrupt(fiber))
  }

  #run(kept: Kept): void {
    const { child } = kept
    const earlier = this.#leaving.get(child.id)
    const run = earlier === undefined ? child.run : Effect.andThen(Effect.uninterruptible(Fiber.await(earlier)), child.run)
    const fiber = this.#fork(run)
    kept.fiber = fiber
    kept.isHalted = false
    fiber.addObserver((exit) => {
      if (this.#leaving.get(child.id) === fiber) this.#leaving.delete(child.id)
      if (kept.fiber === fiber && !kept.isHalted) this.#fork(this.#ended(kept, exit))
    })
  }

  #ended(kept: Kept, exit: Exit.Exit<void, unknown>): Effect.Effect<void> {
    const { child } = kept
    const crash = Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause) ? reasonOf(Cause.squash(exit.cause)) : null
    if (child.restart === "temporary" || (child.restart === "transient" && crash === null)) {
      this.#children.delete(child.id)
      return Effect.void
    }
    const home = this.#home
    const reason = crash ?? "ended"
    return Effect.gen({ self: this }, function* () {
      this.#inspect({ type: "child.crashed", home, child: child.id, reason })
      const now = yield* steadyMs
      while (kept.crashedAtMs[0] !== undefined && kept.crashedAtMs[0] <= now - restartWindowMs) kept.crashedAtMs.shift()
      kept.crashedAtMs.push(now)
      kept.newest = { reason, atMs: yield* Clock.currentTimeMillis }
      if (kept.crashedAtMs.length > restartsMax) {
        this.#children.delete(child.id)
        this.#inspect({ type: "child.escalated", home, child: child.id, reason })
        return yield* child.onGivenUp(reason)
      }
      const rest = this.#strategy === "rest_for_one" ? this.#after(kept) : []
      yield* Effect.forEach([...rest].reverse(), (later) => this.#halt(later), { discard: true })
      const pauseMs = Math.min(restartPauseMs * 2 ** (kept.crashedAtMs.length - 1), restartPauseMaxMs)
      const overMs = Math.max(0, this.#turnMs() - pauseMs)
      for (const n of kept.crashedAtMs.keys()) kept.crashedAtMs[n]! += overMs
      yield* Effect.sleep(pauseMs + overMs)
      // One that we were started after has crashed meanwhile: it restarts us when it is back.
      if (kept.isHalted && this.#children.get(child.id) === kept) return
      for (const again of [kept, ...rest]) {
        // Stopped, or started again, while we paused.
        if (this.#children.get(again.child.id) !== again || isRunning(again)) continue
        if (again.child.restart === "temporary") {
          this.#children.delete(again.child.id)
          continue
        }
        this.#inspect({ type: "child.restarted", home, child: again.child.id })
        this.#run(again)
      }
    })
  }

  #after(kept: Kept): ReadonlyArray<Kept> {
    const all = [...this.#children.values()]
    return all.slice(all.indexOf(kept) + 1)
  }
}
