/**
 * A node of the simulation: the real router with its actors, committer, feeds, outbox and timers, in a lane of its own, on the one
 * journal and the one feed store that all nodes share. What it sends to them goes over a wire, and weather is on it.
 */
import { type Context, Effect, Fiber, Layer } from "effect"
import type { SealedArguments } from "../../actors/arguments.ts"
import { type ActorHands, actorKinds } from "../../actors/kinds.ts"
import { Mail } from "../../actors/mail.ts"
import type { Grants } from "../../actors/ports/grants.ts"
import type { Rules } from "../../actors/ports/rules.ts"
import { sessionReconcilers } from "../../actors/reconcilers.ts"
import type { Disturbance } from "../../adapters/memory/disturbance.ts"
import type { Disturb } from "../../adapters/memory/journal.ts"
import type { ActorDefinition } from "../../runtime/actor.ts"
import type { Address } from "../../runtime/address.ts"
import { Committer } from "../../runtime/committer.ts"
import { Coordination } from "../../runtime/coordination.ts"
import { FeedStore } from "../../runtime/feed.ts"
import type { Feeds } from "../../runtime/feeds.ts"
import { type Inspection, Inspector } from "../../runtime/inspection.ts"
import { Journal, type Step, stepsOf, type Transition } from "../../runtime/journal.ts"
import type { Table } from "../../runtime/local-coordination.ts"
import { localFeeds } from "../../runtime/local-feeds.ts"
import { localRouter } from "../../runtime/local-router.ts"
import { Oversight } from "../../runtime/oversight.ts"
import { Reconcile } from "../../runtime/reconcile.ts"
import { runtimeReconcilers } from "../../runtime/reconcilers.ts"
import { type Answer, type AskError, type Message, Router, Unavailable } from "../../runtime/router.ts"
import type { Lane, Timeline } from "../support/timeline.ts"
import { callServices } from "./call-wires.ts"
import { coordinationOver } from "./coordination.ts"
import type { Laws } from "./laws.ts"
import type { Network } from "./network.ts"
import type { Service } from "./service.ts"
import type { Stores } from "./stores.ts"
import type { Weather } from "./weather.ts"
import { worldContext } from "./wires.ts"
import type { World } from "./world.ts"

type Services = Router | Feeds | Reconcile | SealedArguments | Grants | Rules

const lost = new Unavailable({ reason: "draining", message: "the connection to the node was lost" })

/** Commands that must not be given up: what they leave behind is nobody's. */
const mustEnd = new Set(
  "provisionSandbox captureSnapshot destroySandbox discardSnapshot endApprovals wipe tellSession".split(" ")
)

/** Of a statement that commits: nothing of it is written yet, or all of it is and nobody was told. */
export type Edge = "before-commit" | "after-commit"

/** What a node runs in, and who watches it. */
export interface Surroundings {
  readonly timeline: Timeline
  readonly weather: Weather
  readonly world: World
  readonly service: Service
  readonly stores: Stores
  /** What the nodes tell each other over a server that is no truth. */
  readonly table: Table
  readonly network: Network
  readonly laws: Laws
  /** What the journal takes in no batch. */
  readonly isPoison: (step: Step & { readonly address: Address }) => boolean
  /** Whether a node that has come to this edge of a commit dies there. */
  readonly isEndedAt: (edge: Edge) => boolean
  readonly committed: (node: Node, batch: ReadonlyArray<Transition>) => void
  readonly inspected: (node: Node, inspection: Inspection) => void
  readonly died: (node: Node) => void
}

export class Node {
  /** Counts the nodes of a simulation, in the order of their starts. */
  readonly number: number
  readonly lane: Lane
  readonly #around: Surroundings
  /** The other ends of what clients wait for: told when the node dies. */
  readonly #calls = new Set<() => void>()
  #services: Context.Context<Services> | null = null
  #local: Router["Service"] | null = null
  #fiber: Fiber.Fiber<unknown>

