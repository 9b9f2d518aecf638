/** A machine as small as a durable one gets: it counts, and each state waits with a deadline, so that every transition sets one timer and cancels one. */
import { Schema } from "effect"
import { assign, setup } from "xstate"
import type { ActorDefinition } from "../../runtime/actor.ts"

export const counterMachine = setup({
  types: { context: {} as { count: number }, events: {} as { type: "create" } | { type: "next" } },
  actions: { count: assign({ count: ({ context }) => context.count + 1 }) },
  delays: { deadline: 3_600_000 }
}).createMachine({
  id: "counter",
  initial: "even",
  context: { count: 0 },
  states: {
    even: { after: { deadline: "odd" }, on: { next: { target: "odd", actions: "count" } } },
    odd: { after: { deadline: "even" }, on: { next: { target: "even", actions: "count" } } }
  }
})

export const counterActor: ActorDefinition = {
  kind: "counter",
  machine: counterMachine,
  version: 1,
  upgrades: {},
  event: Schema.Struct({ type: Schema.Literals(["create", "next"]) }),
  requests: new Set(["create", "next"]),
  whyNot: () => null,
  commands: {},
  standing: () => [],
  activities: {},
  // Nothing that a list would show changes: what runs beside it writes no list either.
  project: () => ({ title: "", status: "counting", owner: null, configurationId: null, archived: false }),
  announce: () => null,
  crashed: () => ({ type: "never" }),
  buried: () => null
}
