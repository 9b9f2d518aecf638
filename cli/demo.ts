/**
 * `npm run demo`: the main job in a terminal, on a server, data and a repository of its own, all gone afterwards (`--keep` leaves
 * them). `--repo URL|PATH` takes a repository of yours instead of the sample: what the agent does there is pushed to a branch of it.
 * `--json` writes the story to stderr and one object to stdout. Exit code 0 only if all of it happened.
 *
 * The agent is the scripted one and is called so: a real agent process that reads, edits and runs, by a script and without a model.
 * `--scenario approval` shows actions instead: what the agent may do at a service by itself, and what waits for a person.
 * `--agent NAME --model-url URL` takes a thinking one, with the model (`--model ID`, else the endpoint's first) at that address.
 */
import { existsSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"
import { NodeRuntime } from "@effect/platform-node"
import { Cause, Effect, Exit, type Scope } from "effect"
import { installAgent, modelSettings } from "./demo/agent.ts"
import { tellApproval } from "./demo/approval.ts"
import { DemoFailed } from "./demo/failure.ts"
import { makeSample } from "./demo/repository.ts"
import { startServer } from "./demo/server.ts"
import { tell } from "./demo/story.ts"
import { startTracker } from "./demo/tracker.ts"
import { exits } from "./failure.ts"
import { hasColour, paint } from "./output.ts"

const columnsMax = 100

const usage = (what: string): never => {
  console.error(
    `proliferate: ${what}\n  npm run demo -- [--json] [--scenario fix|approval] [--repo URL|PATH] [--keep] [--agent NAME --model-url URL [--model ID]]`
  )
  process.exit(exits.usage)
}
const options = () => {
  try {
    return parseArgs({
      options: {
        json: { type: "boolean", default: false },
        repo: { type: "string" },
        keep: { type: "boolean", default: false },
        scenario: { type: "string", default: "fix" },
        agent: { type: "string", default: "scripted" },
        "model-url": { type: "string" },
        model: { type: "string" }
      }
    }).values
  } catch (error) {
    return usage((error as Error).message)
  }
}
const { json, repo, keep, scenario, agent, model, "model-url": modelAt } = options()
if (scenario !== "fix" && scenario !== "approval") usage(`there is no scenario ${scenario}: there are fix and approval`)
if (scenario === "approval" && (agent !== "scripted" || repo !== undefined))
  usage("the scenario approval has an agent and a repository of its own")
if (agent !== "scripted" && modelAt === undefined) usage(`${agent} thinks with a model: say where it is, with --model-url`)
if (modelAt !== undefined && !URL.canParse(modelAt)) usage(`--model-url is no address: ${modelAt}`)

const out = json ? process.stderr : process.stdout
const colour = paint(hasColour(out))
const print = (text: string) => void out.write(text)
let step = 0
const heading = (title: string) => {
  step += 1
  print(`\n${colour(["bold", "cyan"], `${step}. ${title}`)}\n`)
}

/** A path is made absolute; anything else is for the server to judge. */
const locationOf = (given: string): string => (/^[a-z+]+:\/\//i.test(given) || !existsSync(given) ? given : resolve(given))

const demo = Effect.gen(function* () {
  const directory = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "proliferate-demo-"))),
    (made) =>
      keep
        ? Effect.sync(() => print(`\nKept in ${made}; a server on its data: PROLIFERATE_DATA=${join(made, "data")} npm start\n`))
        : Effect.promise(() =>
            rm(made, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }).catch((error: Error) =>
              print(`proliferate: ${made} could not be removed: ${error.message}\n`)
            )
          )
  )
  const who = agent === "scripted" ? "the scripted agent (it follows a script, it is no model)" : agent
  print(
    `${colour("bold", "proliferate demo")}: ${who} ${scenario === "fix" ? "mends a failing test" : "acts on a service, as far as people let it"}\n`
  )

  heading("Start a server of our own")
  const tracker = scenario === "approval" ? yield* startTracker : null
  const server = yield* startServer(join(directory, "data"), {
    ...(yield* modelSettings(agent, modelAt, model)),
    ...(tracker !== null && { PROLIFERATE_GITHUB_API_URL: tracker.url })
  })
  const { isolation, transport, database, url } = server.greeting
  print(
    `  ${url} after ${(server.startedInMs / 1000).toFixed(2)} s\n  transport ${transport} · isolation ${isolation} · ${database}\n`
  )

  if (agent !== "scripted") {
    heading(`Install ${agent}, once for all sessions of a server`)
    yield* installAgent(server.connection, agent, print)
  }

  heading(repo === undefined ? "Make a git repository whose test fails" : "Take your repository")
  const location = repo === undefined ? yield* makeSample(join(directory, "repository")) : locationOf(repo)
  print(`  ${location}\n`)

  const columns = out.isTTY ? Math.min(out.columns || 80, columnsMax) : null
  const stage = { connection: server.connection, isolation, agent, location, directory, print, heading, paint: colour, columns }
  const story: Effect.Effect<object, DemoFailed, Scope.Scope> =
    tracker === null ? tell(stage) : tellApproval({ ...stage, tracker })
  const result = yield* story.pipe(
    Effect.raceFirst(server.died),
    Effect.mapError(
      (failed) =>
        new DemoFailed({
          ...failed,
          seen: [failed.seen, "the server's log:", server.log().split("\n").slice(-15).join("\n")].filter(Boolean).join("\n")
        })
    )
  )

  heading("Try next")
  print(
    [
      "  npm start                                       a server that stays, with data under .proliferate/",
      "  npm run demo -- --repo ../your/repository       the same on a repository of yours",
      "  node cli/proliferate.mjs sessions create --help what else a session can be"
    ]
      .map((line) => `${line}\n`)
      .join("")
  )
  return result
}).pipe(Effect.scoped)

const failureOf = (cause: Cause.Cause<unknown>): DemoFailed => {
  const error = Cause.squash(cause)
  if (Cause.hasInterruptsOnly(cause)) return new DemoFailed({ failedAt: "interrupted", what: "it was interrupted" })
  return error instanceof DemoFailed ? error : new DemoFailed({ failedAt: "demo", what: String((error as Error).stack ?? error) })
}

NodeRuntime.runMain(demo, {
  disableErrorReporting: true,
  // Here, because an interrupted program runs nothing more.
  teardown: (exit, onExit) => {
    if (Exit.isSuccess(exit)) {
      if (json) process.stdout.write(`${JSON.stringify(exit.value)}\n`)
      else print(`\n${colour(["bold", "green"], "All of it happened.")}\n`)
      return onExit(exits.ok)
    }
    const { failedAt, what, seen, partial } = failureOf(exit.cause)
    const last = seen ? `${seen.replace(/^/gm, "  ")}\n` : ""
    process.stderr.write(`\n${colour(["bold", "red"], `The demo failed at ${failedAt}`)}: ${what}\n${last}`)
    if (json) process.stdout.write(`${JSON.stringify({ ...partial, ok: false, failedAt, error: what })}\n`)
    onExit(failedAt === "interrupted" ? exits.interrupted : exits.failure)
  }
})
