/**
 * The daemon of a simulated sandbox and its agent, as cli/daemon behaves: events numbered from 1 and kept until acknowledged, one
 * reader, one agent of the newest boot, one turn at a time, each turn id started once and ended once.
 */
import { Effect, type Fiber } from "effect"
import type { DaemonEvent } from "../../actors/ports/daemon.ts"
import { DaemonError } from "../../actors/ports/daemons.ts"
import type { Lane } from "../support/timeline.ts"
import type { Weather } from "./weather.ts"

export interface Place {
  readonly lane: Lane
  readonly weather: Weather
  /** Turns whose work is on the disk. */
  readonly work: Set<string>
  readonly newId: (prefix: string) => string
  /** Told before an acknowledged event is forgotten. */
  readonly onForgotten: (daemonId: string, event: DaemonEvent) => void
}

interface Agent {
  readonly boot: number
  readonly agentSession: string
  isOver: boolean
}

interface Turn {
  readonly turnId: string
  readonly agent: Agent
  fiber: Fiber.Fiber<void> | null
  question: { readonly questionId: string; readonly settle: () => void } | null
  hangs: boolean
}

const heartbeatMs = 5_000
const readyMs = [100, 3_000] as const

const refusal = (reason: DaemonError["reason"], message: string) => new DaemonError({ reason, final: false, message })
export const noAnswer = (message: string) => refusal("unreachable", message)

/** What a reader holds: its own cursor and whether it is still the one. */
export class Reading {
  readonly daemon: Daemon
  seq: number
  isCut = false
  wake: (() => void) | null = null

  constructor(daemon: Daemon, seq: number) {
    this.daemon = daemon
    this.seq = seq
  }

  cut(): void {
    this.isCut = true
    this.wake?.()
  }

  /** The next events, or none at a heartbeat. */
  readonly next: Effect.Effect<ReadonlyArray<DaemonEvent>, DaemonError> = Effect.gen({ self: this }, function* () {
    if (this.daemon.place.weather.strikes("stream.cut")) this.cut()
    // What was acknowledged meanwhile is not sent again.
    this.seq = Math.max(this.seq, this.daemon.firstSeq - 1)
    if (!this.isCut && this.daemon.lastSeq <= this.seq) {
      yield* Effect.callback<void>((resume) => {
        this.wake = () => resume(Effect.void)
      }).pipe(Effect.timeoutOption(heartbeatMs))
      this.wake = null
    }
    if (this.isCut) return yield* noAnswer("the connection was closed")
    const news = this.daemon.eventsAfter(this.seq)
    const last = news.at(-1)?.seq ?? this.seq
    // The connection may break after any of them, and the reader ask again for what it had.
    if (!this.daemon.place.weather.strikes("stream.repeats")) this.seq = last
    return news
  })
}

export class Daemon {
  readonly id: string
  readonly place: Place
  #kept: Array<DaemonEvent> = []
  #firstSeq = 1
  #reader: Reading | null = null
  #agent: Agent | null = null
  #newestBoot = 0
  #turn: Turn | null = null
  readonly #knownTurns = new Set<string>()
  isDead = false

  constructor(place: Place) {
    this.place = place
    this.id = place.newId("dmn")
  }

  get lastSeq(): number {
    return this.#firstSeq + this.#kept.length - 1
  }

  get openTurn(): string | null {
    return this.#turn?.turnId ?? null
  }

  get health() {
    const boot = this.#agent === null || this.#agent.isOver ? null : this.#agent.boot
    return { daemonId: this.id, version: "1", boot, turnId: this.openTurn, lastSeq: this.lastSeq }
  }

  get firstSeq(): number {
    return this.#firstSeq
  }

  eventsAfter(seq: number): ReadonlyArray<DaemonEvent> {
    return this.#kept.slice(Math.max(0, seq + 1 - this.#firstSeq))
  }

