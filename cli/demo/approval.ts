/**
 * Actions, told through the public API: an agent reads freely; its write waits for a person, who approves it with a grant of two uses;
 * the next write runs under it, the one after asks again; a dangerous one is refused; a write whose answer is lost is looked for and
 * not made twice; a grant that is revoked stops what waits under it. Each step happened, or the story ends with what was seen.
 */
import { randomUUID } from "node:crypto"
import { Effect, Schema, type Scope } from "effect"
import { SessionView } from "../../adapters/gateway/protocol.ts"
import { type Connection, call } from "../api.ts"
import type { Paint } from "../output.ts"
import { transcript } from "../transcript.ts"
import { DemoFailed } from "./failure.ts"
import { type Tracker, trackerToken } from "./tracker.ts"
import { watchSession } from "./watch.ts"

const bootLimitMs = 150_000
const stepLimitMs = 60_000
/** Decisions that are measured. */
const measured = 20

const Id = Schema.Struct({ id: Schema.String })
const Accepted = Schema.Struct({ rev: Schema.Int })
const Seen = Schema.Struct({
  id: Schema.String,
  status: Schema.String,
  decidedBy: Schema.NullOr(Schema.String),
  message: Schema.NullOr(Schema.String)
})
const Decided = Schema.Struct({ ...Seen.fields, said: Schema.String, grantId: Schema.NullOr(Schema.String) })

interface Stage {
  readonly connection: Connection
  readonly location: string
  readonly tracker: Tracker
  readonly print: (text: string) => void
  readonly heading: (title: string) => void
  readonly paint: Paint
  readonly columns: number | null
}

