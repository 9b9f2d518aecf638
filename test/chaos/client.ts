/**
 * Somebody who works with one session while the world breaks: prompts, interrupts, pauses and drops its socket, sends again under
 * the same id what was not answered, and writes every acknowledgement into the ledger. Half of the prompts go over HTTP, half over
 * the socket; some are given up unanswered, as people do. Of several servers it asks one after another, as through a balancer.
 */
import { appendFileSync } from "node:fs"
import { setTimeout as wait } from "node:timers/promises"
import { dice, type Roll } from "../support/dice.ts"
import { type Reply, request } from "./http.ts"
import type { Node } from "./node.ts"
import { openStream, type Shown, type Stream } from "./stream.ts"

const againMs = 200
const openMax = 3
const paceMinMs = 100
const paceMaxMs = 900
const socketAnswerMs = 4_000

export interface Ledger {
  /** Prompts by what became of them for the one who sent them. A refused one is in no other. */
  readonly acked: Set<string>
  readonly refused: Set<string>
  readonly unanswered: Set<string>
  /** Ends of turns, as they were shown. */
  readonly ended: Map<string, Array<string>>
  stateLost: boolean
}

export class Client {
  readonly nodes: ReadonlyArray<Node>
  readonly name: string
  readonly ledger: Ledger = {
    acked: new Set(),
    refused: new Set(),
    unanswered: new Set(),
    ended: new Map(),
    stateLost: false
  }
  id = ""
  stream!: Stream
  readonly #roll: Roll
  readonly #file: string
  readonly #canCount: boolean
  #sent = 0
  #turns = 0
  readonly #answers = new Map<string, (frame: any) => void>()

  constructor(options: { nodes: ReadonlyArray<Node>; name: string; seed: number; file: string; canCount: boolean }) {
    this.nodes = options.nodes
    this.name = options.name
    this.#roll = dice(options.seed)
    this.#file = options.file
    this.#canCount = options.canCount
  }

  /** Whose turn it is. */
  #next(): Node {
    this.#turns += 1
    return this.nodes[this.#turns % this.nodes.length]!
  }

  ask(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply> {
    const { url, token } = this.#next()
    return request(url, token, method, path, body, headers)
  }

  /** Until it is answered. */
  async insist(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
    withinMs = 120_000
  ): Promise<Reply> {
    const endsAtMs = performance.now() + withinMs
    while (true) {
      const reply = await this.ask(method, path, body, headers)
      if (reply._tag !== "Silent" || performance.now() > endsAtMs) return reply
      await wait(againMs)
    }
  }

  async begin(configurationId: string): Promise<void> {
    const made = await this.insist("POST", "/v1/sessions", { configurationId }, { "idempotency-key": this.name })
    if (made._tag !== "Ok") throw new Error(`${this.name} got no session: ${JSON.stringify(made)}`)
    this.id = made.body.id
    this.#write({ made: this.id })
    this.stream = openStream(
      () => this.#next().url,
      this.nodes[0]!.token,
      this.id,
      (event) => this.#see(event),
      (frame) => this.#answers.get(frame.id)?.(frame)
    )
  }

  async work(endsAtMs: number): Promise<void> {
    while (performance.now() < endsAtMs) {
      const drawn = this.#roll(100)
      if (drawn < 6) await this.#steer("interrupt")
      else if (drawn < 10) await this.#steer("pause")
      else if (drawn < 16) this.stream.drop()
      else if (this.#open() < openMax) await this.prompt(this.#steps(), endsAtMs, drawn < 24)
      await wait(paceMinMs + this.#roll(paceMaxMs - paceMinMs))
    }
  }

  #open(): number {
    return [...this.ledger.acked].filter((id) => !this.ledger.ended.has(id)).length
  }

  #steps(): (id: string) => ReadonlyArray<unknown> {
    const talk = this.#roll(20)
    const naps = this.#roll(4)
    return (id) => [
      { run: `echo ${id} >> "$HOME/effects"${this.#canCount ? ` && ${count(id)}` : ""}` },
      { flood: talk, size: 40 },
      ...Array.from({ length: naps }, (_, n) => [{ sleep: 150 + 100 * n }, { say: `nap ${n} of ${id}` }]).flat()
    ]
  }

  /** Its id. `givesUp`: it is sent once. */
  async prompt(steps: (id: string) => ReadonlyArray<unknown>, untilMs: number, givesUp = false): Promise<string> {
    const id = `${this.name}-${++this.#sent}`
    const text = `run: ${JSON.stringify(steps(id))}`
    while (true) {
      const reply =
        this.#roll(2) === 0
          ? await this.ask("POST", `/v1/sessions/${this.id}/prompts`, { id, text })
          : await this.#overSocket(id, text)
      if (reply._tag === "Ok") {
        this.ledger.acked.add(id)
        this.ledger.unanswered.delete(id)
        this.#write({ acked: id })
        return id
      }
      if (reply._tag === "Refused") {
        // An earlier try of it may have been taken all the same: then it would have been answered as that was.
        this.ledger.refused.add(id)
        this.ledger.unanswered.delete(id)
        this.#write({ refused: id, why: reply.body?.detail ?? reply.status })
        return id
      }
      this.ledger.unanswered.add(id)
      if (givesUp || performance.now() > untilMs) {
        this.#write({ unanswered: id })
        return id
      }
      await wait(againMs)
    }
  }

  #overSocket(id: string, text: string): Promise<Reply> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => answer({ _tag: "Silent", why: "no answer over the socket" }), socketAnswerMs)
      const answer = (reply: Reply) => {
        clearTimeout(timer)
        this.#answers.delete(id)
        resolve(reply)
      }
      this.#answers.set(id, (frame) => {
        if (frame.type === "ack") answer({ _tag: "Ok", status: 202, body: frame })
        else if (frame.problem.status >= 500 || frame.problem.status === 429)
          answer({ _tag: "Silent", why: frame.problem.detail })
        else answer({ _tag: "Refused", status: frame.problem.status, body: frame.problem })
      })
      if (!this.stream.send({ type: "prompt", id, text })) answer({ _tag: "Silent", why: "no socket" })
    })
  }

  async #steer(verb: "interrupt" | "pause"): Promise<void> {
    const reply = await this.ask("POST", `/v1/sessions/${this.id}/${verb}`)
    this.#write({ [verb]: reply._tag })
  }

  #see({ kind, body }: Shown): void {
    if (kind === "state.lost") this.ledger.stateLost = true
    if (kind !== "turn.ended") return
    const { turnId, stopReason } = body as { turnId: string; stopReason: string }
    this.ledger.ended.set(turnId, [...(this.ledger.ended.get(turnId) ?? []), stopReason])
  }

  #write(entry: Record<string, unknown>): void {
    appendFileSync(this.#file, `${JSON.stringify({ atMs: Math.round(performance.now()), client: this.name, ...entry })}\n`)
  }
}

const count = (id: string): string => {
  const body = JSON.stringify({ model: "counting", messages: [{ role: "user", content: id }] })
  return `curl -sS -m 20 "$CHAOS_MODEL/chat/completions" -H "authorization: Bearer $CHAOS_TOKEN" -H "content-type: application/json" -d '${body}' > /dev/null`
}
