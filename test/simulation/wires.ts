/**
 * What a node of the simulation sees of the world: the ports of the session, each call on a wire. A request may be lost, arrive
 * twice or late, and its answer may be lost after the work was done; a node that dies has still sent what it sent.
 */
import { Context, Effect, Stream } from "effect"
import { AgentError, Agents } from "../../actors/ports/agents.ts"
import { Attachments } from "../../actors/ports/attachments.ts"
import { type DaemonError, Daemons } from "../../actors/ports/daemons.ts"
import { SandboxError, Sandboxes } from "../../actors/ports/sandboxes.ts"
import { WorkspaceError, Workspaces } from "../../actors/services/workspaces.ts"
import type { Lane } from "../support/timeline.ts"
import { type Daemon, noAnswer } from "./daemon.ts"
import type { World } from "./world.ts"

/** What the adapters allow before they give an answer up. */
const providerMs = 100_000
const unansweredMs = [5_000, 30_000] as const
const silenceMs = 15_000

const unanswered = () => new SandboxError({ reason: "unreachable", provider: "simulated", message: "no answer" })

export const sandboxesOver = (lane: Lane, world: World): Sandboxes["Service"] => {
  const { weather } = world

  const fails = () => weather.strikes("provider.fails")
  const failed = new SandboxError({ reason: "unreachable", provider: "simulated", message: "500 something went wrong" })

  const call = <A>(request: Effect.Effect<A, SandboxError>): Effect.Effect<A, SandboxError> =>
    lane.across(
      world.lane,
      Effect.gen(function* () {
        yield* weather.pass(5, 50)
        if (weather.isOut("provider") || weather.strikes("provider.unheard")) {
          yield* weather.pass(...unansweredMs)
          return yield* unanswered()
        }
        if (fails()) return yield* failed
        if (weather.strikes("provider.twice")) world.lane.fork(Effect.ignore(Effect.andThen(weather.pass(0, 60_000), request)))
        const answer = yield* withoutInterrupting(world.lane, request)
        if (weather.isOut("provider") || weather.strikes("provider.unanswered")) {
          yield* weather.pass(...unansweredMs)
          return yield* unanswered()
        }
        if (fails()) return yield* failed
        return answer
      })
    )
  /** The same of one sandbox, of which the provider may say wrongly that there is none. */
  const callOf = <A>(sandboxId: string, request: Effect.Effect<A, SandboxError>) =>
    call(
      Effect.suspend(() =>
        world.denies(sandboxId)
          ? new SandboxError({ reason: "not-found", provider: "simulated", message: `404 ${sandboxId}` })
          : request
      )
    )

  return Sandboxes.of({
    provider: world.provider,
    isolation: "none",
    provision: (request) =>
      call(Effect.map(world.provision(request), ({ sandboxId }) => ({ sandboxId: world.named(sandboxId) }))),
    revive: (sandboxId) => callOf(sandboxId, world.revive(sandboxId)),
    status: (sandboxId) => call(Effect.sync(() => (world.denies(sandboxId) ? "gone" : world.status(sandboxId)))),
    extend: (sandboxId) => callOf(sandboxId, world.extend(sandboxId)),
    endpoint: () => Effect.die("nobody dials a simulated daemon by its address"),
    capture: (sandboxId, key) => callOf(sandboxId, world.capture(sandboxId, key)),
    // That there is none is as good as that it is destroyed.
    destroy: (sandboxId) =>
      call(Effect.sync(() => (world.denies(sandboxId) ? world.overlook(sandboxId) : world.destroy(sandboxId)))),
    discard: (snapshotId) => call(Effect.sync(() => world.discard(snapshotId))),
    list: call(Effect.sync(() => world.listed))
  })
}

/** Gives up after the adapter's limit; what was asked for goes on. */
const withoutInterrupting = <A>(lane: Lane, request: Effect.Effect<A, SandboxError>) =>
  lane.across(lane, request).pipe(Effect.timeoutOrElse({ duration: providerMs, orElse: () => Effect.fail(unanswered()) }))

