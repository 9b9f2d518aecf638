/**
 * The agent of a daemon: at most one, of the newest boot that asked.
 *
 *   A1  Asking again for the same boot finds its agent, ready or starting; a newer boot ends the older one's first.
 *   A2  An agent that was ready and ends is told of by `agent.exited`, and then its open turn as crashed: never a turn without end.
 *   A3  An agent that never got ready is a refusal with the reason, and no event.
 *   A4  Another model is chosen over ACP where the agent offers it; otherwise its process is started anew with the conversation.
 */
import { Clock, Context, Deferred, Effect, Exit, Latch, Layer, Scope, Semaphore } from "effect"
import type { AgentReady, StartAgent, StartTurn, UseModel } from "../../actors/ports/daemon.ts"
import { spawnAgent } from "./agent-process.ts"
import { Brief } from "./brief.ts"
import { environment } from "./environment.ts"
import { Events } from "./events.ts"
import { blocksOf } from "./files.ts"
import { type Met, meet } from "./handshake.ts"
import { Limits } from "./limits.ts"
import { makeNarrator, type Narrator } from "./narrator.ts"
import { Place } from "./place.ts"
import { busy, cannot, type Refusal, stale } from "./refusal.ts"
import { toolServers } from "./tool-server.ts"
import { makeTurns, type Partner, type Turns } from "./turns.ts"
import { commandsIn } from "./updates.ts"

interface Boot {
  readonly number: number
  readonly scope: Scope.Closeable
  readonly ready: Deferred.Deferred<typeof AgentReady.Type, Refusal>
  readonly request: typeof StartAgent.Type
  /** Of the process that runs for it; another takes its place when the model is switched. */
  run: Scope.Closeable
  model: string | null
  partner: Partner | null
  met: Met | null
  isOver: boolean
}

export class Agents extends Context.Service<
  Agents,
  {
    /** Of the agent that runs, or null. */
    readonly boot: () => number | null
    readonly start: (request: typeof StartAgent.Type) => Effect.Effect<typeof AgentReady.Type, Refusal>
    /** From the next turn on. */
    readonly useModel: (request: typeof UseModel.Type) => Effect.Effect<void, Refusal>
    readonly startTurn: (request: typeof StartTurn.Type) => Effect.Effect<void, Refusal>
    readonly turns: Turns
    readonly quiesce: Effect.Effect<void>
  }
