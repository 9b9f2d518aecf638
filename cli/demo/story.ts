/**
 * The main job, told through the public API alone: a session boots, its agent finds a fault, mends and pushes it, is paused, resumed,
 * asked for what only its first turn knew, and stopped. Then the pushed commit is looked at from outside. Each step either
 * happened or ends the story with what was seen; nothing is assumed.
 */
import { randomUUID } from "node:crypto"
import { Effect, Schema, type Scope } from "effect"
import { Diff } from "../../actors/ports/daemon.ts"
import { SessionView } from "../../adapters/gateway/protocol.ts"
import { type Connection, call } from "../api.ts"
import { diffText } from "../commands/sessions/diff.ts"
import type { Paint } from "../output.ts"
import { transcript } from "../transcript.ts"
import { text } from "../view.ts"
import { DemoFailed } from "./failure.ts"
import { hops, type Result, rounded, timingsTable } from "./report.ts"
import { commitOf, testFromOutside } from "./repository.ts"
import { type FeedEvent, watchSession } from "./watch.ts"

const bootLimitMs = 150_000
const turnLimitMs = 600_000
const pauseLimitMs = 200_000
const stopLimitMs = 70_000
const firstPrompt = "A test of this project fails. Find out why, fix it, run the tests, commit and push."
/** The scripted one notes a number by itself. */
const noting = ` At the end choose a random number of six digits and note it in your home, outside the repository, in this form: echo "number 123456 belongs to the change" | tee ~/.agent-notes.md`
const followUp = "What number did you note in your first turn?"

const Id = Schema.Struct({ id: Schema.String })
const Accepted = Schema.Struct({ rev: Schema.Int })

interface Stage {
  readonly connection: Connection
  readonly isolation: string
  readonly agent: string
  readonly location: string
  /** For the clones that look at it from outside. */
  readonly directory: string
  readonly print: (text: string) => void
  readonly heading: (title: string) => void
  readonly paint: Paint
  readonly columns: number | null
}

const isState = (status: string, inner?: string) => (event: FeedEvent) => {
  if (event.kind !== "state" || event.body["status"] !== status) return false
  const state = event.body["state"] as Readonly<Record<string, unknown>> | undefined
  return inner === undefined || state?.[status] === inner
}
const isEndOf = (turnId: string) => (event: FeedEvent) => event.kind === "turn.ended" && event.body["turnId"] === turnId

/** What the first turn wrote down where only it can be read again: in the sandbox's home, outside the repository. */
const notedNumber = /number (\d{6}) belongs to/

