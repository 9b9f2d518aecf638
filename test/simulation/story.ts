/** A simulation in good weather, in which one thing goes wrong because a scenario says so. All laws are watched throughout. */
import { Effect, type Fiber } from "effect"
import { nameOf } from "../../runtime/address.ts"
import type { Inspection } from "../../runtime/inspection.ts"
import type { JournalRow, Notice } from "../../runtime/journal.ts"
import type { Answer, AskError } from "../../runtime/router.ts"
import { must, rowsOf } from "./laws.ts"
import type { Node } from "./node.ts"
import { createEvent } from "./people.ts"
import { atRest, isAllAtRest } from "./rest.ts"
import { asDrawn, Simulation, sessionAddress } from "./simulation.ts"
import { Weather } from "./weather.ts"
import type { Sandbox } from "./world.ts"

const minuteMs = 60_000

type Asked = { readonly type: string } & Readonly<Record<string, unknown>>

export class Story {
  readonly simulation = new Simulation("a story", asDrawn, Weather.calm)
  readonly #ids: ReadonlyArray<string>
  #asked = 0

  constructor(...ids: ReadonlyArray<string>) {
    this.#ids = ids.length === 0 ? ["ses_1"] : ids
    const node = this.simulation.startNode()
    this.until(() => node.isUp, "the node is up")
    for (const id of this.#ids) this.ask(createEvent({ attended: true }), id, "create")
  }

  get world() {
    return this.simulation.world
  }
  get weather() {
    return this.simulation.weather
  }
  get nowMs() {
    return this.simulation.timeline.nowMs
  }
  get node(): Node {
    return this.simulation.nodesUp.at(-1)!
  }

  asking(event: Asked, id = this.#ids[0]!, messageId = `${event.type}:${++this.#asked}`, node = this.node) {
    const [address, message] = [sessionAddress(id), { id: messageId, event, by: "usr_1" }]
    return Effect.tap(node.ask(address, message), (answer: Answer) =>
      Effect.sync(() => this.simulation.laws.answered(address, message, answer))
    )
  }

  ask(event: Asked, id?: string, messageId?: string): Answer {
    return this.simulation.run(this.asking(event, id, messageId), minuteMs)
  }

  /** The error of what must not be taken. */
  refusal(event: Asked, id?: string): AskError {
    return this.simulation.run(Effect.flip(this.asking(event, id)) as Effect.Effect<AskError>, minuteMs)
  }

  prompt(promptId: string, id?: string): Answer {
    const event = { type: "prompt", promptId, text: `do ${promptId}`, by: "usr_1" }
    return this.ask(event, id, `prompt:${promptId}`)
  }

  pass(ms: number): void {
    this.simulation.pass(ms)
  }

  until(condition: () => boolean, what: string, limitMs = 10 * minuteMs): void {
    must(this.simulation.pass(limitMs, condition), `not within ${limitMs / 1_000} s: ${what}`)
  }

  actor(id = this.#ids[0]!) {
    return this.simulation.journal.actors.get(nameOf(sessionAddress(id)))!
  }
  status(id?: string): string {
    return this.actor(id).stored.status
  }
  /** As `running.agent.idle`. */
  isIn(state: string, id?: string): boolean {
    const { value } = JSON.parse(this.actor(id).stored.snapshot) as { readonly value: unknown }
    const within = (at: unknown, [first, ...rest]: ReadonlyArray<string>): boolean => {
      if (first === undefined) return true
      if (typeof at === "string") return at === first && rest.length === 0
      return typeof at === "object" && at !== null && first in at && within((at as any)[first], rest)
    }
    return within(value, state.split("."))
  }
  context(id?: string) {
    return JSON.parse(this.actor(id).stored.snapshot).context
  }
  rows(id?: string): ReadonlyArray<JournalRow> {
    return rowsOf(this.actor(id))
  }
  notices(id?: string): ReadonlyArray<Notice> {
    return this.rows(id).flatMap(({ notices }) => notices)
  }
  commands(name: string, id?: string): number {
    return this.rows(id)
      .flatMap(({ effects }) => effects)
      .filter((effect) => effect === name).length
  }
  /** How a prompt's turn ended; undefined while it has not. */
  ending(promptId: string, id?: string): unknown {
    return this.notices(id).find(({ kind, body }) => kind === "turn.ended" && body["turnId"] === promptId)?.body["stopReason"]
  }
  sandbox(id?: string): Sandbox {
    return this.world.sandboxes.get(this.context(id).sandboxId)!
  }

  /** A session at work on its first prompt. */
  working(promptId = "p1", id?: string): void {
    this.prompt(promptId, id)
    this.until(() => this.isIn("running.agent.busy", id) && this.sandbox(id).daemon?.openTurn === promptId, "it works")
  }

  ends(promptId: string, stopReason = "end_turn", id?: string): void {
    this.until(() => this.ending(promptId, id) !== undefined, `${promptId} ends`, 90 * minuteMs)
    const how = this.ending(promptId, id)
    must(how === stopReason, `${promptId} ended with ${how}, not with ${stopReason}`)
  }

  inspected<Type extends Inspection["type"]>(type: Type): ReadonlyArray<Extract<Inspection, { readonly type: Type }>> {
    return this.simulation.inspections.filter((one): one is Extract<Inspection, { readonly type: Type }> => one.type === type)
  }

  fork<A, E>(effect: Effect.Effect<A, E>): Fiber.Fiber<A, E> {
    return this.world.lane.fork(effect)
  }

  /** Everything comes to rest, and all that must hold then holds. */
  rests(): void {
    for (let minutes = 0; minutes < 180 && !isAllAtRest(this.simulation); minutes++) this.pass(minuteMs)
    atRest(this.simulation)
  }
}
