/** `step` enters XState with a scope of its own: held equal to XState's own `transition`, and to what the runtime commits. */
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import {
  type AnyStateMachine,
  assign,
  cancel,
  initialTransition,
  log,
  raise,
  sendTo,
  setup,
  spawnChild,
  transition
} from "xstate"
import { command } from "../../machines/command.ts"
import { sessionMachine } from "../../machines/session.ts"
import { begin, type Decision, persist, restore, step } from "../../runtime/step.ts"
import { begin as beginSession, play, send, start } from "../support/session.ts"
import { alphabet } from "../support/session-space.ts"

interface Action {
  readonly type: string
  readonly params: any
}

/** The same decision, worked out from the actions of XState's own transition. */
const decisionOf = (actions: ReadonlyArray<Action>): Omit<Decision, "snapshot" | "taken"> => {
  const of = (type: string) => actions.filter((action) => action.type === type).map(({ params }) => params)
  const timers = actions.flatMap(({ type, params }): Array<[string, unknown]> => {
    if (type === "xstate.cancel") return [[params.sendId, null]]
    return type === "xstate.raise" && params.delay !== undefined
      ? [[params.id, { delayMs: params.delay, event: params.event }]]
      : []
  })
  return {
    commands: actions
      .filter(({ type }) => !/^(xstate\.|claim$|release$)/.test(type))
      .map(({ type, params }) => ({ name: type, params })),
    notices: of("xstate.emit").map(({ event: { kind, body } }) => ({ kind, body })),
    timers: new Map(timers) as Decision["timers"],
    records: actions.flatMap(({ type, params }) => (type === "claim" || type === "release" ? [{ type, ...params }] : []))
  }
}

const sorted = ({ commands, notices, timers, records }: Omit<Decision, "snapshot" | "taken">) => ({
  commands,
  notices,
  records,
  timers: [...timers].sort(([a], [b]) => a.localeCompare(b))
})

describe("step", () => {
  it("decides as XState does, over thousands of random walks", () => {
    let steps = 0
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 10_000 }), { minLength: 5, maxLength: 30 }), (choices) => {
        let session = beginSession()
        for (const choice of choices) {
          const events = alphabet(session)
          const event = events[choice % events.length]!
          const ours = step(sessionMachine, session.snapshot, event)
          const [theirs, actions] = transition(sessionMachine, session.snapshot as never, event as never)
          assert.deepStrictEqual(persist(ours.snapshot), persist(theirs as never))
          assert.deepStrictEqual(sorted(ours), sorted(decisionOf(actions as ReadonlyArray<Action>)))
          session = send(session, event)
          steps += 1
        }
      }),
      { numRuns: 1_000 }
    )
    assert.isAbove(steps, 10_000)
  })

  it("begins as XState does", () => {
    const create = {
      type: "create",
      configurationId: "cfg_1",
      title: "t",
      owner: null,
      attended: true,
      agent: { name: "scripted", permissions: "ask" }
    } as const
    const ours = begin(sessionMachine, create)
    const [theirs, actions] = initialTransition(sessionMachine, create)
    assert.deepStrictEqual(persist(ours.snapshot), persist(theirs as never))
    assert.deepStrictEqual(sorted(ours), sorted(decisionOf(actions as ReadonlyArray<Action>)))
    assert.deepStrictEqual(ours.taken, ["session -create-> session"])
  })

  it("says which transitions were taken, and takes none for an event that is refused, ignored or forbidden", () => {
    assert.deepStrictEqual(play(beginSession(), start).last.taken, [
      "session.pending -start-> session.provisioning",
      "session.provisioning.waiting -always-> session.provisioning.booting"
    ])
    assert.deepStrictEqual(play(beginSession(), { type: "interrupt" }).last.taken, [])
    assert.deepStrictEqual(play(beginSession(), { type: "sandbox.destroyed", sandboxId: "sbx_1" }).last.taken, [])
    assert.deepStrictEqual(play(beginSession(), { type: "stop" }, { type: "rename", title: "late" }).last.taken, [])
  })

  it("goes on from what was stored as from what was in memory", () => {
    const stored = (decision: Decision) => restore(sessionMachine, JSON.parse(JSON.stringify(persist(decision.snapshot))))
    let inMemory = beginSession().snapshot
    let fromStore = inMemory
    for (const choice of [3, 14, 15, 92, 65, 35, 89, 79, 32, 38, 46, 26, 43, 38, 32, 79]) {
      const events = alphabet({ ...beginSession(), snapshot: inMemory, context: inMemory.context })
      const event = events[choice % events.length]!
      const [a, b] = [step(sessionMachine, inMemory, event), step(sessionMachine, fromStore, event)]
      assert.deepStrictEqual(
        { ...sorted(a), taken: a.taken, at: persist(a.snapshot) },
        { ...sorted(b), taken: b.taken, at: persist(b.snapshot) }
      )
      inMemory = a.snapshot
      fromStore = stored(b)
    }
  })
})

