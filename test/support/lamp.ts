/** A small actor for tests of the runtime: a lamp that is heated before it shines, burns out in an hour, and is plugged into a socket. */
import assert from "node:assert"
import { Effect, Schema } from "effect"
import { assign, emit, setup } from "xstate"
import { claim, command, release } from "../../machines/command.ts"
import type { ActorDefinition, Fact, NotYet, Voice } from "../../runtime/actor.ts"
import type { Address } from "../../runtime/address.ts"

type LampEvent =
  | { readonly type: "create" | "switchOn" | "switchOff" | "shatter" | "warmed" | "glowLost" | "cold" | "record.rejected" }
  | { readonly type: "plug" | "unplug"; readonly socket: string }
  | { readonly type: "say"; readonly text: string }

const notice = (kind: string, body: Record<string, unknown>) => ({ type: "notice" as const, kind, body })

export const lampMachine = setup({
  types: {
    context: {} as { readonly heats: number; readonly said: string; readonly trouble: string | null },
    events: {} as LampEvent,
    emitted: {} as ReturnType<typeof notice>
  },
  actions: {
    heat: command<{ readonly watts: number }>(),
    claim,
    release,
    shatter: assign(() => assert.fail("it shattered"))
  },
  delays: { burnout: 3_600_000, warmUp: 60_000 }
}).createMachine({
  id: "lamp",
  initial: "off",
  context: { heats: 0, said: "", trouble: null },
  on: {
    say: {
      actions: [assign({ said: ({ event }) => event.text }), emit(({ event }) => notice("said", { text: event.text }))]
    },
    shatter: { actions: "shatter" },
    plug: { actions: { type: "claim", params: ({ event }) => ({ name: "socket", key: event.socket }) } },
    unplug: { actions: { type: "release", params: ({ event }) => ({ name: "socket", key: event.socket }) } },
    "record.rejected": { actions: assign({ trouble: "the socket is taken" }) }
  },
  states: {
    off: { on: { switchOn: { target: "warming", actions: emit(notice("click", {})) } } },
    warming: {
      entry: [assign({ heats: ({ context }) => context.heats + 1 }), { type: "heat", params: { watts: 60 } }],
      after: { warmUp: { target: "off", actions: assign({ trouble: "it did not get warm" }) } },
      on: { warmed: "lit", cold: { target: "off", actions: assign({ trouble: "given up" }) }, switchOff: "off" }
    },
    lit: {
      after: { burnout: "off" },
      on: { switchOff: "off", glowLost: { target: "off", actions: assign({ trouble: "its glow crashed" }) } }
    }
  }
})

export interface LampWorld {
  /** What heating does, given its key. */
  readonly heat?: (key: string) => Effect.Effect<Fact | NotYet | void>
  /** What stands beside a lamp that is lit. */
  readonly glow?: (voice: Voice) => Effect.Effect<void>
  readonly version?: number
}

export const lampActor = ({ heat, glow, version = 1 }: LampWorld = {}): ActorDefinition => ({
  kind: "lamp",
  machine: lampMachine,
  version,
  upgrades: {},
  event: Schema.Struct({ type: Schema.String }),
  requests: new Set(["create", "switchOn", "switchOff", "plug", "unplug", "say", "shatter"]),
  whyNot: () => null,
  commands: { heat: (_, key) => heat?.(key) ?? Effect.succeed({ type: "warmed" }) },
  standing: (snapshot) => (snapshot.matches("lit") ? [{ id: "glow", name: "glow", params: {} }] : []),
  activities: { glow: (_, voice) => glow?.(voice) ?? Effect.never },
  project: (snapshot) => ({
    title: snapshot.context.said,
    status: String(snapshot.value),
    owner: null,
    configurationId: null,
    archived: false
  }),
  announce: (snapshot) => ({ kind: "state", body: { state: snapshot.value } }),
  crashed: () => ({ type: "glowLost" }),
  buried: () => ({ type: "cold" })
})

export const lampAddress = (id: string, home = id, org = "org_1"): Address => ({ org, kind: "lamp", id, home })