  constructor(around: Surroundings, number: number, skewMs: number) {
    this.number = number
    this.#around = around
    this.lane = around.timeline.lane(this.name, skewMs)
    this.#fiber = this.lane.fork(
      Effect.gen({ self: this }, function* () {
        this.#services = yield* Layer.build(this.#layer)
        yield* Effect.never
      }).pipe(Effect.scoped)
    )
  }

  get name(): string {
    return `n${this.number}`
  }

  get #layer(): Layer.Layer<Services> {
    const stores = Layer.mergeAll(
      Layer.succeed(Journal, this.#journal),
      Layer.succeed(FeedStore, this.#feedStore),
      Layer.succeed(Oversight, this.#oversight),
      Layer.succeed(Coordination, coordinationOver(this.lane, this.#around)),
      Layer.succeed(Inspector, (inspection: Inspection) => this.#around.inspected(this, inspection)),
      Layer.succeedContext(worldContext(this.lane, this.#around.world))
    )
    const hands = Layer.provideMerge(callServices(this.lane, this.#around), stores)
    const carriers = Layer.mergeAll(Committer.layer, localFeeds).pipe(Layer.provideMerge(hands))
    const router = Layer.effect(
      Router,
      Effect.map(Router, (local) => {
        this.#local = local
        return this.#around.network.routerOf(this, local)
      })
    ).pipe(Layer.provide(localRouter(this.#definitions)))
    const reconcilers = Effect.all([runtimeReconcilers, sessionReconcilers])
    const bound = Layer.provideMerge(Mail.bound, router)
    return Reconcile.layer(Effect.map(reconcilers, (both) => both.flat())).pipe(
      Layer.provideMerge(bound),
      Layer.provideMerge(carriers)
    )
  }

  /** The actors as they are, each hand watched and now and then made to crash. */
  get #definitions(): ReadonlyArray<ActorDefinition<ActorHands>> {
    return actorKinds.map((definition) => this.#watched(definition))
  }

  #watched(definition: ActorDefinition<ActorHands>): ActorDefinition<ActorHands> {
    const { laws, weather } = this.#around
    const commands = Object.entries(definition.commands).map(([name, hand]) => {
      const watched: typeof hand = (params, key, address) =>
        Effect.suspend(() => {
          laws.runs(name, key, params)
          if (weather.strikesSeldom("hand.crashes", key, mustEnd.has(name) ? 2 : 8))
            return Effect.die(new Error(`${name} was struck`))
          return hand(params, key, address)
        })
      return [name, watched] as const
    })
    return { ...definition, commands: Object.fromEntries(commands) }
  }

  get #journal(): Journal["Service"] {
    const { weather, world, stores } = this.#around
    /** Messages that cannot be stored for so many more times; with 6 of them within a minute their actor is set aside. */
    const struck = new Map<string, number>()
    const isRefused = (batch: ReadonlyArray<Transition>): boolean => {
      const steps = batch.flatMap((transition) =>
        stepsOf(transition).map(([, step]) => ({ ...step, address: transition.address }))
      )
      for (const { messageId } of steps)
        if (weather.strikesSeldom("journal.refused", messageId, 1)) struck.set(messageId, weather.between(1, 8))
      const isBad = steps.some((step) => struck.has(step.messageId) || this.#around.isPoison(step))
      const [alone] = steps.length === 1 ? steps : []
      const left = struck.get(alone?.messageId ?? "") ?? 0
      if (alone !== undefined && left > 1 && !weather.isCalm) struck.set(alone.messageId, left - 1)
      else if (alone !== undefined) struck.delete(alone.messageId)
      return isBad
    }
    const disturb: Disturb = (operation, batch) =>
      Effect.gen({ self: this }, function* (): Generator<Effect.Effect<void>, Disturbance | null> {
        yield* weather.pass(0, 3)
        if (weather.strikes("journal.slow")) yield* weather.pass(100, 5_000)
        if (weather.isOut("journal") || weather.strikes("journal.unavailable")) return "unavailable"
        if (operation === "commit") {
          if (isRefused(batch)) return "refused"
          if (this.#around.isEndedAt("before-commit")) {
            this.kill()
            return "unavailable"
          }
        }
        return weather.strikes("journal.unknown") ? weather.either("questionLost", "answerLost") : null
      })
    const journal = stores.journal(disturb)
    const committing = (batch: ReadonlyArray<Transition>) =>
      journal.commit(batch).pipe(
        Effect.onExit(() => Effect.sync(() => this.#around.committed(this, batch))),
        Effect.tap(() => Effect.sync(() => this.#around.isEndedAt("after-commit") && this.kill()))
      )
    const over = <A, E>(request: Effect.Effect<A, E>) => this.lane.across(world.lane, request)
    return {
      commit: (batch) => over(committing(batch)),
      load: (...args) => over(journal.load(...args)),
      seen: (...args) => over(journal.seen(...args)),
      history: (...args) => over(journal.history(...args)),
      find: (...args) => over(journal.find(...args)),
      residents: (...args) => over(journal.residents(...args)),
      claim: (...args) => over(journal.claim(...args)),
      reclaim: over(journal.reclaim),
      renew: (...args) => over(journal.renew(...args)),
      complete: (...args) => over(journal.complete(...args)),
      retry: (...args) => over(journal.retry(...args)),
      bury: (...args) => over(journal.bury(...args)),
      dueTimers: (...args) => over(journal.dueTimers(...args)),
      quarantine: (...args) => over(journal.quarantine(...args)),
      release: (...args) => over(journal.release(...args))
    }
  }

  get #oversight(): Oversight["Service"] {
    const { weather, world, stores } = this.#around
    const isOut = Effect.andThen(
      weather.pass(0, 3),
      Effect.sync(() => weather.isOut("journal") || weather.strikes("journal.unavailable"))
    )
    const oversight = stores.oversight(isOut)
    const over = <A, E>(request: Effect.Effect<A, E>) => this.lane.across(world.lane, request)
    return {
      standing: (...args) => over(oversight.standing(...args)),
      quarantined: (...args) => over(oversight.quarantined(...args)),
      stuck: (...args) => over(oversight.stuck(...args)),
      dead: (...args) => over(oversight.dead(...args)),
      commandsOf: (...args) => over(oversight.commandsOf(...args)),
      commands: (...args) => over(oversight.commands(...args)),
      buried: (...args) => over(oversight.buried(...args)),
      exhume: (...args) => over(oversight.exhume(...args)),
      seize: (...args) => over(oversight.seize(...args)),
      pause: (...args) => over(oversight.pause(...args)),
      resume: (...args) => over(oversight.resume(...args)),
      pauses: (...args) => over(oversight.pauses(...args)),
      note: (...args) => over(oversight.note(...args)),
      notes: (...args) => over(oversight.notes(...args))
    }
  }

  get #feedStore(): FeedStore["Service"] {
    const { weather, world, stores } = this.#around
    const store = stores.feed(() =>
      Effect.gen(function* (): Generator<Effect.Effect<void>, Disturbance | null> {
        yield* weather.pass(0, 3)
        if (weather.isOut("feed") || weather.strikes("feed.unavailable")) return "unavailable"
        return weather.strikes("feed.lost") ? weather.either("questionLost", "answerLost") : null
      })
    )
    const over = <A, E>(request: Effect.Effect<A, E>) => this.lane.across(world.lane, request)
    return {
      head: (...args) => over(store.head(...args)),
      append: (...args) => over(store.append(...args)),
      read: (...args) => over(store.read(...args)),
      trim: (...args) => over(store.trim(...args))
    }
  }

  get isUp(): boolean {
    return !this.lane.isDead && this.#services !== null
  }

  ask(address: Address, message: Message): Effect.Effect<Answer, AskError> {
    return this.call(Router.use((router) => router.ask(address, message)))
  }

  /** What another node asks of this one. */
  readonly serve = <A, E>(request: (local: Router["Service"]) => Effect.Effect<A, E>): Effect.Effect<A, E | Unavailable> =>
    this.call(Effect.suspend(() => request(this.#local!)))

  /** As a client does: what it waits for fails when the node dies. */
  call<A, E>(request: Effect.Effect<A, E, Services>): Effect.Effect<A, E | Unavailable> {
    const { lane } = this.#around.world
    return Effect.callback<A, E | Unavailable>((resume) => {
      const services = this.#services
      if (services === null || this.lane.isDead) return resume(Effect.fail(lost))
      const hangUp = () => resume(Effect.fail(lost))
      this.#calls.add(hangUp)
      const fiber = { current: null as Fiber.Fiber<A, E> | null }
      this.lane.post(() => {
        fiber.current = this.lane.fork(Effect.provideContext(request, services))
        fiber.current.addObserver((exit) =>
          lane.post(() => {
            this.#calls.delete(hangUp)
            resume(exit)
          })
        )
      })
      return Effect.sync(() => {
        this.#calls.delete(hangUp)
        this.lane.post(() => fiber.current?.interruptUnsafe())
      })
    })
  }

  kill(): void {
    if (this.lane.isDead) return
    this.lane.kill()
    this.#around.died(this)
    for (const hangUp of this.#calls) this.#around.world.lane.post(hangUp)
    this.#calls.clear()
  }

  /** As on Ctrl-C: it drains. */
  stop(): Effect.Effect<void> {
    return this.#around.world.lane
      .across(this.lane, Effect.asVoid(Fiber.interrupt(this.#fiber)))
      .pipe(Effect.andThen(Effect.sync(() => this.kill())))
  }
}
