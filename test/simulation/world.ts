/**
 * The provider's world: sandboxes with their disks, snapshots, and what can befall them. It keeps the promises of
 * actors/ports/sandboxes.ts: one sandbox per key, also when asked twice at once, and never again once it was destroyed.
 */
import { Effect } from "effect"
import type { DaemonEvent } from "../../actors/ports/daemon.ts"
import type { DaemonError } from "../../actors/ports/daemons.ts"
import { SandboxError } from "../../actors/ports/sandboxes.ts"
import type { Lane } from "../support/timeline.ts"
import { Daemon, noAnswer } from "./daemon.ts"
import type { Weather } from "./weather.ts"

export interface Sandbox {
  readonly sandboxId: string
  readonly key: string
  readonly org: string
  readonly sessionId: string
  readonly work: Set<string>
  state: "running" | "stopped" | "gone"
  daemon: Daemon | null
  /** It runs, and nothing reaches it: a paused machine, a cut network. */
  unreachableUntilMs: number
  /** Null: it lives until it is destroyed. */
  endsAtMs: number | null
}

interface Snapshot {
  readonly snapshotId: string
  readonly provider: string
  readonly key: string
  readonly work: ReadonlySet<string>
  readonly stopped: boolean
  isDiscarded: boolean
}

const failure = (reason: SandboxError["reason"], message: string) => new SandboxError({ reason, provider: "simulated", message })
const bootPollMs = 100
/** One wrong answer is a slip; more of them are an outage, and have a story of their own. */
const denialsApartMs = 120_000
/** No more than would hold the loop that finds them. */
export const unaskedMax = 3

export class World {
  readonly lane: Lane
  readonly weather: Weather
  readonly sandboxes = new Map<string, Sandbox>()
  readonly snapshots = new Map<string, Snapshot>()
  /** Whether taking a snapshot stops the sandbox it is taken of. */
  captureStops = false
  /** Whose sandboxes the nodes that start from now on have. */
  provider = "simulated"
  bootMs: readonly [leastMs: number, mostMs: number] = [500, 6_000]
  onForgotten: (sandboxId: string, daemonId: string, event: DaemonEvent) => void = () => {}
  /** It says of every sandbox that there is none: asked in the wrong place, with the wrong key, or out of order. */
  deniesAll = false
  /** Sandboxes whose streams say nothing any more, not even that they broke. */
  readonly muted = new Set<string>()
  /** Sandboxes that nobody asked for, or whose end their provider forgot: only looking finds them. */
  readonly unasked = new Set<string>()
  readonly #deniedAtMs = new Map<string, number>()
  readonly #refused = new Map<string, SandboxError>()
  #ids = 0

  constructor(lane: Lane, weather: Weather) {
    this.lane = lane
    this.weather = weather
  }

  readonly newId = (prefix: string): string => `${prefix}_${++this.#ids}`

  get alive(): ReadonlyArray<Sandbox> {
    return [...this.sandboxes.values()].filter(({ state }) => state !== "gone")
  }

