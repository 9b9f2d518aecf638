/**
 * From a person's decision to the call at the service: the approval is committed, weighed again, cleared, committed, its dispatch
 * written, and the provider called; the provider's own time is not in it. Against three bare commits of one row, one after another,
 * which is the least that lets no crash lose or repeat it. One call at a time, in turn, each heard by its agent before the next, and no
 * faster than an organisation's calls may go to one service: what was held back for that would be measured, and so would the prompts
 * by which a session is told of calls that nobody heard of.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Layer, Redacted } from "effect"
import { approvalActor } from "../../actors/approval.ts"
import { SealedArguments } from "../../actors/arguments.ts"
import { hashOfValue } from "../../actors/canonical.ts"
import { Mail } from "../../actors/mail.ts"
import { type Provider, Providers } from "../../actors/ports/actions.ts"
import { ConnectionRecords } from "../../actors/ports/connections.ts"
import { Directory } from "../../actors/ports/directory.ts"
import { Seals } from "../../actors/ports/seals.ts"
import { sessionActor } from "../../actors/session.ts"
import { layer as postgresDirectory } from "../../adapters/postgres/directory.ts"
import { Postgres } from "../../adapters/postgres/pool.ts"
import { actionHands, actionRecords, actionTables } from "../../cli/actions.ts"
import type { ActorDefinition } from "../../runtime/actor.ts"
import { localRouter } from "../../runtime/local-router.ts"
import { Router } from "../../runtime/router.ts"
import { notebook } from "../support/notebook.ts"
import { quantile, type Row, rowOf } from "./rows.ts"
import { sessionAt, storeIdle } from "./session.ts"

const [warmUp, slices, perSlice] = [20, 5, 60]
/** 20 a second are let through in the long run. */
const apartMs = 60
const definitions = [sessionActor, approvalActor] as unknown as ReadonlyArray<ActorDefinition>

export const benchDecision = Effect.gen(function* () {
  const { sql } = yield* Postgres
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "proliferate-bench-"))),
    (made) => Effect.sync(() => rmSync(made, { recursive: true, force: true }))
  )
  const { provider } = notebook()
  let calledAt = 0
  let called = () => {}
  const timed: Provider = {
    ...provider,
    execute: (call) =>
      Effect.suspend(() => {
        calledAt = performance.now()
        called()
        return provider.execute(call)
      })
  }
  const services = Layer.succeed(
    Providers,
    Providers.of({ of: () => Effect.succeed([timed]), find: () => Effect.succeed(timed) })
  )
  const count = warmUp + slices * perSlice
  yield* storeIdle("decided", 1, sessionActor.version)
  const { org, id: sessionId } = sessionAt("decided", 0)
  const [mine, bare]: [Array<number>, Array<number>] = [[], []]

  yield* Effect.gen(function* () {
    const [router, sealed, seals] = [yield* Router, yield* SealedArguments, yield* Seals]
    yield* Directory.use((all) => all.addOrganisation({ id: org, name: org }))
    const secret = Redacted.make('{"kind":"token","token":"good-token"}')
    yield* ConnectionRecords.use((all) =>
      all.connect({
        ...{
          id: "con_1",
          org,
          integration: "notebook",
          kind: "token",
          account: null,
          scopes: [],
          settings: {},
          expiresAtMs: null
        },
        ...{ createdBy: null, checkedAtMs: 1, sealed: seals.seal({ purpose: "connection", org, id: "con_1" }, secret) }
      })
    )
    yield* Effect.promise(() => sql`create table bare_commits (id int4 primary key, step int4 not null)`)
    yield* Effect.promise(() => sql`insert into bare_commits values (1, 0)`)

    for (let n = 0; n < count; n++) {
      const id = `apr_${String(n).padStart(6, "0")}`
      const address = { org, kind: "approval", id, home: sessionId }
      const params = { page: "home", text: `note ${n}` }
      yield* sealed.put(org, id, params)
      const event = {
        ...{ type: "create", approvalId: id, sessionId, configurationId: null, automationId: null, integration: "notebook" },
        ...{ action: "add_note", risk: "write", params, argumentsHash: hashOfValue(params), attended: true }
      }
      yield* router.ask(address, { id: "create", event, by: null })
      while ((yield* router.look(address))?.status !== "pending") yield* Effect.sleep(1)
      const reached = new Promise<void>((resolve) => {
        called = resolve
      })
      const decidedAt = performance.now()
      yield* router.ask(address, { id: "approve", event: { type: "approve", by: "usr_1", as: "once" } as never, by: "usr_1" })
      yield* Effect.promise(() => reached)
      mine.push(calledAt - decidedAt)
      while ((yield* router.look(address))?.status !== "completed") yield* Effect.sleep(1)
      yield* router.ask(address, { id: "heard", event: { type: "heard" }, by: null })

      const beganAt = performance.now()
      for (let step = 0; step < 3; step++) yield* Effect.promise(() => sql`update bare_commits set step = step + 1 where id = 1`)
      bare.push(performance.now() - beganAt)
      yield* Effect.sleep(Math.max(0, apartMs - (performance.now() - decidedAt)))
    }
  }).pipe(
    Effect.provide(
      Mail.bound.pipe(
        Layer.provideMerge(Layer.fresh(localRouter(definitions))),
        Layer.provideMerge(actionHands),
        Layer.provideMerge(services),
        Layer.provideMerge(actionRecords(directory)),
        Layer.provideMerge(Layer.mergeAll(actionTables, postgresDirectory))
      )
    )
  )
  const of = (values: ReadonlyArray<number>, q: number) =>
    Array.from({ length: slices }, (_, n) => quantile(values.slice(warmUp + n * perSlice, warmUp + (n + 1) * perSlice), q))
  return [
    rowOf("decision to the service p50", "three bare commits", "ms", of(mine, 0.5), of(bare, 0.5), null),
    rowOf("decision to the service p99", "three bare commits", "ms", of(mine, 0.99), of(bare, 0.99), null)
  ] satisfies ReadonlyArray<Row>
})