export const daemonsOver = (lane: Lane, world: World): Daemons["Service"] => {
  const { weather } = world

  const call = <A>(
    sandboxId: string,
    request: (daemon: Daemon) => Effect.Effect<A, DaemonError>,
    isRepeatable = true
  ): Effect.Effect<A, DaemonError> =>
    lane.across(
      world.lane,
      Effect.gen(function* () {
        yield* weather.pass(1, 10)
        if (weather.strikes("daemon.unheard")) {
          yield* weather.pass(...unansweredMs)
          return yield* noAnswer("no answer")
        }
        const daemon = yield* world.daemon(sandboxId)
        if (isRepeatable && weather.strikes("daemon.twice"))
          world.lane.fork(
            Effect.ignore(Effect.andThen(weather.pass(0, 60_000), Effect.flatMap(world.daemon(sandboxId), request)))
          )
        const answer = yield* request(daemon)
        yield* world.daemon(sandboxId)
        if (weather.strikes("daemon.unanswered")) {
          yield* weather.pass(...unansweredMs)
          return yield* noAnswer("no answer")
        }
        return answer
      })
    )
  const told = (sandboxId: string, request: (daemon: Daemon) => DaemonError | null) =>
    call(sandboxId, (daemon) => {
      const error = request(daemon)
      return error === null ? Effect.void : Effect.fail(error)
    })

  return Daemons.of({
    health: (sandboxId) => call(sandboxId, (daemon) => Effect.succeed(daemon.health)),
    prepare: (sandboxId, { boot }) =>
      Effect.as(
        call(sandboxId, (daemon) => daemon.prepare(boot)),
        { repositories: [] }
      ),
    startAgent: (sandboxId, { boot, agentSession }) =>
      Effect.map(
        call(sandboxId, (daemon) => daemon.startAgent(boot, agentSession)),
        (agent) => ({
          agentSession: agent.agentSession,
          remembers: agent.agentSession === agentSession,
          readyMs: 1,
          program: "",
          abilities: []
        })
      ),
    useModel: () => Effect.void,
    putFile: () => Effect.void,
    startTurn: (sandboxId, { boot, turnId }) => told(sandboxId, (daemon) => daemon.startTurn(boot, turnId)),
    cancelTurn: (sandboxId, turnId) => told(sandboxId, (daemon) => daemon.cancel(turnId)),
    answer: (sandboxId, questionId, { optionId }) => told(sandboxId, (daemon) => daemon.answer(questionId, optionId)),
    quiesce: (sandboxId) => call(sandboxId, (daemon) => Effect.sync(() => daemon.quiesce())),
    diff: () => Effect.die("nobody asks for a simulated diff"),
    gather: () => Effect.die("nobody takes simulated work"),
    piece: () => Effect.die("nobody takes simulated work"),
    folder: () => Effect.die("nobody looks into a simulated folder"),
    folderPiece: () => Effect.die("nobody looks into a simulated folder"),
    exec: () => Effect.die("nobody runs anything in a simulated sandbox"),
    ack: (sandboxId, daemonId, seq) => told(sandboxId, (daemon) => daemon.ack(daemonId, seq)),
    events: (sandboxId, after) =>
      Stream.unwrap(
        Effect.gen(function* () {
          const reading = yield* call(
            sandboxId,
            (daemon) => {
              const answer = daemon.read(after(daemon.id))
              return "daemon" in answer ? Effect.succeed(answer) : Effect.fail(answer)
            },
            false
          )
          const daemonId = reading.daemon.id
          const next = Effect.gen(function* () {
            const events = yield* reading.next
            if (world.muted.has(sandboxId)) return yield* Effect.never
            if (!world.isReachable(world.sandboxes.get(sandboxId)!)) {
              yield* Effect.sleep(silenceMs)
              return yield* noAnswer("silent for 15 s")
            }
            return { daemonId, events }
          })
          // The first thing heard is that it is connected.
          return Stream.concat(
            Stream.succeed({ daemonId, events: [] }),
            Stream.fromEffectRepeat(lane.across(world.lane, next))
          ).pipe(Stream.ensuring(Effect.sync(() => world.lane.post(() => reading.cut()))))
        })
      )
  })
}

export const worldContext = (
  lane: Lane,
  world: World
): Context.Context<Sandboxes | Daemons | Agents | Attachments | Workspaces> =>
  Context.empty().pipe(
    Context.add(Sandboxes, sandboxesOver(lane, world)),
    Context.add(Daemons, daemonsOver(lane, world)),
    Context.add(Agents, {
      all: Effect.succeed([]),
      find: (name) => Effect.fail(new AgentError({ reason: "unknown", message: `nobody asks for ${name}` })),
      choose: (_, model) => Effect.succeed(model),
      start: ({ name, model }) =>
        name === "scripted"
          ? Effect.succeed({ command: ["agent"], env: {}, secrets: [], model, modelOption: "{model}", mode: null })
          : Effect.fail(new AgentError({ reason: "unknown", message: `there is no agent ${name}` })),
      install: () => Effect.void
    }),
    Context.add(Attachments, {
      put: () => Effect.die("nobody attaches anything"),
      find: () => Effect.die("nobody attaches anything"),
      read: () => Effect.die("nobody attaches anything")
    }),
    Context.add(Workspaces, {
      plan: () =>
        world.weather.strikes("plan.fails")
          ? Effect.fail(new WorkspaceError({ reason: "unavailable", final: false, message: "the records do not answer" }))
          : Effect.succeed({ repositories: [], workBranch: "work", author: { name: "a", email: "a@example.invalid" } })
    })
  )
