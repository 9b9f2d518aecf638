/**
 * Action calls in simulated time with their real hands: processes on one journal in memory, a service that forgets to answer,
 * answers late or not at all, and people. The laws are asked after each story, of what is stored and of what took effect:
 *
 *   I1  What is dangerous took effect after a person's approval alone.
 *   I2  What took effect was decided, and no budget is exceeded.
 *   I3  What was denied, expired or revoked took no effect.
 *   I4  What took effect has the arguments of the call.
 *   I9  Nothing took effect before the commit that says it is executed.
 *   G2  Nothing took effect twice.
 */
import assert from "node:assert"
import { Context, Effect, Redacted, Schema } from "effect"
import { approvalActor } from "../../actors/approval.ts"
import { SealedArguments } from "../../actors/arguments.ts"
import { canonical, hashOfValue } from "../../actors/canonical.ts"
import { Mail } from "../../actors/mail.ts"
import { Pace } from "../../actors/pace.ts"
import { ActionError, type Provider, Providers, type Risk } from "../../actors/ports/actions.ts"
import { Calls } from "../../actors/ports/calls.ts"
import { Grants } from "../../actors/ports/grants.ts"
import { Rules } from "../../actors/ports/rules.ts"
import { CredentialsOf } from "../../actors/services/credentials.ts"
import { memoryCalls } from "../../adapters/memory/calls.ts"
import { memoryGrants } from "../../adapters/memory/grants.ts"
import { memoryRules } from "../../adapters/memory/rules.ts"
import type { ApprovalContext } from "../../machines/approval/context.ts"
import type { ActorDefinition } from "../../runtime/actor.ts"
import { type Address, nameOf } from "../../runtime/address.ts"
import { type Hosting, Place } from "../support/hosting.ts"

export const org = "org_1"
const home = "ses_1"

/** What befalls a call at the service. */
export type Fate = "answers" | "fails" | "effect, then silence" | "silence"

interface Effected {
  readonly key: string
  readonly action: string
  readonly params: unknown
}

const actionOf = (name: string, risk: Risk) => ({
  name,
  title: name,
  description: name,
  risk,
  params: Schema.Record(Schema.String, Schema.Json) as Schema.Codec<any, any>,
  inputSchema: {},
  honoursKeys: false,
  readsBack: true,
  example: {},
  schemaHash: "0",
  drifted: false
})

export class Actions {
  readonly place = new Place()
  readonly effects: Array<Effected> = []
  /** In the order of the calls; the last one stays. */
  fates: Array<Fate> = ["answers"]
  /** Whether the service can be asked what took effect. */
  readsBack = true
  sessionStatus = "running"
  readonly #calls = memoryCalls(this.place.journal)
  readonly grants = memoryGrants(this.place.journal)
  readonly rules = memoryRules()
  readonly #arguments = new Map<string, unknown>()
  made = 0

  readonly #provider: Provider = {
    integration: "github",
    displayName: "GitHub",
    takes: ["token"],
    trouble: null,
    actions: [actionOf("get_issue", "read"), actionOf("create_issue", "write"), actionOf("merge", "danger")],
    guide: { overview: "", tips: [] },
    oauth: null,
    app: null,
    check: () => Effect.succeed({ account: "a", scopes: [] }),
    execute: ({ key, action, params }) => Effect.suspend(() => this.#befalls({ key, action, params })),
    readBack: ({ key }) =>
      Effect.sync(() => {
        if (!this.readsBack) return { _tag: "Unclear", message: "it cannot be searched" } as const
        return this.effects.some((effect) => effect.key === key)
          ? ({ _tag: "Found", result: { ok: true } } as const)
          : ({ _tag: "Absent" } as const)
      }),
    revoke: () => Effect.void
  }