>()("proliferate/cli/daemon/Agents") {
  static readonly layer = Layer.effect(
    Agents,
    Effect.gen(function* () {
      const events = yield* Events
      const limits = yield* Limits
      const place = yield* Place
      const brief = yield* Brief
      const turns = yield* makeTurns
      const scope = yield* Effect.scope
      const oneSwitchAtATime = yield* Semaphore.make(1)
      let current: Boot | null = null

      const finish = (boot: Boot, reason: "crashed" | "malformed" | "quiesced", message: string, stopReason: string) => {
        if (boot.isOver) return
        boot.isOver = true
        // Who still waits for it to get ready is told; there is nothing else to tell then (A3).
        if (boot.partner === null) return void Deferred.doneUnsafe(boot.ready, Effect.fail(stale(message)))
        boot.partner.narrator.tell("agent.exited", { boot: boot.number, reason, message })
        turns.end(stopReason, message)
      }

      /** From a command to an agent that takes turns. Its process ends with `boot.run`, and the boot when the process does by itself. */
      const launch = Effect.fnUntraced(function* (boot: Boot, agentSession: string | null) {
        const { request, model, run } = boot
        const { name, permissions, mode, secrets = [] } = request
        for (const secret of secrets) events.hide(secret)
        const startedAt = yield* Clock.currentTimeMillis
        const narrator = yield* makeNarrator(name)
        const replayed = Latch.makeUnsafe()
        let commands: ReturnType<typeof commandsIn> = null
        const log = makeLog(narrator, limits.logCharactersMax, () => turns.openTurnId())
        const fill = filling({
          node: process.execPath,
          proliferate: place.program,
          agents: agentsDirectory(),
          model: model ?? ""
        })
        const running = yield* spawnAgent(
          {
            name,
            argv: request.command.map(fill),
            cwd: place.workspace,
            env: environment(
              place.home,
              Object.fromEntries(Object.entries(request.env).map(([key, value]) => [key, fill(value)]))
            )
          },
          {
            room: () => (events.isFull() ? Effect.runPromise(events.room) : null),
            onUpdate: (params) => {
              replayed.openUnsafe()
              const told = commandsIn(params, limits)
              if (told !== null) {
                commands = told
                if (boot.run === run && boot.partner !== null) narrator.tell("commands", { commands })
              }
              return turns.hear(params)
            },
            onPermission: turns.permit,
            onStderr: log
          }
        )
        const met = yield* meet(running, {
          cwd: place.workspace,
          agentSession,
          replayed,
          mode,
          model: model === null ? null : filling({ model })(request.modelOption),
          mcpServers: toolServers(place)
        })
        if (boot.isOver) return yield* Effect.interrupt
        boot.met = met
        boot.partner = { agent: running.agent, agentSession: met.agentSession, narrator, permissions }
        narrator.tell("agent.ready", { boot: boot.number, agentSession: met.agentSession, program: met.program, model })
        if (commands !== null) narrator.tell("commands", { commands })
        yield* running.over.pipe(
          Effect.flatMap(({ reason, message }) =>
            boot.run === run
              ? Effect.andThen(
                  Effect.sync(() => finish(boot, reason, message, "crashed")),
                  Effect.forkDetach(Scope.close(boot.scope, Exit.void))
                )
              : Effect.void
          ),
          Effect.forkIn(scope)
        )
        const { program, abilities, remembers } = met
        const readyMs = (yield* Clock.currentTimeMillis) - startedAt
        return { agentSession: met.agentSession, remembers, readyMs, program, abilities } satisfies typeof AgentReady.Type
      })
      const launched = (boot: Boot, agentSession: string | null) =>
        launch(boot, agentSession).pipe(Effect.provideService(Scope.Scope, boot.run), Effect.provideService(Events, events))

      const end = Effect.fnUntraced(function* (boot: Boot, message: string, stopReason: string) {
        finish(boot, "quiesced", message, stopReason)
        yield* Scope.close(boot.scope, Exit.void)
      })

      const start = Effect.fnUntraced(function* (request: typeof StartAgent.Type) {
        const previous = current
        if (previous !== null && request.boot < previous.number) return yield* stale(`boot ${previous.number} is current`)
        if (previous !== null && request.boot === previous.number && !previous.isOver)
          return yield* Deferred.await(previous.ready)
        const bootScope = Scope.makeUnsafe()
        const boot: Boot = {
          number: request.boot,
          scope: bootScope,
          ready: Deferred.makeUnsafe(),
          request,
          run: Scope.forkUnsafe(bootScope),
          model: request.model,
          partner: null,
          met: null,
          isOver: false
        }
        current = boot
        yield* Effect.gen(function* () {
          if (previous !== null) yield* end(previous, `boot ${request.boot} took its place`, "crashed")
          yield* launched(boot, request.agentSession).pipe(
            Effect.onError(() =>
              Effect.sync(() => {
                boot.isOver = true
              })
            ),
            Deferred.into(boot.ready)
          )
          if (boot.isOver) yield* Scope.close(boot.scope, Exit.void)
        }).pipe(Effect.forkIn(scope))
        return yield* Deferred.await(boot.ready)
      })

      /** The boot that a request means, if its agent runs. */
      const bootOf = Effect.fnUntraced(function* (number: number) {
        if (current === null || current.number !== number) {
          return yield* stale(current === null ? "no agent was started" : `boot ${current.number} is current`)
        }
        const { partner, met } = current
        if (current.isOver || partner === null || met === null)
          return yield* cannot("agent-gone", `the agent of boot ${number} does not run`)
        return { boot: current, partner, met }
      })

      /** The process that ran ends without a word: the boot goes on in another. */
      const relaunch = Effect.fnUntraced(function* (boot: Boot, agentSession: string) {
        const before = boot.run
        boot.run = Scope.forkUnsafe(boot.scope)
        boot.partner = null
        yield* Scope.close(before, Exit.void)
        const ready = yield* launched(boot, agentSession)
        if (!ready.remembers)
          return yield* cannot("memory-lost", `${boot.request.name} forgot the conversation when it was started anew`)
      })

      const useModel = Effect.fnUntraced(function* ({ boot: number, model }: typeof UseModel.Type) {
        const { boot, partner, met } = yield* bootOf(number)
        if (boot.model === model) return
        if (turns.openTurnId() !== null) return yield* busy(`turn ${turns.openTurnId()} goes on`)
        const option = filling({ model })(boot.request.modelOption)
        const { name } = boot.request
        if (met.settings.model?.values.includes(option)) {
          yield* Effect.tryPromise({
            try: () => met.settings.model!.set(option),
            catch: ({ message }: any) => cannot("model-refused", `${name} refused the model ${model}: ${message}`)
          }).pipe(
            Effect.timeout(limits.settingMs),
            Effect.catchTag("TimeoutError", () => cannot("agent-hung", `${name} did not answer`))
          )
          boot.model = model
          return
        }
        if (!met.abilities.includes("load"))
          return yield* cannot("model-fixed", `${name} can only be started anew with another model`)
        boot.model = model
        yield* relaunch(boot, partner.agentSession).pipe(
          Effect.onError(() =>
            Effect.suspend(() => {
              boot.isOver = true
              return Scope.close(boot.scope, Exit.void)
            })
          )
        )
      })

      const startTurn = Effect.fnUntraced(function* ({ boot, turnId, text, files = [] }: typeof StartTurn.Type) {
        if (current?.number === boot && turns.isKnown(turnId)) return
        const { partner, met } = yield* bootOf(boot)
        yield* brief.refreshed
        const blocks = yield* blocksOf(turnId, text, files, met.abilities).pipe(Effect.provideService(Place, place))
        yield* turns.start(turnId, blocks, partner)
      })

      yield* Effect.addFinalizer(() => (current === null ? Effect.void : end(current, "the daemon ends", "crashed")))

      return {
        boot: () => (current === null || current.isOver ? null : current.number),
        start,
        useModel: (request) => oneSwitchAtATime.withPermits(1)(useModel(request)),
        startTurn,
        turns,
        quiesce: Effect.suspend(() => (current === null ? Effect.void : end(current, "the sandbox is captured", "cancelled")))
      }
    })
  )
}

/** Where the sandbox keeps the agents that are installed on its host. */
const agentsDirectory = (): string => process.env["PROLIFERATE_AGENTS_DIR"] || "/opt/agents"

/** `{name}` in a text, for the names that are given. */
const filling = (names: Readonly<Record<string, string>>) => (text: string) =>
  Object.entries(names).reduce((filled, [name, value]) => filled.replaceAll(`{${name}}`, value), text)

/** What an agent writes beside the protocol, so much of it for each turn. */
const makeLog = (narrator: Narrator, charactersMax: number, turnId: () => string | null) => {
  let of: string | null = null
  let left = charactersMax
  return (text: string) => {
    if (turnId() !== of) {
      of = turnId()
      left = charactersMax
    }
    if (left <= 0) return
    const shown = text.slice(0, left)
    left -= text.length
    narrator.say("log", "stderr", { stream: "stderr" }, left > 0 ? shown : `${shown}\n… the rest of this turn is not shown …\n`)
  }
}
