/** An actor that works: each task is a command, whose fact lets it take the next. Of one organisation nothing goes well. */
import assert from "node:assert"
import { Effect, Schema } from "effect"
import { assign, setup } from "xstate"
import { command } from "../../machines/command.ts"
import type { ActorDefinition } from "../../runtime/actor.ts"

/** Whose hands and standing work crash. */
export const brokenOrg = "org_broken"

type WorkerEvent = { readonly type: "create" | "task" | "done" | "poison" | "givenUp" | "stoodDown" }

const machine = setup({
  types: { context: {} as { readonly tasks: number }, events: {} as WorkerEvent },
  actions: {
    work: command<{ readonly task: number }>(),
    count: assign({ tasks: ({ context }) => context.tasks + 1 }),
    choke: assign(() => assert.fail("poison"))
  },
  delays: { deadline: 3_600_000 }
}).createMachine({
  id: "worker",
  initial: "idle",
  context: { tasks: 0 },
  on: { poison: { actions: "choke" }, stoodDown: { actions: "count" } },
  states: {
    idle: { after: { deadline: "idle" }, on: { task: "busy" } },
    busy: {
      entry: ["count", { type: "work", params: ({ context }) => ({ task: context.tasks }) }],
      after: { deadline: "idle" },
      on: { done: "idle", givenUp: "idle" }
    }
  }
})

/** `onDone` is told of every task that was done, before its fact is. */
export const workerActor = (onDone: (id: string) => void): ActorDefinition => ({
  kind: "worker",
  machine,
  version: 1,
  upgrades: {},
  event: Schema.Struct({ type: Schema.String }),
  requests: new Set(["create", "task", "poison"]),
  whyNot: () => null,
  commands: {
    work: (_, __, { org, id }) =>
      Effect.suspend(() => {
        if (org === brokenOrg) return Effect.die(new Error("this hand is broken"))
        onDone(id)
        return Effect.succeed({ type: "done" })
      })
  },
  standing: (snapshot) => [{ id: `watch:${snapshot.value}`, name: "watch", params: {} }],
  activities: {
    watch: (_, { address }) => (address.org === brokenOrg ? Effect.die(new Error("it does not stand")) : Effect.never)
  },
  project: () => ({ title: "", status: "working", owner: null, configurationId: null, archived: false }),
  announce: () => null,
  crashed: () => ({ type: "stoodDown" }),
  buried: () => ({ type: "givenUp" })
})
