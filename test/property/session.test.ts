/**
 * Any requests, facts, repeats and deadlines, in any order. `send` holds each step to S1 to S6 of machines/session.ts; here a model
 * keeps, from what watchers are told alone, the account of every prompt. A failure prints its seed and the shortest story found.
 */
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { type SessionEvent, SessionRequest } from "../../machines/session/events.ts"
import type { Move, Played } from "../support/played.ts"
import {
  agentExited,
  agentFailed,
  agentReady,
  answer,
  asks,
  at,
  begin,
  captured,
  captureFailed,
  closes,
  eventOf,
  finished,
  interrupt,
  linkLost,
  notStarted,
  pause,
  prompt,
  queueOf,
  resume,
  sandboxFailed,
  sandboxReady,
  sandboxTold,
  send,
  start,
  stop,
  turnOf,
  workspaceFailed,
  workspaceReady
} from "../support/session.ts"
import { isIn } from "../support/session-invariants.ts"
import { alphabet } from "../support/session-space.ts"

/** What a watcher believes, who has seen every notice and nothing else. */
interface Account {
  readonly accepted: Array<string>
  queue: Array<string>
  open: string | null
  readonly ended: Array<string>
}

interface Real {
  session: Played
  /** Facts told so far, to be told again. */
  readonly facts: Array<SessionEvent>
}

const watch = (account: Account, { last }: Played) => {
  for (const { kind, body } of last.notices) {
    const id = body["turnId"] as string
    if (kind === "prompt") account.queue.push(body["promptId"] as string)
    if (kind === "turn.opened") {
      assert.strictEqual(account.queue.shift(), id, "the oldest prompt becomes the turn")
      assert.isNull(account.open, "one turn at a time")
      account.open = id
    }
    if (kind === "turn.ended") {
      assert.isTrue(account.open === id || account.queue.includes(id), `${id} ends that neither waited nor was the turn`)
      if (account.open === id) account.open = null
      account.queue = account.queue.filter((waiting) => waiting !== id)
      account.ended.push(id)
    }
  }
}

const balances = (account: Account, session: Played) => {
  assert.deepStrictEqual(queueOf(session), account.queue, "S6: the queue")
  assert.strictEqual(turnOf(session), account.open, "S6: the turn")
  const all = [...account.ended, ...(account.open === null ? [] : [account.open]), ...account.queue]
  assert.deepStrictEqual(all.sort(), [...account.accepted].sort(), "S6: every accepted prompt, once")
}

const requests: ReadonlySet<string> = new Set(SessionRequest.members.map(({ fields }) => fields.type.schema.literal))

class Happening implements fc.Command<Account, Real> {
  readonly name: string
  readonly #move: (real: Real) => Move | null
  constructor(name: string, move: (real: Real) => Move | null) {
    this.name = name
    this.#move = move
  }
  check = () => true
  run(account: Account, real: Real) {
    const move = this.#move(real)
    if (move === null) return
    const event = eventOf(move, real.session)
    const isAccepted = real.session.snapshot.can(event as never)
    const next = send(real.session, event)
    if (!requests.has(event.type)) real.facts.push(event)
    else assert.strictEqual(next.last.taken.length > 0, isAccepted, "a request is taken exactly if it is not refused")
    if (isAccepted && event.type === "prompt") account.accepted.push(event.promptId)
    real.session = next
    watch(account, next)
    balances(account, next)
  }
  toString = () => this.name
}

const happens = (name: string, move: Move) => fc.constant(new Happening(name, () => move))
const nthOf = <A>(items: ReadonlyArray<A>, n: number): A | null => items[n % Math.max(1, items.length)] ?? null
const nth = fc.nat({ max: 99 })
const ofTurn =
  (fact: (turnId: string) => Move): Move =>
  (session) =>
    eventOf(fact(turnOf(session) ?? "p0"), session)

