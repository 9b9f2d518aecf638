/**
 * Three calls of one session, a write, a dangerous one and a read, on one book of budgets and rooms: people, rules and grants that
 * change, hands that run late, twice or not at all, answers that are lost, repeated or told in any order, records that are refused.
 * `send` holds each step to A1 to A9 of machines/approval.ts, through JSON as after a restart; the laws hold after every step:
 *
 *   I1  What is dangerous took effect after a person's approval of that very call.
 *   I2  What took effect was decided; no budget is exceeded, and each use of it is held or was given back once.
 *   I3  A call is decided once, and what was denied, expired or revoked took no effect.
 *   I4  What took effect has the arguments of the call.
 *   I9  Nothing took effect but by a command of a step that was kept.
 */
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import type { ApprovalEvent } from "../../machines/approval/events.ts"
import { ApprovalRequest } from "../../machines/approval/events.ts"
import { pendingMax } from "../../machines/limits.ts"
import type { Mode } from "../../machines/policy.ts"
import {
  at,
  begin,
  deny,
  grant,
  heard,
  once,
  type Played,
  rejected,
  revoke,
  rule,
  send,
  sessionEnded,
  settle,
  status,
  withdraw,
  withGrant
} from "../support/approval.ts"

interface Budget {
  readonly usesMax: number | null
  used: number
  isEnded: boolean
}
interface Asked {
  readonly name: string
  readonly params: any
}
interface Call {
  played: Played
  /** Commands of kept steps: a hand may run any of them, at any time, any number of times. */
  readonly commands: Array<Asked>
  /** What hands answered: told in any order, any number of times, or never. */
  readonly facts: Array<ApprovalEvent>
  readonly taken: Set<number>
  readonly effects: Array<string>
  approvals: number
  reserves: number
  refunds: number
}

const isOver = ["completed", "failed", "denied", "expired", "revoked"]
const isWithoutEffect = ["requested", "pending", "denied", "expired", "revoked"]
const requests: ReadonlySet<string> = new Set(ApprovalRequest.members.map(({ fields }) => fields.type.schema.literal))
const nth = <A>(items: ReadonlyArray<A>, n: number): A | undefined => items[n % Math.max(1, items.length)]

class World {
  readonly budgets = new Map<string, Budget>([
    ["grn_1", { usesMax: 1, used: 0, isEnded: false }],
    ["grn_3", { usesMax: null, used: 0, isEnded: false }]
  ])
  /** Places that calls of others take. */
  crowd = 0
  mode: Mode | null
  readonly calls: ReadonlyArray<Call>

  constructor(mode: Mode | null) {
    this.mode = mode
    this.calls = (["write", "danger", "read"] as const).map((risk, n): Call => {
      const played = begin({ approvalId: `apr_${n}`, argumentsHash: String(n).repeat(64), risk })
      const none = { facts: [], taken: new Set<number>(), effects: [], approvals: 0, reserves: 0, refunds: 0 }
      return { played, commands: [...played.last.commands], ...none }
    })
  }

  get waiting() {
    return this.calls.filter(({ played }) => status(played) === "pending").length
  }

