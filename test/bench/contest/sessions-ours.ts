/**
 * Durable sessions on our runtime: eight persisted transitions each, after the one that creates it. Three are asked for, the third of
 * them asks for a call; its hand calls the provider under the command's key, and the fact is the fourth; a durable timer of 100 ms
 * the fifth; three more are asked for. Each is asked for when the one before is acknowledged after its commit.
 */
import { Deferred, Effect, Layer, Schema } from "effect"
import { assign, setup } from "xstate"
import { Postgres } from "../../../adapters/postgres/pool.ts"
import { command } from "../../../machines/command.ts"
import type { ActorDefinition } from "../../../runtime/actor.ts"
import { Inspector } from "../../../runtime/inspection.ts"
import { Router } from "../../../runtime/router.ts"
import { counterActor } from "../counter.ts"
import { answering, input } from "./answering.ts"
import { post } from "./provider.ts"
import { runtimeOn } from "./runtime.ts"

const { url, providerUrl } = input<{ readonly url: string; readonly providerUrl: string }>()
const timerMs = 100

const machine = setup({
  types: { context: {} as { count: number }, events: {} as { type: "create" | "next" | "posted" } },
  actions: { count: assign({ count: ({ context }) => context.count + 1 }), post: command<Record<string, never>>() },
  delays: { pause: timerMs }
}).createMachine({
  id: "journey",
  initial: "s0",
  context: { count: 0 },
  states: {
    s0: { on: { next: { target: "s1", actions: "count" } } },
    s1: { on: { next: { target: "s2", actions: "count" } } },
    s2: { on: { next: { target: "posting", actions: "count" } } },
    posting: { entry: { type: "post", params: {} }, on: { posted: { target: "pausing", actions: "count" } } },
    pausing: { after: { pause: { target: "s5", actions: "count" } } },
    s5: { on: { next: { target: "s6", actions: "count" } } },
    s6: { on: { next: { target: "s7", actions: "count" } } },
    s7: { on: { next: { target: "s8", actions: "count" } } },
    s8: {}
  }
})

const definition: ActorDefinition = {
  ...counterActor,
  kind: "journey",
  machine,
  event: Schema.Struct({ type: Schema.Literals(["create", "next", "posted"]) }),
  commands: {
    post: (_, key) =>
      Effect.as(
        Effect.promise(() => post(providerUrl, key)),
        { type: "posted" }
      )
  }
}

/** By actor: told when its timer has fired and is committed. */
const paused = new Map<string, Deferred.Deferred<void>>()
const heard = Layer.succeed(Inspector, (inspection) => {
  if (inspection.type !== "actor.stepped" || !inspection.event.startsWith("xstate.after.")) return
  const waiting = paused.get(inspection.address.id)
  if (waiting !== undefined) Deferred.doneUnsafe(waiting, Effect.void)
})

const program = Effect.gen(function* () {
  const [router, { sql }] = [yield* Router, yield* Postgres]
  const session = Effect.fnUntraced(function* (id: string) {
    const address = { org: "org_bench", kind: "journey", id, home: id }
    const resumed = Deferred.makeUnsafe<void>()
    paused.set(id, resumed)
    const ask = (type: string, n: number) => router.ask(address, { id: `${type}:${n}`, event: { type }, by: null })
    yield* ask("create", 0)
    for (const n of [1, 2, 3]) yield* ask("next", n)
    yield* Deferred.await(resumed)
    for (const n of [6, 7, 8]) yield* ask("next", n)
    paused.delete(id)
  })
  const round = Effect.fnUntraced(function* ({ prefix, sessions }: { readonly prefix: string; readonly sessions: number }) {
    const ids = Array.from({ length: sessions }, (_, n) => `${prefix}_${n}`)
    const startedAt = performance.now()
    yield* Effect.forEach(ids, session, { concurrency: "unbounded", discard: true })
    const tookMs = performance.now() - startedAt
    const [ended] = yield* Effect.promise(
      () => sql<Array<{ readonly count: number }>>`
      select count(*)::int as count from actors where kind = 'journey' and rev = 9 and snapshot->>'value' = 's8'
        and id like ${`${prefix}\\_%`}`
    )
    return { tookMs, ended: ended!.count }
  })
  for (const setting of ["fsync", "synchronous_commit"]) {
    const [row] = yield* Effect.promise(() => sql.unsafe(`show ${setting}`))
    if (row?.[setting] !== "on") return yield* Effect.die(new Error(`${setting} is ${row?.[setting]}: no figure would count`))
  }
  yield* Effect.promise(() =>
    answering<{ readonly prefix: string; readonly sessions: number }>((line) => Effect.runPromise(round(line)))
  )
})
await Effect.runPromise(Effect.scoped(program.pipe(Effect.provide(runtimeOn(url, definition)), Effect.provide(heard))))