export const tell = Effect.fnUntraced(function* (stage: Stage): Effect.fn.Return<Result, DemoFailed, Scope.Scope> {
  const { agent, connection, heading, paint, print } = stage
  const post = <A>(failedAt: string, path: string, schema: Schema.Codec<A, any>, body: unknown = {}) =>
    call(connection, "POST", path, schema, { body }).pipe(
      Effect.map(({ value }) => value),
      Effect.mapError(({ what, todo }) => new DemoFailed({ failedAt, what: `${what}. ${todo}` }))
    )
  const now = () => performance.timeOrigin + performance.now()

  heading("Register the repository and make a configuration")
  const name = "pager"
  const repository = yield* post("register", "/v1/repositories", Id, { name, location: stage.location })
  const configuration = yield* post("configure", "/v1/configurations", Id, {
    name,
    repositories: [{ repositoryId: repository.id, path: "." }],
    agent
  })
  print(`  repository ${repository.id}, configuration ${configuration.id}\n`)

  heading("Create a session: boot a sandbox, clone, start the agent, work")
  const promptId = `demo_${randomUUID()}`
  const createdAtMs = now()
  const session = yield* post("create", "/v1/sessions", SessionView, {
    configurationId: configuration.id,
    prompt: { id: promptId, text: agent === "scripted" ? firstPrompt : firstPrompt + noting }
  })
  const path = `/v1/sessions/${session.id}`
  const watch = yield* watchSession(connection, session.id, transcript({ paint, columns: stage.columns }), print)

  // Preparing the workspace begins when the sandbox answers.
  const sandbox = yield* watch.event({
    failedAt: "boot",
    what: "a sandbox",
    limitMs: bootLimitMs,
    isIt: isState("provisioning", "preparing")
  })
  const ready = yield* watch.event({ failedAt: "boot", what: "a running agent", limitMs: bootLimitMs, isIt: isState("running") })
  const word = yield* watch.event({
    failedAt: "turn",
    what: "the agent's first word",
    limitMs: bootLimitMs,
    isIt: ({ kind }) => kind === "message" || kind === "thought"
  })
  const firstTurn = yield* watch.event({
    failedAt: "turn",
    what: "the end of the first turn",
    limitMs: turnLimitMs,
    isIt: isEndOf(promptId)
  })
  const stopReason = text(firstTurn.event.body, "stopReason")
  if (stopReason !== "end_turn")
    return yield* new DemoFailed({ failedAt: "turn", what: `the first turn ended with ${stopReason}` })
  const noted = watch.heard
    .flatMap(({ event }) => (event.kind === "tool" ? (notedNumber.exec(text(event.body, "output"))?.[1] ?? []) : []))
    .at(0)

  heading("What it changed")
  const { value: diff } = yield* call(connection, "GET", `${path}/diff`, Diff).pipe(
    Effect.mapError(({ what, todo }) => new DemoFailed({ failedAt: "diff", what: `${what}. ${todo}` }))
  )
  print(`${diffText(diff, false, paint)}\n`)
  const [changed] = diff.repositories
  if (changed === undefined) return yield* new DemoFailed({ failedAt: "diff", what: "the session has no repository" })

  heading("Pause: save the disk, give the sandbox back")
  const pausedFrom = watch.mark()
  const pauseAtMs = now()
  yield* post("pause", `${path}/pause`, Accepted)
  const paused = yield* watch.event({
    failedAt: "pause",
    what: "the snapshot",
    limitMs: pauseLimitMs,
    from: pausedFrom,
    isIt: isState("paused")
  })

  heading("Resume from the snapshot, and ask for what only the first turn knew")
  const resumedFrom = watch.mark()
  const resumeAtMs = now()
  yield* post("resume", `${path}/resume`, Accepted)
  const resumed = yield* watch.event({
    failedAt: "resume",
    what: "a running agent",
    limitMs: bootLimitMs,
    from: resumedFrom,
    isIt: isState("running")
  })
  const followUpId = `demo_${randomUUID()}`
  yield* post("follow-up", `${path}/prompts`, Accepted, { id: followUpId, text: followUp })
  const secondTurn = yield* watch.event({
    failedAt: "follow-up",
    what: "the end of the second turn",
    limitMs: turnLimitMs,
    from: resumedFrom,
    isIt: isEndOf(followUpId)
  })
  const recalled = watch.heard
    .filter(({ event }) => event.kind === "message" && event.body["turnId"] === followUpId)
    .map(({ event }) => text(event.body, "delta"))
    .join("")
  const turns = [firstTurn, secondTurn].filter(({ event }) => event.body["stopReason"] === "end_turn").length
  const remembers = noted !== undefined && recalled.includes(noted)

  heading("Stop: the sandbox and its snapshot are gone, what was said stays")
  const stoppedFrom = watch.mark()
  yield* post("stop", `${path}/stop`, Accepted)
  yield* watch.event({
    failedAt: "stop",
    what: "the stopped session",
    limitMs: stopLimitMs,
    from: stoppedFrom,
    isIt: isState("stopped")
  })

  heading("Look at it from outside: a fresh clone, the tests before and after")
  const pushed = yield* commitOf(stage.location, changed.branch)
  const pushedCommit = pushed === changed.base ? null : pushed
  const tests =
    pushedCommit === null
      ? { before: "not run", after: "not run" }
      : yield* testFromOutside(stage.directory, stage.location, { before: changed.base, after: pushedCommit })
  print(`  ${changed.base.slice(0, 10)} as it was: the tests ${tests.before}\n`)
  print(
    pushedCommit === null
      ? `  nothing was pushed to ${changed.branch}\n`
      : `  ${pushedCommit.slice(0, 10)} as it was pushed: the tests ${tests.after}\n`
  )

  const hop = hops(watch.heard)
  const timingsMs = rounded({
    sandboxReady: sandbox.atMs - createdAtMs,
    agentReady: ready.atMs - createdAtMs,
    firstToken: word.atMs - createdAtMs,
    pause: paused.atMs - pauseAtMs,
    resume: resumed.atMs - resumeAtMs,
    gatewayHopP50: hop.p50,
    gatewayHopP99: hop.p99
  })
  heading("Timings")
  print(`${timingsTable(timingsMs, hop.count, paint)}\n`)

  const result = {
    sessionId: session.id,
    agent,
    isolation: stage.isolation,
    turns,
    resumed: remembers,
    events: watch.heard.length,
    filesChanged: diff.repositories.reduce((sum, { files }) => sum + files.length, 0),
    pushedCommit,
    testBefore: tests.before,
    testAfter: tests.after,
    timingsMs
  }
  const missing = [
    ...(result.turns === 2 ? [] : ["a turn did not end well"]),
    ...(result.filesChanged > 0 ? [] : ["no file was changed"]),
    ...(pushedCommit === null ? ["nothing was pushed"] : []),
    ...(tests.before === "passed" ? ["the tests passed before already"] : []),
    ...(tests.after === "failed" ? ["the tests fail after it still"] : []),
    ...(remembers
      ? []
      : [
          noted === undefined
            ? "the first turn noted nothing to be asked for"
            : "the second turn did not know what the first one noted"
        ])
  ]
  if (missing.length > 0)
    return yield* new DemoFailed({ failedAt: "verify", what: `not all of it happened: ${missing.join("; ")}`, partial: result })
  return { ok: true, ...result }
})
