/**
 * Processes that host actors, in simulated time, on one journal and one feed store in memory: a test asks, lets time pass, kills
 * and starts again, and looks at what is stored and at what the runtime reported.
 */
import { Cause, type Context, Effect, Exit, type Fiber, Layer } from "effect"
import { type DisturbFeed, type FeedState, memoryFeed } from "../../adapters/memory/feed.ts"
import { type Disturb, memoryJournal } from "../../adapters/memory/journal.ts"
import { emptyJournal, type JournalState } from "../../adapters/memory/journal-state.ts"
import type { ActorDefinition } from "../../runtime/actor.ts"
import { type Address, nameOf } from "../../runtime/address.ts"
import { Committer } from "../../runtime/committer.ts"
import { FeedStore, type StoredFeedEvent } from "../../runtime/feed.ts"
import type { Feeds } from "../../runtime/feeds.ts"
import { type Inspection, Inspector } from "../../runtime/inspection.ts"
import { Journal, type JournalRow } from "../../runtime/journal.ts"
import * as LocalCoordination from "../../runtime/local-coordination.ts"
import { localFeeds } from "../../runtime/local-feeds.ts"
import { localRouter } from "../../runtime/local-router.ts"
import { type Answer, Router } from "../../runtime/router.ts"
import { type Lane, Timeline } from "./timeline.ts"

export type Runtime = Router | Feeds | Journal | FeedStore | Committer

const limitMs = 120_000

/** What all processes share. */
export class Place {
  readonly timeline = new Timeline("a test")
  readonly journal: JournalState = emptyJournal()
  readonly feeds: FeedState = new Map()
  /** What befalls calls to the journal and the feed store. */
  disturb: Disturb = () => Effect.succeed(null)
  disturbFeed: DisturbFeed = () => Effect.succeed(null)
  /** Calls that the journal and the feed store had, by operation. */
  readonly calls = new Map<string, number>()
  asked = 0
  #processes = 0

  /** Starts a process. */
  host(...definitions: ReadonlyArray<ActorDefinition>): Hosting {
    return new Hosting(this, this.timeline.lane(`process ${++this.#processes}`), definitions)
  }

  callsOf(operation: string): number {
    return this.calls.get(operation) ?? 0
  }

  advance(ms: number): void {
    this.timeline.run(this.timeline.nowMs + ms)
  }

  until(condition: () => boolean, what: string): void {
    if (!this.timeline.run(this.timeline.nowMs + limitMs, condition)) throw new Error(`not within ${limitMs} ms: ${what}`)
  }

  /** Makes every claim void, as a process does at its start that knows it is the only one. */
  reclaim(): void {
    for (const command of this.journal.commands.values()) command.claimedUntilMs = 0
  }

  rows(address: Address): ReadonlyArray<JournalRow> {
    return (this.journal.actors.get(nameOf(address))?.journal ?? []).map((row) => JSON.parse(row))
  }

  events(address: Address): ReadonlyArray<string> {
    return this.rows(address).map(({ event }) => (event as { readonly type: string }).type)
  }

  status(address: Address): string | undefined {
    return this.journal.actors.get(nameOf(address))?.stored.status
  }

  feed({ org, home }: Address): ReadonlyArray<StoredFeedEvent> {
    return (this.feeds.get(`${org}/${home}`)?.events ?? []).map((event) => JSON.parse(event))
  }
}

/** One process. */
export class Hosting {
  readonly place: Place
  readonly lane: Lane
  readonly inspections: Array<Inspection> = []
  #services: Context.Context<Runtime> | null = null
  readonly #program: Fiber.Fiber<unknown>

  constructor(place: Place, lane: Lane, definitions: ReadonlyArray<ActorDefinition>) {
    this.place = place
    this.lane = lane
    const stores = Layer.mergeAll(
      Layer.succeed(
        Journal,
        memoryJournal(place.journal, (operation, batch) => {
          place.calls.set(operation, place.callsOf(operation) + 1)
          return place.disturb(operation, batch)
        })
      ),
      Layer.succeed(
        FeedStore,
        memoryFeed(place.feeds, (operation) => {
          place.calls.set(operation, place.callsOf(operation) + 1)
          return place.disturbFeed(operation)
        })
      ),
      Layer.succeed(Inspector, (inspection: Inspection) => void this.inspections.push(inspection))
    )
    const carriers = Layer.mergeAll(Committer.layer, localFeeds).pipe(
      Layer.provide(LocalCoordination.layer),
      Layer.provideMerge(stores)
    )
    this.#program = lane.fork(
      Effect.gen({ self: this }, function* () {
        this.#services = yield* Layer.build(localRouter(definitions).pipe(Layer.provideMerge(carriers)))
        yield* Effect.never
      }).pipe(Effect.scoped)
    )
    place.until(() => this.#services !== null, "the process starts")
  }

  fork<A, E>(effect: Effect.Effect<A, E, Runtime>): Fiber.Fiber<A, E> {
    return this.lane.fork(Effect.provideContext(effect, this.#services!))
  }

  exit<A, E>(effect: Effect.Effect<A, E, Runtime>): Exit.Exit<A, E> {
    const fiber = this.fork(effect)
    this.place.until(() => fiber.pollUnsafe() !== undefined, "the effect ends")
    return fiber.pollUnsafe()!
  }

  run<A, E>(effect: Effect.Effect<A, E, Runtime>): A {
    const exit = this.exit(effect)
    if (Exit.isSuccess(exit)) return exit.value
    throw Cause.squash(exit.cause)
  }

  asking(address: Address, event: { readonly type: string } & Record<string, unknown>, id = `request ${++this.place.asked}`) {
    return Router.use((router) => router.ask(address, { id, event, by: "usr_1" }))
  }

  ask(address: Address, event: string | ({ readonly type: string } & Record<string, unknown>), id?: string): Answer {
    return this.run(this.asking(address, typeof event === "string" ? { type: event } : event, id))
  }

  /** The error of what must fail. */
  refusal<A, E>(effect: Effect.Effect<A, E, Runtime>): E {
    return this.run(Effect.flip(effect) as Effect.Effect<E, never, Runtime>)
  }

  of<Type extends Inspection["type"]>(type: Type): ReadonlyArray<Extract<Inspection, { readonly type: Type }>> {
    return this.inspections.filter(
      (inspection): inspection is Extract<Inspection, { readonly type: Type }> => inspection.type === type
    )
  }

  /** `kill -9`. */
  kill(): void {
    this.lane.kill()
  }

  /** Ctrl-C. */
  stop(): void {
    const ended = this.lane.fork(Effect.asVoid(Effect.suspend(() => interrupted(this.#program))))
    this.place.until(() => ended.pollUnsafe() !== undefined, "the process drains")
    this.kill()
  }
}

const interrupted = (fiber: Fiber.Fiber<unknown>) =>
  Effect.callback<void>((resume) => {
    fiber.addObserver(() => resume(Effect.void))
    fiber.interruptUnsafe()
  })