  #befalls(effect: Effected): Effect.Effect<unknown, ActionError> {
    const fate = this.fates.length > 1 ? this.fates.shift()! : this.fates[0]!
    if (fate === "answers" || fate === "effect, then silence") this.effects.push(effect)
    if (fate === "answers") return Effect.succeed({ ok: true })
    if (fate !== "fails") return Effect.never
    const sent = { reason: "unavailable", sent: false, retryAfterMs: null, integration: "github", message: "503" } as const
    return Effect.fail(new ActionError(sent))
  }

  get #services() {
    const credential = Redacted.make({ kind: "token" as const, token: "secret" })
    return Context.empty().pipe(
      Context.add(Calls, this.#calls),
      Context.add(Grants, this.grants),
      Context.add(Rules, this.rules),
      Context.add(Providers, { of: () => Effect.succeed([this.#provider]), find: () => Effect.succeed(this.#provider) }),
      Context.add(Pace, { take: () => Effect.succeed(0), hold: () => Effect.void }),
      Context.add(CredentialsOf, {
        usable: () => Effect.succeed(credential),
        kept: () => Effect.succeed(credential),
        refused: () => Effect.void
      }),
      Context.add(SealedArguments, {
        put: () => Effect.void,
        open: ({ approvalId }) => Effect.sync(() => this.#arguments.get(approvalId) as Record<string, unknown>),
        wipe: () => Effect.void
      }),
      Context.add(Mail, {
        ask: () => Effect.succeed({ rev: 1, duplicate: false }),
        look: () => Effect.sync(() => ({ status: this.sessionStatus }) as never),
        bind: () => {}
      })
    )
  }

  /** A process that hosts action calls, with their hands as they are, or some of them changed. */
  host(changed: Partial<(typeof approvalActor)["commands"]> = {}): Hosting {
    const commands = Object.entries({ ...approvalActor.commands, ...changed }).map(([name, hand]) => [
      name,
      (params: unknown, key: string, address: Address) => Effect.provideContext(hand!(params, key, address), this.#services)
    ])
    return this.place.host({ ...approvalActor, commands: Object.fromEntries(commands) } as unknown as ActorDefinition)
  }

  /** The agent asks. */
  asks(process: Hosting, action: string, params: Record<string, unknown> = { title: "a title" }): Address {
    const id = `apr_${++this.made}`
    const address = { org, kind: "approval", id, home }
    this.#arguments.set(id, JSON.parse(canonical(params)))
    process.ask(address, {
      type: "create",
      approvalId: id,
      sessionId: home,
      configurationId: null,
      automationId: null,
      integration: "github",
      action,
      risk: this.#provider.actions.find(({ name }) => name === action)!.risk,
      params: { title: "[REDACTED]" },
      argumentsHash: hashOfValue(params),
      attended: true
    })
    return address
  }

  context({ kind, id }: Address): ApprovalContext {
    return JSON.parse(this.place.journal.actors.get(nameOf({ kind, id }))!.stored.snapshot).context
  }

  becomes(address: Address, ...statuses: ReadonlyArray<string>): void {
    this.place.until(() => statuses.includes(this.place.status(address) ?? ""), `${address.id} is ${statuses.join(" or ")}`)
  }

  lend(id: string, usesMax: number | null, integration = "github", action = "create_issue") {
    const draft = { scope: { type: "organisation" as const, id: org }, integration, action, constraints: [], usesMax }
    return this.grants.lend({
      org,
      id,
      draft: { ...draft, lastsMs: 3_600_000 },
      createdBy: "usr_1",
      requestId: null,
      parentId: null
    })
  }

  used(id: string): number {
    return this.place.journal.budgets.get(`${org}/${id}`)!.used
  }

  /** The laws, of all that is stored. */
  holds(): void {
    const spent = new Map<string, number>()
    for (const { address } of this.place.journal.actors.values()) {
      const { id } = address
      const effects = this.effects.filter(({ key }) => key === id)
      const context = this.context(address)
      const status = this.place.status(address)!
      if (effects.length === 0) continue
      // A read changes nothing, and may be made again.
      assert(effects.length === 1 || context.risk === "read", `G2: ${id} took effect ${effects.length} times`)
      assert(context.decidedBy !== null, `I2: ${id} took effect, and nobody decided`)
      if (context.risk === "danger") assert(context.decidedBy === "person" && context.grantId === null, `I1: ${id} took effect`)
      assert(
        !["requested", "pending", "denied", "expired", "revoked"].includes(status),
        `I3: ${id} is ${status}, and took effect`
      )
      assert(hashOfValue(effects[0]!.params) === context.argumentsHash, `I4: ${id} took effect with other arguments`)
      assert(
        this.place.rows(address).some(({ effects }) => effects.includes("execute")),
        `I9: ${id} took effect before that was committed`
      )
      if (context.grantId !== null) spent.set(context.grantId, (spent.get(context.grantId) ?? 0) + 1)
    }
    for (const { id, usesMax, used } of this.place.journal.budgets.values()) {
      assert(usesMax === null || used <= usesMax, `I2: ${used} uses of ${id} are taken`)
      assert((spent.get(id) ?? 0) <= used, `I2: more took effect under ${id} than uses are taken`)
    }
  }
}
