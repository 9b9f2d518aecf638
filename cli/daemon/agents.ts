/**
 * The agent of a daemon: at most one, of the newest boot that asked.
 *
 *   A1  Asking again for the same boot finds its agent, ready or starting; a newer boot ends the older one's first.
 *   A2  An agent that was ready and ends is told of by `agent.exited`, and then its open turn as crashed: never a turn without end.
 *   A3  An agent that never got ready is a refusal with the reason, and no event.
 */
import { Clock, Context, Deferred, Effect, Exit, Latch, Layer, Scope } from "effect"
import type { AgentReady, StartAgent, StartTurn } from "../../actors/ports/daemon.ts"
import { spawnAgent } from "./agent-process.ts"
import { environment } from "./environment.ts"
import { Events } from "./events.ts"
import { meet } from "./handshake.ts"
import { Limits } from "./limits.ts"
import { makeNarrator, type Narrator } from "./narrator.ts"
import { Place } from "./place.ts"
import { cannot, type Refusal, stale } from "./refusal.ts"
import { makeTurns, type Partner, type Turns } from "./turns.ts"

interface Boot {
  readonly number: number
  readonly scope: Scope.Closeable
  readonly ready: Deferred.Deferred<typeof AgentReady.Type, Refusal>
  partner: Partner | null
  isOver: boolean
}

export class Agents extends Context.Service<
  Agents,
  {
    /** Of the agent that runs, or null. */
    readonly boot: () => number | null
    readonly start: (request: typeof StartAgent.Type) => Effect.Effect<typeof AgentReady.Type, Refusal>
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
      const turns = yield* makeTurns
      const scope = yield* Effect.scope
      let current: Boot | null = null

      const finish = (boot: Boot, reason: "crashed" | "malformed" | "quiesced", message: string, stopReason: string) => {
        if (boot.isOver) return
        boot.isOver = true
        // Who still waits for it to get ready is told; there is nothing else to tell then (A3).
        if (boot.partner === null) return void Deferred.doneUnsafe(boot.ready, Effect.fail(stale(message)))
        boot.partner.narrator.tell("agent.exited", { boot: boot.number, reason, message })
        turns.end(stopReason, message)
      }

      const launch = Effect.fnUntraced(function* (boot: Boot, request: typeof StartAgent.Type) {
        const startedAt = yield* Clock.currentTimeMillis
        const narrator = yield* makeNarrator(request.name)
        const replayed = Latch.makeUnsafe()
        const log = makeLog(narrator, limits.logCharactersMax, () => turns.openTurnId())
        const process = yield* spawnAgent(
          {
            name: request.name,
            argv: request.command.map(fill(place.program)),
            cwd: place.workspace,
            env: environment(place.home, request.env)
          },
          {
            room: () => (events.isFull() ? Effect.runPromise(events.room) : null),
            onUpdate: (params) => {
              replayed.openUnsafe()
              return turns.hear(params)
            },
            onPermission: turns.permit,
            onStderr: log
          }
        )
        const met = yield* meet(process, { cwd: place.workspace, agentSession: request.agentSession, replayed })
        if (boot.isOver) return yield* Effect.interrupt
        boot.partner = { agent: process.agent, agentSession: met.agentSession, narrator, permissions: request.permissions }
        narrator.tell("agent.ready", { boot: boot.number, agentSession: met.agentSession })
        yield* Effect.flatMap(process.over, ({ reason, message }) =>
          Effect.sync(() => finish(boot, reason, message, "crashed"))
        ).pipe(Effect.ensuring(Effect.forkDetach(Scope.close(boot.scope, Exit.void))), Effect.forkIn(scope))
        return { ...met, readyMs: (yield* Clock.currentTimeMillis) - startedAt }
      })

      const end = Effect.fnUntraced(function* (boot: Boot, message: string, stopReason: string) {
        finish(boot, "quiesced", message, stopReason)
        yield* Scope.close(boot.scope, Exit.void)
      })

      const start = Effect.fnUntraced(function* (request: typeof StartAgent.Type) {
        const previous = current
        if (previous !== null && request.boot < previous.number) return yield* stale(`boot ${previous.number} is current`)
        if (previous !== null && request.boot === previous.number && !previous.isOver)
          return yield* Deferred.await(previous.ready)
        const boot: Boot = {
          number: request.boot,
          scope: Scope.makeUnsafe(),
          ready: Deferred.makeUnsafe(),
          partner: null,
          isOver: false
        }
        current = boot
        yield* Effect.gen(function* () {
          if (previous !== null) yield* end(previous, `boot ${request.boot} took its place`, "crashed")
          yield* launch(boot, request).pipe(
            Effect.onError(() =>
              Effect.sync(() => {
                boot.isOver = true
              })
            ),
            Deferred.into(boot.ready)
          )
          if (boot.isOver) yield* Scope.close(boot.scope, Exit.void)
        }).pipe(Effect.provideService(Scope.Scope, boot.scope), Effect.provideService(Events, events), Effect.forkIn(scope))
        return yield* Deferred.await(boot.ready)
      })

      const startTurn = Effect.fnUntraced(function* ({ boot, turnId, text }: typeof StartTurn.Type) {
        if (current === null || current.number !== boot) {
          return yield* stale(current === null ? "no agent was started" : `boot ${current.number} is current`)
        }
        if (turns.isKnown(turnId)) return
        if (current.isOver || current.partner === null)
          return yield* cannot("agent-gone", `the agent of boot ${boot} does not run`)
        yield* turns.start(turnId, text, current.partner)
      })

      yield* Effect.addFinalizer(() => (current === null ? Effect.void : end(current, "the daemon ends", "crashed")))

      return {
        boot: () => (current === null || current.isOver ? null : current.number),
        start,
        startTurn,
        turns,
        quiesce: Effect.suspend(() => (current === null ? Effect.void : end(current, "the sandbox is captured", "cancelled")))
      }
    })
  )
}

const fill = (program: string) => (part: string) =>
  part.replaceAll("{node}", process.execPath).replaceAll("{proliferate}", program)

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
