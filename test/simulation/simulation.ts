/**
 * Where simulated sessions live: the real runtime and the real session actor, on nodes that share a journal and a feed store in
 * memory, in a world where things go wrong. Everything derives from the seed.
 */
import { Effect } from "effect"
import type { FeedState } from "../../adapters/memory/feed.ts"
import { emptyJournal, type JournalState } from "../../adapters/memory/journal-state.ts"
import type { Notes } from "../../adapters/memory/oversight.ts"
import type { Address } from "../../runtime/address.ts"
import type { Inspection } from "../../runtime/inspection.ts"
import { type Step, stepsOf, type Transition } from "../../runtime/journal.ts"
import { Table } from "../../runtime/local-coordination.ts"
import { Timeline } from "../support/timeline.ts"
import { Laws, Violation } from "./laws.ts"
import { Network } from "./network.ts"
import { type Edge, Node, type Surroundings } from "./node.ts"
import { Service } from "./service.ts"
import { type Stores, where } from "./stores.ts"
import { Weather } from "./weather.ts"
import { World } from "./world.ts"

const traceLinesMax = 50_000

/** What is left of a seed's day when the rest is taken away, to see whether it fails all the same. */
export interface Milder {
  /** Faults and misfortunes that may happen, by name; null: all that were drawn. */
  readonly only: ReadonlySet<string> | null
  readonly sessionsMax: number
}

export const asDrawn: Milder = { only: null, sessionsMax: Number.POSITIVE_INFINITY }

export const callAddress = (id: string, home: string): Address => ({ org: "org_1", kind: "approval", id, home })

export const sessionAddress = (id: string): Address => ({ org: "org_1", kind: "session", id, home: id })

export class Simulation implements Surroundings {
  readonly timeline: Timeline
  readonly milder: Milder
  readonly weather: Weather
  readonly world: World
  readonly service: Service
  readonly journal: JournalState = emptyJournal()
  readonly notes: Notes = []
  readonly feeds: FeedState = new Map()
  readonly stores: Stores
  readonly table = new Table()
  readonly network: Network
  readonly laws: Laws
  readonly trace: Array<string> = []
  /** What the runtime reported; kept for stories alone. */
  readonly inspections: Array<Inspection> = []
  /** What may happen on this day beside single calls. */
  misfortunes: ReadonlyArray<string> = []
  readonly counts = { steps: 0, crashes: 0, restMs: 0, calls: 0 }
  isEndedAt = (edge: Edge): boolean => this.weather.strikes(`crash.${edge}`)
  /** What the journal takes in no batch. */
  isPoison: (step: Step & { readonly address: Address }) => boolean = () => false
  #nodes: Array<Node> = []
  #started = 0
  /** How many nodes had been started when one died last. */
  #lastDeath = 0
  readonly #startedAtMs: number

  constructor(seed: string | number, milder: Milder = asDrawn, weatherOf = Weather.drawn) {
    this.timeline = new Timeline(seed)
    this.milder = milder
    this.#startedAtMs = this.timeline.nowMs
    this.weather = weatherOf(this.timeline, milder.only)
    this.world = new World(this.timeline.lane("world"), this.weather)
    this.service = new Service(this.world.lane, this.weather)
    this.stores = where.stores(this)
    this.network = new Network(this)
    this.laws = new Laws(this.journal, this.feeds)
    this.service.onEffect = (effect) => {
      this.note("service", `${effect.action} of ${effect.key} takes effect`)
      this.laws.calls.tookEffect(effect)
    }
    this.world.onForgotten = (sandboxId, daemonId, event) => {
      const { sessionId, org } = this.world.sandboxes.get(sandboxId)!
      this.laws.forgets(sessionId, org, daemonId, event)
    }
  }

  get nodes(): ReadonlyArray<Node> {
    return this.#nodes
  }

  get nodesUp(): ReadonlyArray<Node> {
    return this.#nodes.filter(({ isUp }) => isUp)
  }

