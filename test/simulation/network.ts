/**
 * Nodes among one another. Each home belongs to one of them, each of them believes to know to which, and what is asked elsewhere
 * travels there. That wire loses, delays, repeats and reorders requests and answers, and may be cut in one direction. Who is asked
 * does what it is asked, also where it owns nothing any more: that there is one owner at a time is nobody's to rely on.
 */
import { Effect } from "effect"
import { type Address, nameOf } from "../../runtime/address.ts"
import { type Message, type Router, Unavailable } from "../../runtime/router.ts"
import type { Lane, Timeline } from "../support/timeline.ts"
import type { Laws } from "./laws.ts"
import type { Weather } from "./weather.ts"
import type { World } from "./world.ts"

/** How long a node waits for another, and believes what it knew of who owns what. */
const patienceMs = 20_000
const believesMs = 30_000

export interface Peer {
  readonly name: string
  readonly lane: Lane
  readonly isUp: boolean
  /** What another asks of this one. */
  readonly serve: <A, E>(request: Ask<A, E>) => Effect.Effect<A, E | Unavailable>
}

export interface Between {
  readonly timeline: Timeline
  readonly weather: Weather
  readonly world: World
  readonly laws: Laws
  readonly nodesUp: ReadonlyArray<Peer>
  readonly note: (who: string, what: string) => void
}

const silent = (to: Peer) => new Unavailable({ reason: "draining", message: `${to.name} does not answer; try again` })

type Ask<A, E> = (router: Router["Service"]) => Effect.Effect<A, E>

export class Network {
  /** Without it each node takes what it is asked. */
  isThere = false
  readonly #between: Between
  /** By home: whose it is. */
  readonly #owners = new Map<string, Peer>()
  /** By node and home: whose that node believes it to be, and how long it does. */
  readonly #beliefs = new Map<string, { readonly owner: Peer; readonly untilMs: number }>()
  /** By `from>to`: until when nothing passes. */
  readonly #cuts = new Map<string, number>()

  constructor(between: Between) {
    this.#between = between
  }

  /** To another node, if there is one. Whoever had it goes on believing so. */
  move(home: string): void {
    const { nodesUp, timeline } = this.#between
    const others = nodesUp.filter((node) => node !== this.#owners.get(home))
    if (others.length === 0) return
    const owner = timeline.pick(others)
    this.#owners.set(home, owner)
    this.#between.note("network", `${home} belongs to ${owner.name}`)
  }

  place(home: string, owner: Peer): void {
    this.#owners.set(home, owner)
  }

  cut(from: Peer, to: Peer, forMs: number): void {
    this.#cuts.set(`${from.name}>${to.name}`, this.#between.timeline.nowMs + forMs)
    this.#between.note("network", `nothing passes from ${from.name} to ${to.name}`)
  }

  #isCut(from: Peer, to: Peer): boolean {
    const { timeline, weather } = this.#between
    return !weather.isCalm && (this.#cuts.get(`${from.name}>${to.name}`) ?? 0) > timeline.nowMs
  }

  ownerOf(home: string): Peer | null {
    const known = this.#owners.get(home)
    if (known?.isUp) return known
    const { nodesUp, timeline } = this.#between
    if (nodesUp.length === 0) return null
    const owner = timeline.pick(nodesUp)
    this.#owners.set(home, owner)
    return owner
  }

  #believed(from: Peer, home: string): Peer {
    const { timeline, weather } = this.#between
    const name = `${from.name} ${home}`
    const belief = this.#beliefs.get(name)
    if (belief !== undefined && belief.untilMs > timeline.nowMs && !weather.isCalm) return belief.owner
    const owner = this.ownerOf(home) ?? from
    this.#beliefs.set(name, { owner, untilMs: timeline.nowMs + weather.between(0, believesMs) })
    return owner
  }

  /** From `from` to whoever it believes to be the owner, and back. */
  #carry<A, E>(from: Peer, local: Router["Service"], address: Address, ask: Ask<A, E>, message: Message | null) {
    return Effect.suspend((): Effect.Effect<A, E | Unavailable> => {
      const to = this.isThere ? this.#believed(from, address.home) : from
      if (to === from) return ask(local)
      const { weather, world, laws } = this.#between
      const lost = Effect.andThen(Effect.sleep(patienceMs), Effect.fail(silent(to)))
      const request = to.serve(ask)
      const travelling = Effect.gen({ self: this }, function* () {
        if (this.#isCut(from, to) || weather.strikes("wire.lost")) return yield* lost
        yield* weather.pass(0, weather.strikes("wire.late") ? 30_000 : 5)
        if (weather.strikes("wire.twice")) {
          if (message !== null) laws.repeated(nameOf(address), message)
          this.#between.note("network", `${message?.id ?? "something"} arrives twice`)
          world.lane.fork(Effect.ignore(Effect.andThen(weather.pass(0, 60_000), request)))
        }
        const answer = yield* request
        if (this.#isCut(to, from) || weather.strikes("wire.unanswered")) return yield* lost
        yield* weather.pass(0, weather.strikes("wire.late") ? 30_000 : 5)
        return answer
      })
      return from.lane
        .across(world.lane, travelling)
        .pipe(Effect.timeoutOrElse({ duration: patienceMs, orElse: () => Effect.fail(silent(to)) }))
    })
  }

  routerOf(node: Peer, local: Router["Service"]): Router["Service"] {
    return {
      ...local,
      ask: (address, message) => this.#carry(node, local, address, (router) => router.ask(address, message), message),
      fire: (timer) => this.#carry(node, local, timer.address, (router) => router.fire(timer), null),
      release: (address) => this.#carry(node, local, address, (router) => router.release(address), null),
      wake: (address) => Effect.ignore(this.#carry(node, local, address, (router) => router.wake(address), null)),
      isAttended: (address) =>
        Effect.orElseSucceed(
          this.#carry(node, local, address, (router) => router.isAttended(address), null),
          () => null
        )
    }
  }
}