describe("a timer that is cancelled and armed in one step", () => {
  const machine = setup({
    types: { events: {} as { type: "again" | "through" | "twice" } },
    delays: { deadline: 1_000 }
  }).createMachine({
    id: "m",
    initial: "waiting",
    states: {
      waiting: {
        after: { deadline: "waiting" },
        on: {
          again: { target: "waiting", reenter: true },
          through: "passing",
          twice: {
            actions: [
              raise({ type: "again" }, { id: "t", delay: 1 }),
              cancel("t"),
              raise({ type: "through" }, { id: "t", delay: 2 })
            ]
          }
        }
      },
      passing: { after: { deadline: "waiting" }, always: "resting" },
      resting: {}
    }
  })
  const id = "xstate.after.deadline.m.waiting"
  const { snapshot } = begin(machine, { type: "create" })

  it("is armed when it was armed last", () => {
    assert.deepStrictEqual(
      step(machine, snapshot, { type: "again" }).timers,
      new Map([[id, { delayMs: 1_000, event: { type: id } }]])
    )
    assert.deepStrictEqual(
      step(machine, snapshot, { type: "twice" }).timers,
      new Map([["t", { delayMs: 2, event: { type: "through" } }]])
    )
  })

  it("is not when it was cancelled last", () => {
    const { timers } = step(machine, snapshot, { type: "through" })
    assert.deepStrictEqual(
      timers,
      new Map([
        [id, null],
        ["xstate.after.deadline.m.passing", null]
      ])
    )
  })
})

describe("a machine that acts", () => {
  const child = setup({}).createMachine({})
  const acting = (actions: unknown) =>
    setup({ actors: { child } }).createMachine({
      id: "m",
      context: { n: 0 },
      on: { go: { actions } }
    } as never) as unknown as AnyStateMachine

  it.each([
    ["spawns", spawnChild("child"), /./],
    ["sends to another", sendTo("other", { type: "hello" }), /Unable to send event to actor/],
    ["logs", log("hello"), /machines ask by command, they do not act/]
  ])("crashes the step when it %s", (_, action, why) => {
    const machine = acting(action)
    const { snapshot } = begin(machine, { type: "create" })
    assert.throws(() => step(machine, snapshot, { type: "go" }), why)
  })

  it("crashes the step when an action throws, and leaves no trace in the next step", () => {
    const machine = setup({ actions: { ask: command<{ n: number }>() } }).createMachine({
      id: "m",
      context: { n: 0 },
      on: {
        go: {
          actions: [
            { type: "ask", params: { n: 1 } },
            assign({
              n: () => {
                throw new Error("a bug of ours")
              }
            })
          ]
        },
        rest: {}
      }
    })
    const { snapshot } = begin(machine, { type: "create" })
    assert.throws(() => step(machine, snapshot, { type: "go" }), "a bug of ours")
    const next = step(machine, snapshot, { type: "rest" })
    assert.deepStrictEqual([next.commands, next.taken], [[], []])
  })

  it("does not begin when its first context cannot be made", () => {
    const machine = setup({}).createMachine({
      context: () => {
        throw new Error("no context")
      }
    })
    assert.throws(() => begin(machine, { type: "create" }), "no context")
  })
})