/** What a world without troubles would say next. */
const answers: Record<string, Move> = {
  booting: (session) => eventOf(sandboxReady(`sbx_${session.context.boot}`), session),
  reviving: sandboxReady(),
  preparing: workspaceReady,
  starting: agentReady,
  working: ofTurn(finished),
  finishing: ofTurn(finished),
  interrupting: ofTurn((turnId) => finished(turnId, "cancelled")),
  settling: ofTurn((turnId) => finished(turnId, "cancelled")),
  capturing: (session) => eventOf(captured(`snp_${session.context.captures}`), session)
}
const allGoesWell = new Happening("all goes well", ({ session: { snapshot } }) => {
  const state = Object.keys(answers).find((name) => isIn(snapshot, name))
  return state === undefined ? null : answers[state]!
})

const happenings = [
  // A session that gets somewhere sees more than one that is only disturbed.
  ...Array.from({ length: 15 }, () => fc.constant(allGoesWell)),
  ...Array.from({ length: 3 }, () => nth.map((n) => new Happening(`prompt p${n}`, () => prompt(`p${n}`)))),
  nth.map(
    (n) => new Happening(`unqueue ${n}`, ({ session }) => ({ type: "unqueue", promptId: nthOf(queueOf(session), n) ?? "p0" }))
  ),
  happens("start", start),
  happens("interrupt", interrupt),
  happens("pause", pause),
  happens("resume", resume),
  happens(
    "asks q1",
    ofTurn((turnId) => asks(turnId, "q1"))
  ),
  happens(
    "asks q2",
    ofTurn((turnId) => asks(turnId, "q2"))
  ),
  happens(
    "closes q1",
    ofTurn((turnId) => closes(turnId, "q1"))
  ),
  happens("answer q1", answer("q1")),
  happens("turn not started", ofTurn(notStarted)),
  ...[true, false].flatMap((final) => [
    happens(`sandbox failed, final ${final}`, sandboxFailed(final)),
    happens(`workspace failed, final ${final}`, workspaceFailed(final)),
    happens(`agent failed, final ${final}`, agentFailed(final))
  ]),
  happens("agent exited", agentExited),
  happens("link lost", linkLost),
  ...(["link.connected", "sandbox.stopped", "sandbox.gone", "sandbox.expiring", "sandbox.destroyed"] as const).map((type) =>
    happens(type, sandboxTold(type))
  ),
  happens("capture failed", captureFailed),
  nth.map((n) => new Happening(`deadline ${n}`, ({ session }) => nthOf([...session.armed.values()], n))),
  nth.map((n) => new Happening(`again ${n}`, ({ facts }) => nthOf(facts, n)))
]

/** Anything that could be said at all, sensible or not; but not `stop`, after which little happens. */
const disturbed = (choices: ReadonlyArray<number>): Played =>
  choices.reduce((session, choice) => {
    const events = alphabet(session).filter(({ type }) => type !== "stop")
    return send(session, events[choice % events.length]!)
  }, begin())

const newAccount = (): Account => ({ accepted: [], queue: [], open: null, ended: [] })

describe("whatever happens to a session", () => {
  it("accounts for every accepted prompt, and ends each when it is stopped", () => {
    fc.assert(
      fc.property(fc.commands(happenings, { maxCommands: 150, size: "max" }), (story) => {
        const account = newAccount()
        const real: Real = { session: begin(), facts: [] }
        fc.modelRun(() => ({ model: account, real }), story)

        new Happening("stop", () => stop).run(account, real)
        assert.deepStrictEqual([...account.ended].sort(), [...account.accepted].sort(), "S6: stopped, and all have ended")
        for (let left = 20; real.session.armed.size > 0 && left > 0; left--)
          new Happening("deadline", ({ session }) => [...session.armed.values()][0]!).run(account, real)
        assert.strictEqual(at(real.session), "stopped")
      }),
      { numRuns: 300 }
    )
  })

  it("keeps its invariants under events that make no sense", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 10_000 }), { minLength: 20, maxLength: 200, size: "max" }), (choices) => {
        disturbed(choices)
      }),
      { numRuns: 200 }
    )
  })

  it("comes to be stopped when nothing else happens any more", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 10_000 }), { maxLength: 80, size: "max" }), nth, (choices, n) => {
        let session = disturbed(choices)
        for (let left = 60; !session.snapshot.hasTag("final"); left--) {
          assert.isAbove(left, 0, `60 deadlines later it is still ${at(session)}`)
          session = send(session, nthOf([...session.armed.values()], n)!)
        }
      }),
      { numRuns: 200 }
    )
  })
})
