/**
 * One home in memory: the session's supervisor, its actors, and the standing work that their states want.
 *
 * Actors come first and are permanent, standing work is transient and depends on them: rest_for_one. An actor that crashes too
 * often is quarantined in the journal with the event that did it, and says so from then on; standing work that does becomes a fact
 * for its actor.
 */
import { Clock, type Context, Effect, type Fiber, Schedule } from "effect"
import type { AnyMachineSnapshot } from "xstate"
import type { ActorDefinition, Standing, Voice } from "./actor.ts"
import { type Address, nameOf } from "./address.ts"
import type { Committer } from "./committer.ts"
import type { FeedHead } from "./feed.ts"
import { Feeds } from "./feeds.ts"
import { Inspector } from "./inspection.ts"
import { Journal } from "./journal.ts"
import { commitRetryMs } from "./limits.ts"
import { LiveActor } from "./live-actor.ts"
import type { Deliver } from "./outbox.ts"
import type { Pace } from "./pace.ts"
import { Quarantined, Unavailable, unavailable } from "./router.ts"
import type { Decision } from "./step.ts"
import { Supervisor } from "./supervisor.ts"
import { storable } from "./text.ts"
import type { ActorSight, Crash, HomeSight } from "./tree.ts"
import type { Turnstile } from "./turnstile.ts"

export type HostServices = Journal | Feeds | Committer

/** What all homes of a process share. */
export interface Household<R> {
  readonly services: Context.Context<HostServices | R>
  readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  readonly deliver: Deliver
  /** What actors decide, in turns. */
  readonly doors: Turnstile
  /** Of whatever crashed. */
  readonly restarts: Pace
  /** After each commit. */
  readonly onDecision: (decision: Decision, org: string) => void
  readonly inspect: (typeof Inspector)["Service"]
}

export class Host<R> {
  readonly org: string
  readonly home: string
  readonly #household: Household<R>
  readonly #supervisor: Supervisor
  readonly #actors = new Map<string, LiveActor<R>>()
  /** Standing work that crashed too often: not started again until its actor no longer wants it. */
  readonly #givenUp = new Map<string, Crash>()
  /** How often the router has looked it over since it was last used. */
  unusedLooks = 0

  constructor(household: Household<R>, org: string, home: string) {
    const { fork, inspect, restarts } = household
    this.org = org
    this.home = home
    this.#household = household
    this.#supervisor = new Supervisor({ home, strategy: "rest_for_one", fork, inspect, turnMs: () => restarts.next(org) })
  }

  get isIdle(): boolean {
    for (const actor of this.#actors.values()) if (!actor.isIdle) return false
    return true
  }

  /** Nothing stands beside its actors, so it can leave memory. */
  get isBare(): boolean {
    for (const id of this.#supervisor.ids()) if (!this.#actors.has(id)) return false
    return true
  }

  /** Something stands beside the actor, or was given up. */
  stands(actor: { readonly kind: string; readonly id: string }): boolean {
    const prefix = `${nameOf(actor)}#`
    return [...this.#supervisor.ids(), ...this.#givenUp.keys()].some((id) => id.startsWith(prefix))
  }

  sight(nowMs: number): HomeSight {
    const actors = [...this.#actors].flatMap(([name, actor]): ReadonlyArray<ActorSight> => {
      const child = this.#supervisor.sight(name, nowMs)
      if (child === null) return []
      const prefix = `${name}#`
      const beside = (ids: Iterable<string>) => [...ids].filter((id) => id.startsWith(prefix))
      const { kind, id } = actor.address
      return [
        {
          kind,
          id,
          ...child,
          waiting: actor.waiting,
          handling: actor.current?.event.type ?? null,
          standing: beside(this.#supervisor.ids()).map((full) => ({
            id: full.slice(prefix.length),
            ...this.#supervisor.sight(full, nowMs)!
          })),
          givenUp: beside(this.#givenUp.keys()).map((full) => ({ id: full.slice(prefix.length), ...this.#givenUp.get(full)! }))
        }
      ]
    })
    return { home: this.home, strategy: "rest_for_one", actorsTotal: actors.length, actors }
  }

  doubt(actor: { readonly kind: string; readonly id: string }): void {
    this.#actors.get(nameOf(actor))?.doubt()
  }

  actor(definition: ActorDefinition<R>, address: Address): LiveActor<R> {
    const name = nameOf(address)
    const hosted = this.#actors.get(name)
    if (hosted !== undefined) return hosted
    const actor: LiveActor<R> = new LiveActor(definition, address, this.#household.doors, (snapshot, decision) =>
      this.#settled(definition, actor, snapshot, decision)
    )
    this.#actors.set(name, actor)
    this.#supervisor.start({
      id: name,
      restart: "permanent",
      run: actor.run.pipe(Effect.provideContext(this.#household.services)),
      onGivenUp: (reason) => this.#quarantine(actor, reason)
    })
    return actor
  }

  /** Lets what is being handled commit; what waits is told to ask again. */
  stop(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const why = new Unavailable({ reason: "draining", message: "the actor is leaving this host's memory; try again" })
      for (const actor of this.#actors.values()) actor.close(why)
      return this.#supervisor.stopAll()
    })
  }

