/**
 * People and what they do: ask things of a session at random, one or many at once, again under the same id when no answer came, sometimes although one
 * came; and watch its feed, resuming at their cursor wherever a node is up.
 */
import { Effect } from "effect"
import { type Address, nameOf } from "../../runtime/address.ts"
import { Feeds } from "../../runtime/feeds.ts"
import { feedLookMs } from "../../runtime/limits.ts"
import type { Answer, AskError, Message } from "../../runtime/router.ts"
import { must } from "./laws.ts"
import type { Simulation } from "./simulation.ts"

/** How long a client waits for one answer, and how often it asks again. */
const patienceMs = 40_000
const triesMax = 6
/** Between a look and what it brings. */
const readMs = 1_000
/** More at once than one commit takes. */
const burstMax = 24

export const createEvent = (changes: { readonly attended?: boolean } = {}) => ({
  type: "create",
  configurationId: "cfg_1",
  title: "a title",
  owner: "usr_1",
  attended: true,
  agent: { name: "scripted", permissions: "ask" },
  ...changes
})

export class Person {
  readonly #simulation: Simulation
  readonly #address: Address
  readonly #unanswered = new Set<string>()
  #asked = 0
  #prompts = 0

  constructor(simulation: Simulation, address: Address) {
    this.#simulation = simulation
    this.#address = address
  }

  /** Asks until it is answered, or refused, or patience ends. */
  ask(message: Message): Effect.Effect<Answer | null> {
    const { timeline, laws, weather } = this.#simulation
    const address = this.#address
    return Effect.gen({ self: this }, function* () {
      for (let tries = 0; tries < triesMax; tries++) {
        const nodes = this.#simulation.nodesUp
        if (nodes.length > 0) {
          const asked = timeline.pick(nodes).ask(address, message).pipe(Effect.timeoutOption(patienceMs), Effect.result)
          const result = yield* asked
          if (result._tag === "Success" && result.success._tag === "Some") {
            laws.answered(address, message, result.success.value)
            return result.success.value
          }
          if (result._tag === "Failure" && isFinal(result.failure)) {
            // One of an earlier try may still be on its way.
            if (result.failure._tag === "Refused" && !this.#unanswered.has(message.id)) laws.turnedAway(address, message)
            return null
          }
          this.#unanswered.add(message.id)
          laws.unanswered(address, message)
        }
        yield* weather.pass(100, 5_000)
      }
      return null
    })
  }

  /** One that is open, as people see it, or one that is not. */
  get #anyQuestion(): string {
    const { timeline, journal } = this.#simulation
    const stored = journal.actors.get(nameOf(this.#address))?.stored.snapshot
    const open: ReadonlyArray<string> = stored === undefined ? [] : JSON.parse(stored).context.questions
    return timeline.pick([...open, ...open, `que_${1 + timeline.below(40)}`])
  }

  #message(event: Message["event"], id: string = `${event.type}:${++this.#asked}`): Message {
    return { id, event, by: "usr_1" }
  }

  #request(): Message {
    const { timeline } = this.#simulation
    const promptId = `p${timeline.chance(0.8) ? ++this.#prompts : 1 + timeline.below(Math.max(1, this.#prompts))}`
    const anyPrompt = `p${1 + timeline.below(Math.max(1, this.#prompts))}`
    const prompt = () =>
      this.#message({ type: "prompt", promptId, text: `do ${promptId}`, by: "usr_1" } as Message["event"], `prompt:${promptId}`)
    const one = (event: { readonly type: string } & Record<string, unknown>) => () => this.#message(event)
    return timeline.pick([
      prompt,
      prompt,
      prompt,
      prompt,
      one({ type: "start" }),
      one({ type: "unqueue", promptId: anyPrompt }),
      one({ type: "interrupt" }),
      one({ type: "answer", questionId: this.#anyQuestion, optionId: "yes" }),
      one({ type: "pause", why: "manual" }),
      one({ type: "resume" }),
      one({ type: "resume" }),
      one({ type: "rename", title: `title ${this.#asked}` }),
      one({ type: "switch", model: `model ${this.#asked}` }),
      one({ type: "capture" }),
      ...(timeline.chance(0.1) ? [one({ type: "stop" })] : [])
    ])()
  }

  readonly live: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    const { timeline, weather } = this.#simulation
    const create = this.#message(createEvent({ attended: timeline.chance(0.5) }), "create")
    while ((yield* this.ask(create)) === null && !weather.isCalm) yield* weather.pass(1_000, 10_000)
    while (!weather.isCalm) {
      yield* weather.pass(200, timeline.pick([1_000, 10_000, 60_000]))
      const messages = Array.from({ length: timeline.chance(0.2) ? 2 + timeline.below(burstMax) : 1 }, () => this.#request())
      yield* Effect.forEach(messages, (message) => this.ask(message), { concurrency: "unbounded" })
      if (timeline.chance(0.15)) yield* this.ask(timeline.pick(messages))
    }
  })
}

const isFinal = ({ _tag }: AskError): boolean => _tag === "Refused" || _tag === "Absent" || _tag === "Quarantined"

/** A client that renders a feed. It forgets nothing but its connection. */
export class Watcher {
  readonly #simulation: Simulation
  readonly #address: Address
  cursor = 0

  get org(): string {
    return this.#address.org
  }

  get home(): string {
    return this.#address.home
  }

  constructor(simulation: Simulation, address: Address) {
    this.#simulation = simulation
    this.#address = address
  }

  readonly live: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    const { timeline, laws, weather } = this.#simulation
    const { org, home } = this.#address
    while (true) {
      const nodes = this.#simulation.nodesUp
      const [fromMs, isStored] = [timeline.nowMs, (this.#simulation.feeds.get(`${org}/${home}`)?.head.seq ?? 0) > this.cursor]
      const page =
        nodes.length === 0
          ? null
          : yield* timeline
              .pick(nodes)
              .call(Feeds.use((feeds) => feeds.next({ org, id: home }, this.cursor, 1 + timeline.below(64))))
              .pipe(Effect.timeoutOption(weather.between(1_000, 60_000)), Effect.result)
      const waitedMs = timeline.nowMs - fromMs
      if (page?._tag === "Success" && page.success._tag === "None" && isStored && this.#simulation.isFeedWell)
        must(
          waitedMs < feedLookMs + readMs,
          `F4: a watcher of ${home} waited ${waitedMs} ms for what is stored after ${this.cursor}`
        )
      if (page?._tag !== "Success" || page.success._tag === "None") {
        yield* weather.pass(10, 2_000)
        continue
      }
      const { events, gap } = page.success.value
      if (gap !== null) {
        must(gap.from === this.cursor + 1 && gap.through >= gap.from, `F3: a gap ${gap.from}-${gap.through} after ${this.cursor}`)
        this.cursor = gap.through
      }
      for (const { seq, ...event } of events) {
        must(seq === this.cursor + 1, `G3: a watcher of ${home} saw ${seq} after ${this.cursor}`)
        laws.seen(`${org}/${home}`, seq, event)
        this.cursor = seq
      }
    }
  })
}
