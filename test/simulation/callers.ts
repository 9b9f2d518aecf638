/**
 * Agents that ask for action calls, in good and bad manners, and the people who decide about them: late, twice, at once, for other
 * calls than they meant; lending grants, ending them, and changing the rules meanwhile.
 */
import { Effect } from "effect"
import { SealedArguments } from "../../actors/arguments.ts"
import { hashOfValue } from "../../actors/canonical.ts"
import { displayed } from "../../actors/displayed.ts"
import { Grants } from "../../actors/ports/grants.ts"
import { Rules } from "../../actors/ports/rules.ts"
import type { GrantDraft } from "../../machines/grants.ts"
import { type Address, nameOf } from "../../runtime/address.ts"
import type { Message } from "../../runtime/router.ts"
import { callOf, secretStart } from "./call-laws.ts"
import type { Node } from "./node.ts"
import { Person } from "./people.ts"
import { integration } from "./service.ts"
import { callAddress, type Simulation } from "./simulation.ts"

const org = "org_1"
const actions = ["get_issue", "create_issue", "create_issue", "create_issue", "add_comment", "merge"]
const putsMax = 4
/** More than its session's room holds. */
const burstMax = 14
const lookEveryMs = 60_000
const settled = ["completed", "failed", "denied", "expired", "revoked"]

type Asked = { readonly type: string } & Readonly<Record<string, unknown>>

/** As actors/services/actions.ts makes it, once what it asks for is known to be there. */
export const createCall = (
  { service }: Simulation,
  { id, home }: Address,
  action: string,
  params: Readonly<Record<string, unknown>>,
  attended: boolean
): Message => ({
  id: "create",
  event: {
    type: "create",
    ...{ approvalId: id, sessionId: home, configurationId: "cfg_1", automationId: null, integration, action, attended },
    risk: service.riskOf(action),
    params: displayed(params).value,
    argumentsHash: hashOfValue(params)
  } as Message["event"],
  by: null
})

export const draftOf = (action: string, home: string | null, usesMax: number | null): GrantDraft => ({
  scope: home === null ? { type: "organisation", id: org } : { type: "session", id: home },
  ...{ integration, action, constraints: [], usesMax, lastsMs: 3_600_000 }
})

const onSomeNode = <A, E>(simulation: Simulation, use: (node: Node) => Effect.Effect<A, E>) =>
  Effect.suspend(() => {
    const { nodesUp, timeline } = simulation
    return nodesUp.length === 0 ? Effect.succeed(null) : Effect.orElseSucceed(use(timeline.pick(nodesUp)), () => null)
  })

/** The agent of one session. */
export const agentOf = (simulation: Simulation, { home }: Address): Effect.Effect<void> => {
  const { timeline, weather, counts, journal } = simulation

  const asks = Effect.gen(function* () {
    const id = `apr_${String(++counts.calls).padStart(6, "0")}`
    const address = callAddress(id, home)
    const [action, secret] = [timeline.pick(actions), `${secretStart}${counts.calls}`]
    const params = { title: `title of ${id}`, body: `with ${secret} in it`, token: secret }
    const person = new Person(simulation, address)
    const create = createCall(simulation, address, action, params, timeline.chance(0.5))
    const put = onSomeNode(simulation, (node) =>
      node.call(
        Effect.as(
          SealedArguments.use((sealed) => sealed.put(org, id, params)),
          true
        )
      )
    )
    for (let puts = 0; (yield* put) === null; puts++) {
      if (puts === putsMax) return
      yield* weather.pass(100, 2_000)
    }
    if ((yield* person.ask(create)) === null) return
    if (timeline.chance(0.1)) yield* person.ask(create)
    yield* weather.pass(100, timeline.pick([2_000, 60_000]))
    const event: Asked | null = timeline.chance(0.1) ? { type: "withdraw" } : timeline.chance(0.5) ? { type: "heard" } : null
    if (event !== null) yield* person.ask({ id: event.type, event, by: null })
  })

  const lives = () => {
    const status = journal.actors.get(nameOf({ kind: "session", id: home }))?.stored.status
    return status !== undefined && status !== "stopped"
  }

  return Effect.gen(function* () {
    while (!weather.isCalm) {
      if (!lives() && timeline.chance(0.9)) {
        yield* weather.pass(5_000, 60_000)
        continue
      }
      yield* weather.pass(500, timeline.pick([5_000, 30_000, 120_000]))
      const many = timeline.chance(0.1) ? 2 + timeline.below(burstMax) : 1
      yield* Effect.forEach(Array.from({ length: many }), () => asks, { concurrency: "unbounded" })
    }
  })
}