  startNode(): Node {
    const node = new Node(this, ++this.#started, this.timeline.below(4_000) - 2_000)
    this.#nodes = [...this.#nodes.filter(({ lane }) => !lane.isDead), node]
    this.note(node.name, "starts")
    return node
  }

  /** Nothing on this day keeps a node from its feeds. */
  get isFeedWell(): boolean {
    const keeping = ["outage", "node is paused", "node is stopped", "feed.unavailable", "feed.lost"]
    return !this.weather.isStory && ![...this.weather.faults, ...this.misfortunes].some((name) => keeping.includes(name))
  }

  died({ name }: Node): void {
    this.counts.crashes += 1
    this.#lastDeath = this.#started
    this.note(name, "dies")
  }

  note(who: string, what: string): void {
    const line = `${String(this.timeline.nowMs - this.#startedAtMs).padStart(9)} ${who.padEnd(8)} ${what}`
    if (this.trace.push(line) > traceLinesMax) this.trace.splice(0, traceLinesMax / 2)
  }

  committed(node: Node, batch: ReadonlyArray<Transition>): void {
    for (const transition of this.laws.committed(batch)) {
      const { address, status, snapshot } = transition
      const state = JSON.stringify((snapshot as { readonly value: unknown }).value)
      for (const [rev, step] of stepsOf(transition)) {
        const { type, sandboxId, reason, final, message } = step.event as Readonly<Record<string, string | undefined>>
        // One wrong answer of a provider costs nobody a disk.
        const gone =
          type === "sandbox.gone" ? sandboxId : final && reason === "not-found" ? /sbx_\d+/.exec(message!)?.[0] : undefined
        if (gone !== undefined && (this.world.sandboxes.get(gone)?.state ?? "gone") !== "gone")
          this.laws.broken ??= new Violation(`R2: ${address.id} was told that ${gone} is gone, and it is there`)
        const came = step !== transition ? "with what follows" : state.startsWith('"') ? status : state
        const asks = step.commands.map(({ name }) => name).join(" ")
        this.note(node.name, `${address.id} r${rev} ${type} -> ${came} ${asks}`.trimEnd())
      }
    }
  }

  inspected(node: Node, inspection: Inspection): void {
    this.counts.steps += 1
    if (this.weather.isStory) this.inspections.push(inspection)
    switch (inspection.type) {
      case "actor.stepped":
      case "batch.committed":
        break
      case "command.started":
        this.note(node.name, `  ${inspection.key} starts, try ${inspection.attempt}`)
        break
      case "command.done":
        this.note(node.name, `  ${inspection.key} is done`)
        break
      case "drift.fixed":
        // What a session itself let slip would be put right as well, and nobody would know.
        if (inspection.kind === "sandbox.stray" && inspection.result === "applied" && !this.world.unasked.has(inspection.subject))
          this.laws.broken ??= new Violation(`I5: sandbox ${inspection.subject} was astray, and only the loop found it`)
        this.note(node.name, `  ${inspection.kind} ${inspection.subject} ${inspection.result}: ${inspection.outcome}`)
        break
      default: {
        const { type, address: _, ...rest } = { address: null, ...inspection }
        this.note(node.name, `  ${type} ${JSON.stringify(rest)}`)
      }
    }
  }

  /** Lets time pass until it is over, or for so long; true if it is over. A broken promise ends it at once. */
  pass(ms: number, isOver: () => boolean = () => false): boolean {
    const { laws, timeline } = this
    timeline.run(timeline.nowMs + ms, () => laws.broken !== null || isOver())
    if (laws.broken !== null) throw laws.broken
    return isOver()
  }

  /** Runs an effect of the world to its end; nothing else says how long that may take but `limitMs`. */
  run<A, E>(effect: Effect.Effect<A, E>, limitMs: number): A {
    const fiber = this.world.lane.fork(effect)
    this.pass(limitMs, () => fiber.pollUnsafe() !== undefined)
    const exit = fiber.pollUnsafe()
    if (exit === undefined) throw new Violation(`G5: it took more than ${limitMs} ms`)
    return Effect.runSync(exit)
  }

  /** The weather clears: everything that was taken away comes back, and one node is left. */
  clear(): void {
    this.note("weather", "clears")
    this.weather.isCalm = true
    this.service.drift = null
    this.service.isConnected = true
    for (const sandbox of this.world.sandboxes.values()) sandbox.unreachableUntilMs = 0
    for (const { lane } of this.#nodes) lane.unpause()
    // One that has had no other beside it goes on; else a start picks up what those who died had left.
    if (this.nodesUp.length !== 1 || this.nodesUp[0]!.number <= this.#lastDeath) {
      for (const node of this.nodesUp) node.kill()
      this.startNode()
    }
  }
}
