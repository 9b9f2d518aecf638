/** Words for stories of action calls: what the agent of a session asks for, and what people do about it. */
import { Effect } from "effect"
import { SealedArguments } from "../../actors/arguments.ts"
import { Grants } from "../../actors/ports/grants.ts"
import { Rules } from "../../actors/ports/rules.ts"
import type { ApprovalContext } from "../../machines/approval/context.ts"
import type { Mode } from "../../machines/policy.ts"
import { type Address, nameOf } from "../../runtime/address.ts"
import type { JournalRow } from "../../runtime/journal.ts"
import type { Answer, AskError, Message } from "../../runtime/router.ts"
import { callOf } from "./call-laws.ts"
import { createCall, draftOf } from "./callers.ts"
import { rowsOf } from "./laws.ts"
import type { Node } from "./node.ts"
import { integration } from "./service.ts"
import { callAddress } from "./simulation.ts"
import type { Stores } from "./stores.ts"
import { Story } from "./story.ts"

const org = "org_1"
const minuteMs = 60_000

type Asked = { readonly type: string } & Readonly<Record<string, unknown>>

export const once: Asked = { type: "approve", as: "once" }

export const ruleOf = (action: string, mode: Mode) => {
  const scope = { type: "organisation" as const }
  return { org, integration, action, mode, scope, pins: [], createdBy: "usr_1" }
}

export class CallStory extends Story {
  #made = 0
  #decided = 0

  /** By turns on these nodes; none waits for another. */
  asksAtOnce(action: string, many: number, nodes: ReadonlyArray<Node>): ReadonlyArray<Address> {
    const asked = Array.from({ length: many }, (_, n) => {
      const { address, asking } = this.#call(action, { title: "a title" }, "ses_1", nodes[n % nodes.length]!)
      return { address, fiber: this.fork(asking) }
    })
    this.until(() => asked.every(({ fiber }) => fiber.pollUnsafe() !== undefined), "all are asked for")
    return asked.map(({ address }) => address)
  }

  asks(
    action: string,
    params: Readonly<Record<string, unknown>> = { title: "a title" },
    { home = "ses_1", node = this.node }: { readonly home?: string; readonly node?: Node } = {}
  ): Address {
    const { address, asking } = this.#call(action, params, home, node)
    this.simulation.run(Effect.orDie(asking), minuteMs)
    return address
  }

  #call(action: string, params: Readonly<Record<string, unknown>>, home: string, node: Node) {
    const address = callAddress(`apr_${String(++this.#made).padStart(6, "0")}`, home)
    const put = node.call(SealedArguments.use((sealed) => sealed.put(org, address.id, params)))
    const create = createCall(this.simulation, address, action, params, true)
    return { address, asking: Effect.andThen(put, this.#asking(address, create, node)) }
  }

  /** What people do while no node is up. */
  restarting<A, E>(meanwhile: (stores: Stores) => Effect.Effect<A, E>): void {
    this.node.kill()
    this.simulation.run(Effect.orDie(meanwhile(this.simulation.stores)), minuteMs)
    const next = this.simulation.startNode()
    this.until(() => next.isUp, "another node is up")
  }

  #asking(address: Address, message: Message, node = this.node): Effect.Effect<Answer, AskError> {
    return Effect.tap(node.ask(address, message), (answer) =>
      Effect.sync(() => this.simulation.laws.answered(address, message, answer))
    )
  }

  deciding(address: Address, event: Asked, by: string | null = "usr_1", node = this.node): Effect.Effect<Answer, AskError> {
    const id = `${event.type}:${by}:${++this.#decided}`
    return this.#asking(address, { id, event: (by === null ? event : { ...event, by }) as Message["event"], by }, node)
  }
  decides(address: Address, event: Asked, by?: string | null): Answer {
    return this.simulation.run(Effect.orDie(this.deciding(address, event, by)), minuteMs)
  }
  /** Why it is not taken. */
  refused(address: Address, event: Asked): string {
    return this.simulation.run(Effect.orDie(Effect.flip(this.deciding(address, event))), minuteMs).message
  }

  call(address: Address): ApprovalContext {
    return callOf(this.simulation.journal.actors.get(nameOf(address))!)
  }
  callStatus(address: Address): string {
    return this.simulation.journal.actors.get(nameOf(address))!.stored.status
  }
  callRows(address: Address): ReadonlyArray<JournalRow> {
    return rowsOf(this.simulation.journal.actors.get(nameOf(address)))
  }
  becomes(address: Address, ...statuses: ReadonlyArray<string>): void {
    this.until(() => statuses.includes(this.callStatus(address)), `${address.id} is ${statuses.join(" or ")}`, 6 * minuteMs)
  }
  pending(action = "create_issue", params?: Readonly<Record<string, unknown>>): Address {
    const address = this.asks(action, params)
    this.becomes(address, "pending")
    return address
  }
  effects(address: Address) {
    return this.simulation.service.effects.filter(({ key }) => key === address.id)
  }

  lend(id: string, usesMax: number | null, action = "create_issue"): void {
    const grant = { org, id, draft: draftOf(action, null, usesMax), createdBy: "usr_1", requestId: null, parentId: null }
    this.simulation.run(Effect.orDie(this.node.call(Grants.use((grants) => grants.lend(grant)))), minuteMs)
  }
  endGrant(id: string): void {
    this.simulation.run(Effect.orDie(this.node.call(Grants.use((grants) => grants.revoke(org, id, "usr_1")))), minuteMs)
  }
  used(id: string): number {
    return this.simulation.journal.budgets.get(`${org}/${id}`)!.used
  }
  rules(action: string, mode: Mode): void {
    const set = Rules.use((rules) => rules.set({ ...ruleOf(action, mode), id: `rul_${++this.#decided}` }))
    this.simulation.run(Effect.orDie(this.node.call(set)), minuteMs)
  }

  /** How often the session was told what came of a call. */
  tellings({ id }: Address): number {
    return this.rows().filter(({ messageId }) => messageId === `prompt:out_${id.slice("apr_".length)}`).length
  }
}