/** Those of the organisation who may decide. In the end they decide everything, and look after what nobody knows of. */
export const deciders = (simulation: Simulation): Effect.Effect<void> => {
  const { timeline, weather, journal, service } = simulation
  let asked = 0
  let lent = 0

  const calls = () => [...journal.actors.values()].filter(({ address }) => address.kind === "approval")
  const decide = (address: Address, event: Asked, by: string) =>
    new Person(simulation, address).ask({ id: `${event.type}:${by}:${++asked}`, event: { ...event, by } as Message["event"], by })
  /** Who looks finds out what is so. */
  const settle = (address: Address): Asked => ({
    ...{ type: "settle", as: service.hasEffected(address.id) ? "completed" : "failed", note: "looked" }
  })
  const opinion = (address: Address, action: string): Asked => {
    const grant = () => {
      const home = timeline.chance(0.7) ? address.home : null
      return {
        id: `grn_${++lent}`,
        draft: draftOf(timeline.chance(0.8) ? action : "*", home, 1 + timeline.below(3)),
        requestId: null
      }
    }
    return timeline.pick<() => Asked>([
      () => ({ type: "approve", as: "once" }),
      () => ({ type: "approve", as: "once" }),
      () => ({ type: "approve", as: "once" }),
      () => ({ type: "approve", as: "grant", grant: grant() }),
      () => ({ type: "approve", as: "grant", grant: grant() }),
      () => ({ type: "deny", reason: "not today" }),
      () => ({ type: "revoke", reason: "a mistake" })
    ])()
  }

  const decideOne = Effect.suspend(() => {
    const waiting = calls().filter(({ stored }) => !settled.includes(stored.status))
    const all = timeline.chance(0.9) ? waiting : calls()
    if (all.length === 0) return Effect.void
    const actor = timeline.pick(all)
    const { address } = actor
    if (actor.stored.status === "outcomeUnknown")
      return service.isFlying(address.id) ? Effect.void : Effect.asVoid(decide(address, settle(address), "usr_1"))
    const { action } = callOf(actor)
    const who = timeline.chance(0.2) ? ["usr_1", "usr_2", "usr_3"] : [timeline.pick(["usr_1", "usr_2"])]
    return Effect.forEach(who, (by) => decide(address, opinion(address, action), by), { concurrency: "unbounded", discard: true })
  })

  const rule = Effect.suspend(() => {
    const action = timeline.pick(["create_issue", "add_comment", "merge", "*"])
    const mode = timeline.pick(["allow", "ask", "alwaysAsk", "deny"] as const)
    const subject = { integration, action, mode, scope: { type: "organisation" as const }, pins: [] }
    return onSomeNode(simulation, (node) =>
      node.call(
        Rules.use((rules) => {
          if (timeline.chance(0.6)) return Effect.asVoid(rules.set({ org, id: `rul_${++asked}`, createdBy: "usr_1", ...subject }))
          const first = Effect.map(rules.book(org), (book) => book.rules[0])
          return Effect.flatMap(first, (one) => (one === undefined ? Effect.void : Effect.asVoid(rules.remove(org, one.id))))
        })
      )
    )
  })

  const lend = Effect.suspend(() => {
    const draft = draftOf(timeline.pick(["create_issue", "add_comment", "merge", "*"]), null, timeline.pick([1, 2, 5, null]))
    const grant = { org, id: `grn_${++lent}`, draft, createdBy: "usr_1", requestId: null, parentId: null }
    return onSomeNode(simulation, (node) => node.call(Grants.use((grants) => grants.lend(grant))))
  })

  const endGrant = Effect.suspend(() => {
    const live = [...journal.budgets.values()].filter(({ revokedAtMs }) => revokedAtMs === null)
    if (live.length === 0) return Effect.void
    const { id } = timeline.pick(live)
    return onSomeNode(simulation, (node) => node.call(Grants.use((grants) => grants.revoke(org, id, "usr_2"))))
  })

  const anything = Effect.suspend(
    (): Effect.Effect<unknown> => timeline.pick([decideOne, decideOne, decideOne, decideOne, rule, lend, endGrant])
  )

  return Effect.gen(function* () {
    const apartMs = timeline.pick([2_000, 10_000, 60_000])
    while (!weather.isCalm) {
      yield* weather.pass(100, apartMs)
      yield* anything
    }
    while (true) {
      for (const actor of calls()) {
        const { address, stored } = actor
        if (stored.status === "pending") yield* decide(address, { type: "deny", reason: "it is late" }, "usr_1")
        if (stored.status === "outcomeUnknown" && !service.isFlying(address.id)) yield* decide(address, settle(address), "usr_1")
      }
      yield* Effect.sleep(lookEveryMs)
    }
  })
}