  #sandbox(sandboxId: string): Sandbox | SandboxError {
    const sandbox = this.sandboxes.get(sandboxId)
    return sandbox === undefined || sandbox.state === "gone" ? failure("not-found", `there is no sandbox ${sandboxId}`) : sandbox
  }

  /** A key that was refused stays refused, should the request arrive again. */
  #refuse(key: string, reason: SandboxError["reason"], message: string): SandboxError {
    const refused = failure(reason, message)
    this.#refused.set(key, refused)
    return refused
  }

  /** Boots its daemon, unless one runs; returns when it answers. */
  #start(sandbox: Sandbox): Effect.Effect<void, SandboxError> {
    return Effect.gen({ self: this }, function* () {
      if (sandbox.state === "stopped" || sandbox.daemon === null) {
        sandbox.state = "running"
        yield* this.weather.pass(...(this.weather.strikes("provider.slow") ? ([100_000, 400_000] as const) : this.bootMs))
        if (sandbox.state === "running" && sandbox.daemon === null) this.#startDaemon(sandbox)
      }
      while (sandbox.state === "running" && sandbox.daemon === null) yield* Effect.sleep(bootPollMs)
      if (sandbox.state !== "running") return yield* failure("unreachable", `${sandbox.sandboxId} stopped while it started`)
    })
  }

  #startDaemon(sandbox: Sandbox): void {
    const { lane, weather, newId } = this
    sandbox.daemon = new Daemon({
      lane,
      weather,
      newId,
      work: sandbox.work,
      onForgotten: (daemonId, event) => this.onForgotten(sandbox.sandboxId, daemonId, event)
    })
  }

  provision(request: {
    readonly key: string
    readonly org: string
    readonly sessionId: string
    readonly snapshotId: string | null
  }) {
    return Effect.gen({ self: this }, function* () {
      const { key, org, sessionId, snapshotId } = request
      let sandbox = [...this.sandboxes.values()].find((made) => made.key === key)
      if (sandbox?.state === "gone") return yield* failure("rejected", `what was made under ${key} was destroyed`)
      if (sandbox === undefined) {
        const refused = this.#refused.get(key)
        if (refused !== undefined) return yield* refused
        const snapshot = snapshotId === null ? null : this.snapshots.get(snapshotId)
        if (this.weather.strikes("provider.rejects")) return yield* this.#refuse(key, "rejected", "this provider will not")
        if (this.weather.strikes("provider.quota")) return yield* this.#refuse(key, "quota", "no room")
        if (snapshot === undefined || snapshot?.isDiscarded || (snapshot !== null && snapshot.provider !== this.provider))
          return yield* this.#refuse(key, "rejected", `there is no snapshot ${snapshotId}`)
        const sandboxId = this.newId("sbx")
        const work = new Set(snapshot?.work)
        sandbox = { sandboxId, key, org, sessionId, work, state: "running", daemon: null, unreachableUntilMs: 0, endsAtMs: null }
        this.sandboxes.set(sandboxId, sandbox)
      }
      yield* this.#start(sandbox)
      return { sandboxId: sandbox.sandboxId }
    })
  }

  revive(sandboxId: string) {
    return Effect.gen({ self: this }, function* () {
      const sandbox = yield* orFail(this.#sandbox(sandboxId))
      const stateLost = sandbox.state === "stopped"
      yield* this.#start(sandbox)
      return { stateLost }
    })
  }

  /** One that says that it belongs to a session, which knows nothing of it. */
  appear(org: string, sessionId: string): string {
    const sandboxId = this.newId("sbx")
    const made = { sandboxId, key: `session:${sessionId}:0:${sandboxId}`, org, sessionId, work: new Set<string>() }
    this.sandboxes.set(sandboxId, { ...made, state: "running", daemon: null, unreachableUntilMs: 0, endsAtMs: null })
    this.unasked.add(sandboxId)
    return sandboxId
  }

  /** Whether it says of this one, wrongly, that there is none: once, and not soon again. */
  denies(sandboxId: string): boolean {
    const { nowMs } = this.lane.timeline
    if (nowMs - (this.#deniedAtMs.get(sandboxId) ?? 0) < denialsApartMs || !this.weather.strikes("provider.denies")) return false
    this.#deniedAtMs.set(sandboxId, nowMs)
    return true
  }

  /** What should have been destroyed, or told of, and is still there. */
  overlook(sandboxId: string): void {
    if (this.#mayOverlook) this.unasked.add(sandboxId)
    else this.destroy(sandboxId)
  }

  get #mayOverlook(): boolean {
    return this.alive.filter((sandbox) => this.unasked.has(sandbox.sandboxId)).length < unaskedMax
  }

  /** Whose name is told next instead of what was made. */
  nextName: string | null = null

  /** The name under which it is told of what it made. */
  named(sandboxId: string): string {
    const told = this.nextName
    this.nextName = null
    if (told !== null) this.unasked.add(sandboxId)
    if (told !== null) return told
    if (!this.#mayOverlook || !this.weather.strikes("provider.wrong-id")) return sandboxId
    this.unasked.add(sandboxId)
    const gone = [...this.sandboxes.values()].filter(({ state }) => state === "gone")
    return this.weather.either(this.newId("nowhere"), ...gone.map((sandbox) => sandbox.sandboxId))
  }

  get listed(): ReadonlyArray<Sandbox> {
    if (this.deniesAll) return []
    return this.alive.filter(({ sandboxId }) => {
      if (!this.#mayOverlook || !this.denies(sandboxId)) return true
      this.unasked.add(sandboxId)
      return false
    })
  }

  status(sandboxId: string): "running" | "stopped" | "gone" {
    if (this.deniesAll) return "gone"
    return this.sandboxes.get(sandboxId)?.state ?? "gone"
  }

  extend(sandboxId: string): Effect.Effect<number | null, SandboxError> {
    return Effect.map(orFail(this.#sandbox(sandboxId)), ({ endsAtMs }) =>
      endsAtMs === null ? null : Math.max(0, endsAtMs - this.lane.timeline.nowMs)
    )
  }

  capture(sandboxId: string, key: string) {
    return Effect.gen({ self: this }, function* () {
      const known = () => [...this.snapshots.values()].find((snapshot) => snapshot.key === key)
      if (known() === undefined) {
        yield* orFail(this.#sandbox(sandboxId))
        yield* this.weather.pass(500, 8_000)
      }
      const sandbox = this.sandboxes.get(sandboxId)!
      const snapshot = known() ?? {
        snapshotId: this.newId("snp"),
        provider: this.provider,
        key,
        work: new Set(sandbox.work),
        stopped: this.captureStops,
        isDiscarded: false
      }
      if (!this.snapshots.has(snapshot.snapshotId)) {
        if (sandbox.state === "gone") return yield* failure("not-found", `there is no sandbox ${sandboxId}`)
        if (this.captureStops) this.stop(sandboxId)
        this.snapshots.set(snapshot.snapshotId, snapshot)
      }
      return { snapshotId: snapshot.snapshotId, stopped: snapshot.stopped }
    })
  }

  destroy(sandboxId: string): void {
    const sandbox = this.sandboxes.get(sandboxId)
    if (sandbox === undefined) return
    this.stop(sandboxId)
    sandbox.state = "gone"
  }

  discard(snapshotId: string): void {
    const snapshot = this.snapshots.get(snapshotId)
    if (snapshot !== undefined) snapshot.isDiscarded = true
  }

  /** Its processes end, its disk stays. */
  stop(sandboxId: string): void {
    const sandbox = this.sandboxes.get(sandboxId)!
    sandbox.daemon?.kill()
    sandbox.daemon = null
    if (sandbox.state === "running") sandbox.state = "stopped"
  }

  /** Its daemon dies, and something in the sandbox may start another. */
  restartDaemon(sandboxId: string, comesBack: boolean): void {
    const sandbox = this.sandboxes.get(sandboxId)!
    if (sandbox.daemon === null) return
    sandbox.daemon.kill()
    sandbox.daemon = null
    if (!comesBack) return
    this.lane.fork(
      Effect.andThen(
        this.weather.pass(200, 5_000),
        Effect.sync(() => {
          if (sandbox.state === "running" && sandbox.daemon === null) this.#startDaemon(sandbox)
        })
      )
    )
  }

  isReachable({ unreachableUntilMs }: Sandbox): boolean {
    return unreachableUntilMs <= this.lane.timeline.nowMs
  }

  /** The daemon of a running sandbox, as far as it can be reached. */
  daemon(sandboxId: string): Effect.Effect<Daemon, DaemonError> {
    return Effect.suspend(() => {
      const sandbox = this.sandboxes.get(sandboxId)
      return sandbox?.daemon == null || !this.isReachable(sandbox)
        ? noAnswer(`the daemon of ${sandboxId} does not answer`)
        : Effect.succeed(sandbox.daemon)
    })
  }
}

const orFail = <A extends object>(answer: A | SandboxError) =>
  Effect.suspend(() =>
    answer instanceof SandboxError ? Effect.fail(answer) : Effect.succeed(answer as Exclude<A, SandboxError>)
  )
