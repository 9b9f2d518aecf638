/** Words of the journal's suite: a world that brings a journal and its clock, transitions in short, and stories on clean tables. */
import { assert, type layer } from "@effect/vitest"
import { Context, Effect } from "effect"
import type { Directory } from "../../../actors/ports/directory.ts"
import type { Address } from "../../../runtime/address.ts"
import { type Budget, Journal, type JournalError, type Transition, type Verdict } from "../../../runtime/journal.ts"

export class JournalWorld extends Context.Service<
  JournalWorld,
  {
    /** Forgets everything and sets the clock to some time. */
    readonly clear: Effect.Effect<void>
    readonly passTime: (ms: number) => Effect.Effect<void>
    /** Breaks the connection under the next commit, before it is heard or after it is written. */
    readonly lose: (what: "question" | "answer") => Effect.Effect<void>
  }
>()("proliferate/test/JournalWorld") {}

/** Whoever lends budgets, beside the journal. */
export class Lender extends Context.Service<
  Lender,
  {
    /** Ends a budget and those that were narrowed from it; answers with their ids. */
    readonly revoke: (org: string, budgetId: string) => Effect.Effect<ReadonlyArray<string>>
    /** How many uses of a budget are taken. */
    readonly used: (org: string, budgetId: string) => Effect.Effect<number | null>
  }
>()("proliferate/test/Lender") {}

export type Services = Journal | JournalWorld | Directory | Lender

type Suite = Parameters<Parameters<ReturnType<typeof layer<Services, unknown>>>[1] & {}>[0]

export type Story = (title: string, story: () => Effect.Effect<void, unknown, Services>) => void

export const stories =
  (it: Suite): Story =>
  (title, story) =>
    it.effect(title, () =>
      Effect.andThen(
        Effect.flatMap(JournalWorld, ({ clear }) => clear),
        Effect.suspend(story)
      )
    )

export const session = (id: string, org = "org_1"): Address => ({ org, kind: "session", id: `ses_${id}`, home: `ses_${id}` })

/** The step from `base` to the next revision; epoch 1 is taken by the first. */
export const transition = (address: Address, base: number, rest: Partial<Transition> = {}): Transition => ({
  address,
  machineVersion: 1,
  base,
  epoch: base === 0 ? 0 : 1,
  takesEpoch: base === 0,
  earlier: [],
  messageId: `message ${base + 1}`,
  event: { type: "next", n: base + 1 },
  taken: ["even -next-> odd"],
  notices: [],
  by: null,
  cause: null,
  status: "running",
  snapshot: { value: "odd", context: { n: base + 1 } },
  resident: false,
  completes: null,
  commands: [],
  timers: new Map(),
  records: [],
  ...rest
})

export const commit = (...batch: ReadonlyArray<Transition>) => Journal.use((journal) => journal.commit(batch))

/** Commits the first `count` revisions of an actor; the last of them as `rest` says. */
export const begun = Effect.fnUntraced(function* (address: Address, count = 1, rest: Partial<Transition> = {}) {
  for (let base = 0; base < count; base++) {
    assert.deepStrictEqual(tags(yield* commit(transition(address, base, base + 1 === count ? rest : {}))), ["Won"])
  }
})

/** One command of an actor of its own, committed and claimed. */
export const claimedCommand = Effect.fnUntraced(function* (address: Address, claimMs = 30_000) {
  yield* begun(address, 1, { commands: [{ name: "provision", params: { size: 1 } }] })
  const [command] = yield* Journal.use((journal) => journal.claim(1, claimMs))
  assert.strictEqual(command?.address.id, address.id)
  return command!
})

export const tags = (verdicts: ReadonlyArray<Verdict>) => verdicts.map(({ _tag }) => _tag)

export const reasonOf = <A, R>(effect: Effect.Effect<A, JournalError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason)

export const lend = (id: string, usesMax: number | null = null, rest: Partial<Budget> = {}) =>
  ({ type: "lend", budget: { id, usesMax, lastsMs: 60_000, about: {}, ...rest } }) as const
export const reserve = (budgetId: string) => ({ type: "reserve", budgetId }) as const
export const refund = (budgetId: string) => ({ type: "refund", budgetId }) as const
export const ensure = (budgetId: string) => ({ type: "ensure", budgetId }) as const
export const occupy = (room: string, max: number) => ({ type: "occupy", room, max }) as const
export const vacate = (room: string) => ({ type: "vacate", room }) as const

export const claim = (key: string) => ({ type: "claim", name: "sandbox", key }) as const
export const release = (key: string) => ({ type: "release", name: "sandbox", key }) as const
