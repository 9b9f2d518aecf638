/**
 * What must hold of action calls, watched while a simulation runs: when something takes effect at the service, and at every commit.
 *
 *   I1  What is dangerous takes effect after a person's approval of that very call alone.
 *   I2  What takes effect was decided; a write by policy under a rule that allowed that exact action; no budget is exceeded.
 *   I3  What was denied, expired or revoked takes no effect, and neither does what nobody dispatched.
 *   I4  What takes effect has the arguments of the call.
 *   I8  No secret, neither of the arguments nor the credential, is in what is committed or told.
 *   I9  Nothing takes effect before the commit that says it is executed.
 *   G2  No write takes effect twice.
 */
import { hashOfValue } from "../../actors/canonical.ts"
import type { ActorRow, JournalState } from "../../adapters/memory/journal-state.ts"
import type { ApprovalContext } from "../../machines/approval/context.ts"
import type { Rule } from "../../machines/policy.ts"
import { nameOf } from "../../runtime/address.ts"
import type { JournalRow, Transition } from "../../runtime/journal.ts"
import { credential, type Effected } from "./service.ts"

/** Of what agents ask with; each secret begins with it. */
export const secretStart = "ghp_0123456789secret"

export const isSecretIn = (text: string): boolean => text.includes(secretStart) || text.includes(credential)

type Must = (holds: boolean, law: string) => void

export const callOf = ({ stored }: ActorRow): ApprovalContext => JSON.parse(stored.snapshot).context

export class CallLaws {
  readonly #journal: JournalState
  readonly #must: Must
  /** Rules as they were ever set, by id and revision. */
  readonly #rules = new Map<string, Rule>()
  /** How often a call took effect, by its id. */
  readonly #effects = new Map<string, number>()

  constructor(journal: JournalState, must: Must) {
    this.#journal = journal
    this.#must = must
  }

  ruled(rule: Rule): void {
    this.#rules.set(`${rule.id} ${rule.revision}`, rule)
  }

  tookEffect({ key, action, params }: Effected): void {
    const actor = this.#journal.actors.get(nameOf({ kind: "approval", id: key }))
    this.#must(actor !== undefined, `I9: ${key} took effect, and there is no such call`)
    const { risk, decidedBy, by, grantId, ruleId, revision, argumentsHash, ...call } = callOf(actor!)
    const { status } = actor!.stored
    const rows = actor!.journal.map((row) => JSON.parse(row) as JournalRow)
    const isExecuted = rows.some(({ effects }) => effects.includes("execute"))
    this.#must(isExecuted, `I9: ${key} took effect before it was committed that it is executed`)
    this.#must(decidedBy !== null, `I2: ${key} took effect, and nobody decided`)
    if (risk === "danger") {
      this.#must(decidedBy === "person" && grantId === null, `I1: ${key} took effect by ${decidedBy} and ${grantId}`)
      const isApproved = rows.some(({ event, taken }) => (event as any).type === "approve" && taken.length > 0)
      this.#must(isApproved && by !== null, `I1: ${key} took effect, and nobody approved it`)
    }
    if (risk === "write" && decidedBy === "policy") {
      const rule = this.#rules.get(`${ruleId} ${revision}`)
      this.#must(
        rule?.mode === "allow" && rule.action === action,
        `I2: ${key} took effect by rule ${ruleId}, which allows no such`
      )
    }
    if (decidedBy === "grant") this.#must(grantId !== null, `I2: ${key} took effect under no grant`)
    this.#must(
      status === "executing" || status === "outcomeUnknown" || risk === "read",
      `I3: ${key} is ${status}, and takes effect`
    )
    this.#must(call.action === action && hashOfValue(params) === argumentsHash, `I4: ${key} took effect with other arguments`)
    const times = (this.#effects.get(key) ?? 0) + 1
    this.#effects.set(key, times)
    this.#must(times === 1 || risk === "read", `G2: ${key} took effect ${times} times`)
  }

  committed({ address, snapshot, event, notices, commands, earlier, records }: Transition): void {
    const written = JSON.stringify([snapshot, event, notices, commands, earlier.map((step) => ({ ...step, timers: 0 })), records])
    this.#must(!isSecretIn(written), `I8: ${nameOf(address)} was committed with a secret in it`)
    for (const { id, usesMax, used } of this.#journal.budgets.values())
      this.#must(used >= 0 && (usesMax === null || used <= usesMax), `I2: ${used} uses of ${id} are taken`)
  }

  /** What can be judged when everything is at rest. */
  atRest(feeds: ReadonlyArray<string>): void {
    const under = new Map<string, { calls: number; effects: number }>()
    const calls = [...this.#journal.actors.values()].filter(({ address }) => address.kind === "approval")
    for (const actor of calls) {
      const { grantId, risk, approvalId } = callOf(actor)
      const effects = this.#effects.get(approvalId) ?? 0
      const { status } = actor.stored
      const isRead = risk === "read"
      if (!isRead) {
        this.#must(status !== "completed" || effects === 1, `G2: ${approvalId} is completed, and took no effect`)
        this.#must(
          effects === 0 || status === "completed" || status === "failed",
          `I3: ${approvalId} is ${status}, and took effect`
        )
      }
      if (grantId === null) continue
      const sum = under.get(grantId) ?? { calls: 0, effects: 0 }
      under.set(grantId, { calls: sum.calls + 1, effects: sum.effects + (isRead ? 0 : effects) })
    }
    for (const { id, used } of this.#journal.budgets.values()) {
      const sum = under.get(id) ?? { calls: 0, effects: 0 }
      this.#must(sum.effects <= used, `I2: ${sum.effects} took effect under ${id}, and ${used} uses are taken`)
      this.#must(used <= sum.calls, `I2: ${used} uses of ${id} are taken, and ${sum.calls} calls had one`)
    }
    for (const event of feeds) this.#must(!isSecretIn(event), `I8: a secret is told: ${event}`)
  }
}
