/**
 * Simulated time and turns for whole programs: Effect's Clock and Scheduler, without a real clock or a real event loop. Everything
 * runs in one synchronous loop, in an order that the seed alone decides, so that a run can be had again exactly.
 *
 * Each process of the simulation has a `Lane`. A paused lane keeps what would run until it goes on; a dead one drops it, without a
 * finalizer, as `kill -9` does.
 */
import { Clock, Context, Duration, Effect, type Exit, Logger, Random, Scheduler } from "effect"

interface Task {
  readonly lane: Lane
  readonly run: () => void
}

interface Sleeper extends Task {
  readonly atMs: number
  readonly order: number
}

/** So many ready tasks are passed over, one in a while: fibres of a real program promise no order either. */
const shuffledOneIn = 8
/** More than this without time moving is a loop that never sleeps. */
const tasksWithoutTimeMax = 500_000

export class Timeline {
  nowMs = Date.UTC(2026, 0, 1)
  readonly dice: Random.Random
  /** Asked when nothing is left to do at this moment; true: now there is. Before that time does not move. */
  atStandstill: () => boolean = () => false
  #ready: Array<Task> = []
  /** A heap: soonest first, and of those the first that went to sleep. */
  readonly #sleepers: Array<Sleeper> = []
  #order = 0
  #sinceTimeMoved = 0

  constructor(seed: string | number) {
    this.dice = Effect.runSync(Random.withSeed(Effect.service(Random.Random), seed))
  }

  lane(name: string, skewMs = 0): Lane {
    return new Lane(this, name, skewMs)
  }

  ready(task: Task): void {
    this.#ready.push(task)
  }

  sleep(lane: Lane, delayMs: number, run: () => void): Sleeper {
    const sleeper = { lane, run, atMs: this.nowMs + delayMs, order: this.#order++ }
    const heap = this.#sleepers
    let index = heap.push(sleeper) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!isBefore(sleeper, heap[parent]!)) break
      heap[index] = heap[parent]!
      index = parent
    }
    heap[index] = sleeper
    return sleeper
  }

  /** Runs until `isOver`, or until nothing is left to do before `untilMs`, where the clock then stands. True: it was over. */
  run(untilMs: number, isOver: () => boolean = () => false): boolean {
    while (!isOver()) {
      const task = this.#next(untilMs)
      if (task === null) {
        this.nowMs = Math.max(this.nowMs, untilMs)
        return isOver()
      }
      task.lane.perform(task.run)
    }
    return true
  }

  #next(untilMs: number): Task | null {
    if (++this.#sinceTimeMoved > tasksWithoutTimeMax) throw new Error("G5: something runs for ever without letting time pass")
    if (this.#ready.length > 0) {
      const at = this.#ready.length > 1 && this.chance(1 / shuffledOneIn) ? this.below(this.#ready.length) : 0
      return this.#ready.splice(at, 1)[0]!
    }
    if (this.atStandstill()) return this.#next(untilMs)
    const soonest = this.#sleepers[0]
    if (soonest === undefined || soonest.atMs > untilMs) return null
    if (soonest.atMs > this.nowMs) {
      this.nowMs = soonest.atMs
      this.#sinceTimeMoved = 0
    }
    this.#drop()
    return soonest
  }

  #drop(): void {
    const heap = this.#sleepers
    const last = heap.pop()!
    if (heap.length === 0) return
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1
      if (!isBefore(heap[child]!, last)) break
      heap[index] = heap[child]!
      index = child
    }
    heap[index] = last
  }

  chance(probability: number): boolean {
    return this.dice.nextDoubleUnsafe() < probability
  }

  /** A whole number from 0 to `limit - 1`. */
  below(limit: number): number {
    return Math.floor(this.dice.nextDoubleUnsafe() * limit)
  }

  pick<A>(from: ReadonlyArray<A>): A {
    return from[this.below(from.length)]!
  }
}

const isBefore = (left: Sleeper, right: Sleeper): boolean =>
  left.atMs < right.atMs || (left.atMs === right.atMs && left.order < right.order)

export class Lane implements Scheduler.Scheduler, Clock.Clock {
  readonly executionMode = "async"
  readonly name: string
  readonly timeline: Timeline
  /** How far this process's clock is off. */
  skewMs: number
  #state: "running" | "paused" | "dead" = "running"
  #held: Array<() => void> = []

  constructor(timeline: Timeline, name: string, skewMs: number) {
    this.timeline = timeline
    this.name = name
    this.skewMs = skewMs
  }

  get isDead(): boolean {
    return this.#state === "dead"
  }

  pause(): void {
    if (this.#state === "running") this.#state = "paused"
  }

  unpause(): void {
    if (this.#state !== "paused") return
    this.#state = "running"
    const held = this.#held
    this.#held = []
    for (const run of held) this.post(run)
  }

  kill(): void {
    this.#state = "dead"
    this.#held = []
  }

  /** Something from outside this process: a packet that arrives. */
  post(run: () => void): void {
    this.timeline.ready({ lane: this, run })
  }

  perform(run: () => void): void {
    if (this.#state === "running") run()
    else if (this.#state === "paused") this.#held.push(run)
  }

  /** All that an effect needs to live in this lane; nobody hears what it logs. */
  get context(): Context.Context<never> {
    return Context.empty().pipe(
      Context.add(Scheduler.Scheduler, this),
      Context.add(Clock.Clock, this),
      Context.add(Random.Random, this.timeline.dice),
      Context.add(Logger.CurrentLoggers, new Set())
    )
  }

  fork<A, E>(effect: Effect.Effect<A, E>) {
    return Effect.runForkWith(this.context)(effect)
  }

  /** Runs an effect in another lane and brings its answer here, if there still is a here. Interrupting does not reach the other. */
  across<A, E>(lane: Lane, effect: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.callback<A, E>((resume) => {
      lane.post(() => {
        lane.fork(effect).addObserver((exit: Exit.Exit<A, E>) => this.post(() => resume(exit)))
      })
    })
  }

  shouldYield(fiber: Parameters<Scheduler.Scheduler["shouldYield"]>[0]): boolean {
    return fiber.currentOpCount >= fiber.cache.maxOpsBeforeYield
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return { scheduleTask: (task) => this.post(task), flush: () => {} }
  }

  currentTimeMillisUnsafe(): number {
    return this.timeline.nowMs + this.skewMs
  }
  currentTimeNanosUnsafe(): bigint {
    return BigInt(Math.floor(this.currentTimeMillisUnsafe())) * 1_000_000n
  }
  monotonicTimeNanosUnsafe(): bigint {
    return BigInt(Math.floor(this.timeline.nowMs)) * 1_000_000n
  }
  readonly currentTimeMillis = Effect.sync(() => this.currentTimeMillisUnsafe())
  readonly currentTimeNanos = Effect.sync(() => this.currentTimeNanosUnsafe())
  readonly monotonicTimeNanos = Effect.sync(() => this.monotonicTimeNanosUnsafe())

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    const delayMs = Duration.toMillis(duration)
    if (delayMs <= 0) return Effect.void
    return Effect.callback<void>((resume) => {
      let isAwake = false
      if (Number.isFinite(delayMs)) this.timeline.sleep(this, delayMs, () => isAwake || resume(Effect.void))
      return Effect.sync(() => {
        isAwake = true
      })
    })
  }
}