  /** The first condition that does not hold; the budgets of this step's own `lend` are there for its `reserve`. */
  #refused({ last: { records } }: Played): ApprovalEvent | null {
    const lent = new Set<string>()
    for (const record of records) {
      if (record.type === "lend") {
        if (this.budgets.has(record.budget.id)) return rejected("budget", record.budget.id, "taken")
        lent.add(record.budget.id)
      }
      if ((record.type === "reserve" && !lent.has(record.budgetId)) || record.type === "ensure") {
        const budget = this.budgets.get(record.budgetId)
        if (budget === undefined || budget.isEnded) return rejected("budget", record.budgetId, "revoked")
        if (record.type === "reserve" && budget.usesMax !== null && budget.used >= budget.usesMax)
          return rejected("budget", record.budgetId, "spent")
      }
      if (record.type === "occupy" && this.waiting + this.crowd >= record.max) return rejected("room", record.room, "full")
    }
    return null
  }

  #keep(call: Call, next: Played) {
    for (const record of next.last.records) {
      if (record.type === "lend") this.budgets.set(record.budget.id, { usesMax: record.budget.usesMax, used: 0, isEnded: false })
      if (record.type === "reserve") {
        this.budgets.get(record.budgetId)!.used++
        call.reserves++
      }
      if (record.type === "refund") {
        this.budgets.get(record.budgetId)!.used--
        call.refunds++
      }
    }
    call.played = next
    call.commands.push(...next.last.commands)
  }

  /** As the journal does: a step whose record is refused is not kept, and its call is told so instead. */
  tell(call: Call, event: ApprovalEvent): void {
    const isAccepted = call.played.snapshot.can(event as never)
    let next = send(call.played, event)
    if (requests.has(event.type)) assert.strictEqual(next.last.taken.length > 0, isAccepted, `${event.type} is taken or refused`)
    const refused = this.#refused(next)
    if (refused === null && isAccepted && event.type === "approve") call.approvals++
    if (refused !== null) next = send(call.played, refused)
    assert.isNull(this.#refused(next), "what answers a refusal is not refused")
    this.#keep(call, next)
    this.holds()
  }

  get #found() {
    const grants = [...this.budgets].map(([id, { usesMax, used }]) =>
      grant(id, { usesLeft: usesMax === null ? null : usesMax - used })
    )
    return { rules: this.mode === null ? [] : [rule(this.mode)], grants, nowMs: 1_000 }
  }

  /** The hand of a command runs, and what it answers is there to be told. */
  runs(call: Call, { name, params }: Asked, fate: number): unknown {
    const { attempt } = params
    const trouble = { reason: "unavailable", message: "503" }
    const has = (event: ApprovalEvent) => void call.facts.push(event)
    if (name === "weigh") has({ type: "weighed", weighing: params.weighing, ...this.#found })
    if (name === "clear") {
      const held = this.#found.grants.map((one) => (one.id === params.grantId ? { ...one, usesLeft: 1 } : one))
      has(
        fate === 0
          ? { type: "blocked", attempt, reason: "connection", message: "expired" }
          : { type: "cleared", attempt, ...this.#found, grants: held }
      )
    }
    if (name === "execute") {
      if (call.taken.has(attempt)) return has({ type: "call.unknown", attempt, message: "another may have sent it" })
      call.taken.add(attempt)
      if (fate < 6) call.effects.push(params.argumentsHash)
      if (fate < 3) has({ type: "call.completed", attempt, result: { id: 1 } })
      else if (fate < 5) has({ type: "call.unknown", attempt, message: "no answer" })
      else if (fate === 6) has({ type: "call.failed", attempt, sent: false, ...trouble })
      else if (fate === 7) has({ type: "call.failed", attempt, sent: true, ...trouble })
      else if (fate === 8) has({ type: "call.unknown", attempt, message: "no answer" })
    }
    if (name === "readBack") {
      call.taken.add(attempt)
      if (fate === 0) has({ type: "readback.unclear", attempt, message: "it cannot be searched" })
      else
        has(
          call.effects.length > 0 ? { type: "readback.found", attempt, result: { id: 1 } } : { type: "readback.absent", attempt }
        )
    }
  }

  holds(): void {
    for (const { played, commands, effects, approvals, reserves, refunds } of this.calls) {
      const { risk, decidedBy, by, grantId, argumentsHash, approvalId } = played.context
      const about = `${approvalId} is ${at(played)}`
      assert.isAtMost(effects.length, 1, `G2: ${about}`)
      assert.isAtMost(approvals, 1, `I3: ${about}, approved twice`)
      assert.isAtMost(refunds, reserves, `I2: ${about}, given back more than was taken`)
      assert.isAtMost(reserves, 1, `I2: ${about}, taken twice`)
      if (effects.length === 0) continue
      assert.isNotNull(decidedBy, `I2: ${about}, took effect, and nobody decided`)
      if (risk === "danger") assert.deepStrictEqual([decidedBy, by, approvals], ["person", "usr_1", 1], `I1: ${about}`)
      assert.notInclude(isWithoutEffect, status(played), `I3: ${about}, and took effect`)
      assert.deepStrictEqual(effects, [argumentsHash], `I4: ${about}`)
      assert.isTrue(
        commands.some(({ name }) => name === "execute"),
        `I9: ${about}, and took effect before a commit`
      )
      if (grantId !== null) assert.deepStrictEqual([reserves, refunds], [1, 0], `I2: ${about}, and its use was given back`)
    }
    for (const [id, { used, usesMax }] of this.budgets) {
      const held = this.calls.filter(({ played, reserves, refunds }) => played.context.grantId === id && reserves > refunds)
      assert.strictEqual(used, held.length, `I2: the uses of ${id}`)
      if (usesMax !== null) assert.isAtMost(used, usesMax, `I2: the budget of ${id}`)
    }
    assert.isAtMost(this.waiting, pendingMax)
  }

  /** Nothing happens any more but deadlines: every call comes to its end, and nothing stays taken for what was never sent. */
  rests(): void {
    for (const call of this.calls) {
      for (let left = 12; call.played.armed.size > 0; left--) {
        assert.isAbove(left, 0, `${at(call.played)} does not end`)
        this.tell(call, [...call.played.armed.values()][0]!)
      }
      const { played, commands, reserves, refunds } = call
      const names = commands.map(({ name }) => name)
      assert.include(isOver, status(played))
      assert.strictEqual(names.filter((name) => name === "wipe").length, 1, `its arguments are destroyed once: ${at(played)}`)
      if (!names.includes("execute"))
        assert.strictEqual(refunds, reserves, `${at(played)}: never sent, and its use not given back`)
    }
    assert.strictEqual(this.waiting, 0)
  }
}

type Turn = readonly [kind: number, which: number, n: number]
const modes = [null, null, "ask", "ask", "allow", "alwaysAsk", "alwaysAsk", "deny"] as const
const settles = ["completed", "failed"] as const

const happens = (world: World, [kind, which, n]: Turn): unknown => {
  const call = nth(world.calls, which)!
  const { commands, facts, played } = call
  const tell = (event: ApprovalEvent | undefined) => event !== undefined && world.tell(call, event)
  // What is newest mostly; sometimes anything there ever was.
  const [command, fact] = [n % 4 === 0 ? nth(commands, n) : commands.at(-1), n % 4 === 0 ? nth(facts, n) : facts.at(-1)]
  if (kind < 30 && command !== undefined) return world.runs(call, command, n % 10)
  if (kind < 60) return tell(fact)
  const rare: ReadonlyArray<() => unknown> = [
    () => tell(once),
    () => tell(once),
    () => tell(once),
    () => tell(withGrant()),
    () => tell(deny),
    () => n % 3 === 0 && tell(revoke),
    () => n % 3 === 0 && tell(withdraw),
    () => n % 5 === 0 && tell(sessionEnded),
    () => tell(heard),
    () => tell(settle(nth(settles, n)!)),
    () => n % 2 === 0 && tell(nth([...played.armed.values()], n)),
    () => {
      world.mode = nth(modes, n)!
    },
    () => {
      const budget = nth([...world.budgets.values()], n)!
      budget.isEnded = n % 3 === 0 || budget.isEnded
    },
    () => {
      world.crowd = n % 4 === 0 ? pendingMax : 0
    }
  ]
  return nth(rare, kind)!()
}

describe("whatever happens to the calls of a session", () => {
  const turn = fc.tuple(fc.nat({ max: 99 }), fc.nat({ max: 2 }), fc.nat({ max: 999 }))

  it("keeps the laws after every step, and comes to rest with nothing taken for what was never sent", () => {
    const seen = new Set<string>()
    fc.assert(
      fc.property(fc.constantFrom(...modes), fc.array(turn, { minLength: 20, maxLength: 200, size: "max" }), (mode, turns) => {
        const world = new World(mode)
        for (const each of turns) {
          happens(world, each)
          for (const { played, effects } of world.calls) seen.add(`${status(played)}${effects.length > 0 ? ", took effect" : ""}`)
        }
        world.rests()
      }),
      { numRuns: 300 }
    )
    const wanted = ["requested", "pending", "approved", "executing", "outcomeUnknown", "denied", "expired", "revoked", "failed"]
    assert.includeMembers([...seen], [...wanted, "completed, took effect", "outcomeUnknown, took effect"], "it goes everywhere")
  })
})