  #tell(kind: string, body: Record<string, unknown>): void {
    if (this.isDead) return
    const at = this.place.lane.currentTimeMillisUnsafe()
    this.#kept.push({ seq: this.lastSeq + 1, at, kind, agent: "scripted", parent: null, body })
    this.#reader?.wake?.()
  }

  /** A new reader takes the old one's place. */
  read(after: number): Reading | DaemonError {
    if (after > this.lastSeq) return refusal("stale", `there is no event ${after}`)
    this.#reader?.cut()
    this.#reader = new Reading(this, after)
    return this.#reader
  }

  cut(): void {
    this.#reader?.cut()
  }

  ack(daemonId: string, seq: number): DaemonError | null {
    if (daemonId !== this.id) return refusal("stale", `these are the events of ${this.id}`)
    if (seq > this.lastSeq) return refusal("refused", `there is no event ${seq}`)
    for (const event of this.#kept.splice(0, Math.max(0, seq + 1 - this.#firstSeq))) {
      this.place.onForgotten(this.id, event)
      this.#firstSeq = event.seq + 1
    }
    return null
  }

  prepare(boot: number): Effect.Effect<void, DaemonError> {
    return Effect.gen({ self: this }, function* () {
      if (boot < this.#newestBoot) return yield* refusal("stale", `boot ${this.#newestBoot} is current`)
      this.#newestBoot = boot
      this.#tell("workspace", { path: ".", step: "fetching", message: "fetching" })
      yield* this.place.weather.pass(200, 8_000)
      if (boot < this.#newestBoot) return yield* refusal("stale", `boot ${this.#newestBoot} is current`)
      this.#tell("workspace", { path: ".", step: "ready", message: "ready" })
    })
  }

  startAgent(boot: number, agentSession: string | null): Effect.Effect<Agent, DaemonError> {
    return Effect.gen({ self: this }, function* () {
      const previous = this.#agent
      if (previous !== null && boot < previous.boot) return yield* refusal("stale", `boot ${previous.boot} is current`)
      if (previous?.boot === boot && !previous.isOver) return previous
      this.#endAgent("quiesced", "crashed")
      yield* this.place.weather.pass(...readyMs)
      if (this.isDead) return yield* noAnswer("the daemon died")
      if (this.#agent !== null && this.#agent !== previous) return yield* this.startAgent(boot, agentSession)
      this.#agent = { boot, agentSession: agentSession ?? this.place.newId("conversation"), isOver: false }
      this.#tell("agent.ready", { boot, agentSession: this.#agent.agentSession })
      return this.#agent
    })
  }

  startTurn(boot: number, turnId: string): DaemonError | null {
    const agent = this.#agent
    if (agent?.boot !== boot) return refusal("stale", agent === null ? "no agent was started" : `boot ${agent.boot} is current`)
    if (this.#knownTurns.has(turnId)) return null
    if (agent.isOver) return refusal("refused", "the agent does not run")
    if (this.#turn !== null) return refusal("refused", `turn ${this.#turn.turnId} goes on`)
    this.#knownTurns.add(turnId)
    const turn: Turn = { turnId, agent, fiber: null, question: null, hangs: false }
    this.#turn = turn
    this.#tell("turn.started", { turnId })
    turn.fiber = this.place.lane.fork(this.#work(turn))
    return null
  }

  #work(turn: Turn): Effect.Effect<void> {
    const { weather } = this.place
    const { turnId } = turn
    return Effect.gen({ self: this }, function* () {
      for (let said = weather.between(1, 4); said > 0; said--) {
        yield* weather.pass(50, 4_000)
        this.#tell("message", { turnId, messageId: "m1", delta: `word ${said}` })
        if (weather.strikes("agent.exits")) return this.#endAgent("crashed", "crashed")
        if (weather.strikes("agent.hangs")) {
          turn.hangs = true
          return yield* Effect.never
        }
        if (weather.strikes("agent.asks")) yield* this.#ask(turn)
      }
      this.place.work.add(turnId)
      this.#endTurn("end_turn")
    })
  }

  #ask(turn: Turn): Effect.Effect<void> {
    const questionId = this.place.newId("que")
    return Effect.callback<void>((resume) => {
      turn.question = { questionId, settle: () => resume(Effect.void) }
      this.#tell("question", { turnId: turn.turnId, questionId, title: "May I?", options: [] })
    })
  }

  #closeQuestion(optionId: string | null): void {
    const turn = this.#turn
    if (turn?.question == null) return
    const { questionId, settle } = turn.question
    turn.question = null
    this.#tell("question.closed", { turnId: turn.turnId, questionId, optionId })
    settle()
  }

  answer(questionId: string, optionId: string | null): DaemonError | null {
    if (this.#turn?.question?.questionId !== questionId) return refusal("refused", `there is no question ${questionId}`)
    this.#closeQuestion(optionId)
    return null
  }

  cancel(turnId: string): DaemonError | null {
    if (!this.#knownTurns.has(turnId)) return refusal("refused", `there is no turn ${turnId}`)
    const turn = this.#turn
    if (turn?.turnId !== turnId) return null
    this.#closeQuestion(null)
    // One that hangs does not hear it.
    if (!turn.hangs) this.#endTurn("cancelled")
    return null
  }

  quiesce(): void {
    this.#endAgent("quiesced", "cancelled")
  }

  #endTurn(stopReason: string): void {
    const turn = this.#turn
    if (turn === null) return
    this.#closeQuestion(null)
    this.#turn = null
    this.#tell("turn.finished", { turnId: turn.turnId, stopReason })
    turn.fiber?.interruptUnsafe()
  }

  #endAgent(reason: "crashed" | "quiesced", stopReason: string): void {
    const agent = this.#agent
    if (agent === null || agent.isOver) return
    agent.isOver = true
    this.#tell("agent.exited", { boot: agent.boot, reason, message: `it ${reason}` })
    this.#endTurn(stopReason)
  }

  kill(): void {
    this.isDead = true
    this.cut()
    this.#turn?.fiber?.interruptUnsafe()
    this.#turn = null
  }
}