const where = { owner: "acme", repo: "api" }
const quoted = (value: unknown) => `'${JSON.stringify(value).replaceAll("'", `'\\''`)}'`
const command = (action: string, params: unknown) =>
  `proliferate actions run --integration github --action ${action} --params ${quoted(params)}`
const comment = (body: string) => command("comment", { ...where, issue_number: 7, body })

const percentile = (times: ReadonlyArray<number>, share: number): number =>
  Math.round(([...times].sort((a, b) => a - b)[Math.max(0, Math.ceil(share * times.length) - 1)] ?? Number.NaN) * 100) / 100

export const tellApproval = Effect.fnUntraced(function* (stage: Stage): Effect.fn.Return<object, DemoFailed, Scope.Scope> {
  const { connection, heading, paint, print, tracker } = stage
  const ask = <A>(failedAt: string, method: "GET" | "POST", path: string, schema: Schema.Codec<A, any>, body?: unknown) =>
    call(connection, method, path, schema, { body }).pipe(
      Effect.map(({ value }) => value),
      Effect.mapError(({ what, todo }) => new DemoFailed({ failedAt, what: `${what}. ${todo}` }))
    )
  const must = (failedAt: string, holds: boolean, what: string) =>
    holds ? Effect.void : Effect.fail(new DemoFailed({ failedAt, what }))

  heading("Connect a service: a stand-in for GitHub, served by this demo on the loopback")
  yield* ask("connect", "POST", "/v1/connections", Id, { integration: "github", secret: { kind: "token", token: trackerToken } })
  print(`  github at ${tracker.url}; its token stays with the server\n`)

  heading("Start a session: a scripted agent in a sandbox")
  const repository = yield* ask("register", "POST", "/v1/repositories", Id, { name: "api", location: stage.location })
  const configuration = yield* ask("configure", "POST", "/v1/configurations", Id, {
    name: "api",
    repositories: [{ repositoryId: repository.id, path: "." }],
    agent: "scripted"
  })
  const session = yield* ask("create", "POST", "/v1/sessions", SessionView, { configurationId: configuration.id })
  const watch = yield* watchSession(connection, session.id, transcript({ paint, columns: stage.columns }), print)
  yield* watch.event({
    failedAt: "boot",
    what: "a running agent",
    limitMs: bootLimitMs,
    isIt: ({ kind, body }) => kind === "state" && body["status"] === "running"
  })

  const prompt = Effect.fnUntraced(function* (failedAt: string, ...commands: ReadonlyArray<string>) {
    const id = `demo_${randomUUID()}`
    const from = watch.mark()
    yield* ask(failedAt, "POST", `/v1/sessions/${session.id}/prompts`, Accepted, {
      id,
      text: `run: ${JSON.stringify(commands.map((run) => ({ run })))}`
    })
    const ended = watch.event({
      failedAt,
      what: "the end of the turn",
      limitMs: stepLimitMs,
      from,
      isIt: (event) => event.kind === "turn.ended" && event.body["turnId"] === id
    })
    const told = (status: string, isIt: (id: string) => boolean = () => true) =>
      watch
        .event({
          failedAt,
          what: `a call that is ${status}`,
          limitMs: stepLimitMs,
          from,
          isIt: ({ kind, body }) => kind === "approval" && body["status"] === status && isIt(String(body["approvalId"]))
        })
        .pipe(Effect.map(({ event }) => event.body as Readonly<Record<string, any>>))
    return { ended, told }
  })
  const decide = (failedAt: string, id: string, body: unknown) =>
    ask(failedAt, "POST", `/v1/approvals/${id}/approve`, Decided, body).pipe(
      Effect.tap(({ said }) => Effect.sync(() => print(`  a person: ${paint("green", said)}\n`)))
    )
  const pins = ["owner", "repo", "issue_number"]

  heading("It reads freely")
  const reading = yield* prompt("read", command("list_issues", where))
  yield* must("read", (yield* reading.told("completed"))["decidedBy"] === "policy", "the read was not decided by the policy")
  yield* reading.ended

  heading("Its write waits; a person approves it, and lends two such comments, this one counted")
  const first = yield* prompt("grant", comment("I look into it."))
  const waiting = yield* first.told("pending")
  const { grantId } = yield* decide("grant", waiting["approvalId"], { as: "grant", grant: { usesMax: 2, pins } })
  yield* first.told("completed")
  yield* first.ended

  heading("The next runs under the grant; the one after asks again")
  const second = yield* prompt("under the grant", comment("I found it."))
  yield* must(
    "under the grant",
    (yield* second.told("completed"))["grantId"] === grantId,
    "the second write did not run under the grant"
  )
  yield* second.ended
  const third = yield* prompt("asks again", comment("I mended it."))
  yield* decide("asks again", (yield* third.told("pending"))["approvalId"], { as: "once" })
  yield* third.told("completed")
  yield* third.ended

  heading("What is dangerous is refused, whatever was granted")
  const danger = yield* prompt("danger", command("merge_pull_request", { ...where, pull_number: 8, sha: "0".repeat(40) }))
  yield* danger.told("denied")
  yield* danger.ended

  heading("The answer to a write is lost after it was sent: it is looked for, and not made again")
  const before = tracker.effects.length
  const lost = yield* prompt("unknown", comment("It is released."))
  const asked = yield* lost.told("pending")
  tracker.next("lost")
  yield* decide("unknown", asked["approvalId"], { as: "once" })
  yield* lost.told("outcomeUnknown")
  yield* lost.told("completed")
  yield* lost.ended
  yield* must("unknown", tracker.effects.length === before + 1, "the write whose answer was lost took effect more than once")

  heading(`How fast a decision is carried out, ${measured} times`)
  const bodies = Array.from({ length: measured }, (_, n) => `Measured, ${n + 1}.`)
  const many = yield* prompt("measure", bodies.map(comment).join(" && "))
  const times: Array<number> = []
  const decided = new Set<string>()
  for (let n = 0; n < measured; n++) {
    const { approvalId: id } = yield* many.told("pending", (id) => !decided.has(id))
    decided.add(id)
    const seen = tracker.effects.length
    const decidedAtMs = performance.now()
    yield* ask("measure", "POST", `/v1/approvals/${id}/approve`, Decided, { as: "once" })
    yield* many.told("completed", (done) => done === id)
    times.push(tracker.effects[seen]!.atMs - decidedAtMs)
  }
  yield* many.ended
  const [p50, p99] = [percentile(times, 0.5), percentile(times, 0.99)]
  print(`  from the decision to the service: p50 ${p50} ms, p99 ${p99} ms\n`)

  heading("A grant that is revoked stops what waits under it")
  const lending = yield* prompt("revoke", comment("One more under another grant."))
  const lent = yield* decide("revoke", (yield* lending.told("pending"))["approvalId"], {
    as: "grant",
    grant: { usesMax: 5, pins }
  })
  yield* lending.ended
  tracker.next("limited")
  const limited = yield* prompt("revoke", command("list_issues", where))
  yield* limited.told("failed")
  yield* limited.ended
  const queued = yield* prompt("revoke", comment("This must not be said."))
  yield* queued.told("approved")
  const { stopped } = yield* ask("revoke", "POST", `/v1/grants/${lent.grantId}/revoke`, Schema.Struct({ stopped: Schema.Int }))
  yield* queued.told("revoked")
  yield* queued.ended
  print(`  the grant is revoked; ${stopped} call that waited under it was stopped\n`)

  yield* ask("stop", "POST", `/v1/sessions/${session.id}/stop`, Accepted, {})
  const said = tracker.effects.map(({ body }) => body.split("\n")[0]!)
  const duplicates = tracker.effects.length - new Set(said).size
  const expected = 5 + measured
  const result = {
    providerEffects: tracker.effects.length,
    duplicates,
    decisionToExecutionMsP50: p50,
    decisionToExecutionMsP99: p99
  }
  const ok = duplicates === 0 && tracker.effects.length === expected && stopped === 1 && !said.includes("This must not be said.")
  if (!ok)
    return yield* new DemoFailed({
      failedAt: "effects",
      what: `the service has ${JSON.stringify(said)}`,
      partial: result as never
    })
  return { ok, ...result }
})