  #settled(definition: ActorDefinition<R>, actor: LiveActor<R>, snapshot: AnyMachineSnapshot, decision: Decision | null): void {
    if (decision !== null) this.#household.onDecision(decision, this.org)
    const all = definition.standing(snapshot)
    if (all.length === 0 && this.isBare && this.#givenUp.size === 0) return
    const prefix = `${nameOf(actor.address)}#`
    const wanted = new Map(all.map((standing) => [prefix + standing.id, standing]))
    for (const id of [...this.#supervisor.ids()])
      if (id.startsWith(prefix) && !wanted.has(id)) this.#household.fork(this.#supervisor.stop(id))
    for (const id of this.#givenUp.keys()) if (id.startsWith(prefix) && !wanted.has(id)) this.#givenUp.delete(id)
    for (const [id, standing] of wanted) if (!this.#givenUp.has(id)) this.#stand(definition, actor, id, standing)
  }

  #stand(definition: ActorDefinition<R>, actor: LiveActor<R>, id: string, standing: Standing): void {
    const activity = definition.activities[standing.name]
    if (activity === undefined) throw new Error(`${definition.kind} has no activity ${standing.name}`)
    this.#supervisor.start({
      id,
      restart: "transient",
      run: Effect.suspend(() => activity(standing.params, this.#voice(actor))).pipe(
        Effect.provideContext(this.#household.services)
      ),
      onGivenUp: (reason) =>
        Effect.gen({ self: this }, function* () {
          const now = yield* Clock.currentTimeMillis
          this.#givenUp.set(id, { reason, atMs: now })
          yield* this.#voice(actor).tell(`crashed:${standing.id}:${now}`, definition.crashed(standing, reason))
        })
    })
  }

  #voice({ address }: LiveActor<R>): Voice {
    const home = { org: address.org, id: address.home }
    const feeds = <A>(use: (feeds: Feeds["Service"]) => Effect.Effect<A>) =>
      Feeds.use(use).pipe(Effect.provideContext(this.#household.services))
    const waitOut = { while: () => true, schedule: Schedule.spaced(commitRetryMs) }
    return {
      address,
      tell: (messageId, fact) =>
        this.#household
          .deliver(address, { id: messageId, event: fact, by: null })
          .pipe(
            Effect.retry({ while: ({ _tag }) => _tag === "Unavailable", schedule: Schedule.spaced(commitRetryMs) }),
            Effect.asVoid,
            Effect.orDie
          ),
      publish: (events) => feeds((service) => service.publish(home, events)),
      head: feeds((service) => service.head(home).pipe(Effect.retry(waitOut), Effect.orDie)) as Effect.Effect<FeedHead>
    }
  }

  /** Recorded first, then said. Who asks waits for it; while the journal does not answer, they are told to ask again. */
  #quarantine(actor: LiveActor<R>, reason: string): Effect.Effect<void> {
    // It may be what could not be stored.
    const event = storable(actor.current?.event ?? null)
    const name = nameOf(actor.address)
    return Effect.gen({ self: this }, function* () {
      for (const id of [...this.#supervisor.ids()]) if (id.startsWith(`${name}#`)) yield* this.#supervisor.stop(id)
      for (const id of this.#givenUp.keys()) if (id.startsWith(`${name}#`)) this.#givenUp.delete(id)
      const journal = yield* Journal
      yield* journal.quarantine(actor.address, { reason, event }).pipe(
        Effect.tapError((error) => Effect.sync(() => actor.close(unavailable(error)))),
        Effect.retry({ while: () => true, schedule: Schedule.spaced(commitRetryMs) }),
        Effect.orDie
      )
      actor.close(new Quarantined({ reason }))
      // From here on the journal says so, until somebody releases it, here or elsewhere.
      if (this.#actors.get(name) === actor) this.#actors.delete(name)
      const inspect = yield* Inspector
      inspect({ type: "actor.quarantined", address: actor.address, reason })
    }).pipe(Effect.provideContext(this.#household.services))
  }
}
