/** What can be asked of the daemon: the table of actors/ports/daemon.ts, bound to who does it. */
import { Context, Deferred, Effect, Layer, type Schema } from "effect"
import {
  Ack,
  Answer,
  Exec,
  type ExecResult,
  Folder,
  FolderPiece,
  Gather,
  type Health,
  PutFile,
  StartAgent,
  StartTurn,
  UseModel,
  Workspace
} from "../../actors/ports/daemon.ts"
import manifest from "../../package.json" with { type: "json" }
import { Agents } from "./agents.ts"
import { diff } from "./diff.ts"
import { environment } from "./environment.ts"
import { Events } from "./events.ts"
import { putFile } from "./files.ts"
import { filesOf, pieceOf } from "./folder.ts"
import { Limits } from "./limits.ts"
import { Place } from "./place.ts"
import { badInput, type Refusal } from "./refusal.ts"
import { run } from "./run.ts"
import { clean } from "./text.ts"
import { Works } from "./work.ts"
import { Workspaces } from "./workspaces.ts"

type Params = Readonly<Record<string, string>>

export interface Route {
  readonly method: "GET" | "POST"
  readonly path: RegExp
  readonly body: Schema.Codec<unknown, unknown> | null
  readonly status: number
  readonly limitMs: number
  readonly run: (body: unknown, params: Params) => Effect.Effect<unknown, Refusal>
}

/** Completed when the daemon shall end. */
export class Stop extends Context.Service<Stop, Deferred.Deferred<void>>()("proliferate/cli/daemon/Stop") {
  static readonly layer = Layer.effect(Stop, Deferred.make<void>())
}

export class Routes extends Context.Service<Routes, ReadonlyArray<Route>>()("proliferate/cli/daemon/Routes") {
  static readonly layer = Layer.effect(
    Routes,
    Effect.gen(function* () {
      const agents = yield* Agents
      const events = yield* Events
      const limits = yield* Limits
      const { workspace, home } = yield* Place
      const works = yield* Works
      const workspaces = yield* Workspaces
      const stop = yield* Stop
      const context = yield* Effect.context<Place>()

      const health = Effect.sync((): typeof Health.Type => ({
        daemonId: events.daemonId,
        version: manifest.version,
        boot: agents.boot(),
        turnId: agents.turns.openTurnId(),
        lastSeq: events.lastSeq()
      }))

      const exec = Effect.fnUntraced(function* ({ argv, timeoutMs }: typeof Exec.Type) {
        if (argv.length === 0) return yield* badInput("argv must name a program")
        if (timeoutMs < 1 || timeoutMs > limits.execMsMax) return yield* badInput(`timeoutMs must be 1 to ${limits.execMsMax}`)
        const env = environment(home)
        const ran = yield* run({ argv, cwd: workspace, env, timeoutMs, outputBytesMax: limits.execOutputBytesMax })
        return { ...ran, stdout: clean(ran.stdout), stderr: clean(ran.stderr) } satisfies typeof ExecResult.Type
      })

      const quiesce = Effect.gen(function* () {
        yield* agents.quiesce
        const env = environment(home)
        yield* run({ argv: ["sync", "-f", workspace], cwd: workspace, env, timeoutMs: limits.syncMs, outputBytesMax: 1_024 })
      })

      const get = (path: string, limitMs: number, what: Effect.Effect<unknown, Refusal>): Route => ({
        method: "GET",
        path: pattern(path),
        body: null,
        status: 200,
        limitMs,
        run: () => what
      })
      const post = <A, I>(
        path: string,
        body: Schema.Codec<A, I> | null,
        status: number,
        limitMs: number,
        run: (body: A, params: Params) => Effect.Effect<unknown, Refusal>
      ): Route => ({
        method: "POST",
        path: pattern(path),
        body: body as Schema.Codec<unknown, unknown> | null,
        status,
        limitMs,
        run: (input, params) => run(input as A, params)
      })
      const startingMs = limits.initializeMs + limits.sessionNewMs + 2 * limits.sessionLoadMs
      const quiesceMs = 3 * limits.killGraceMs + limits.syncMs

      return [
        get("/v1/health", 1_000, health),
        post("/v1/work", Gather, 200, limits.workMs, (request) => works.gather(request)),
        {
          ...get("/v1/work/:workId/:offset", 5_000, Effect.void),
          run: (_, { workId, offset }) => works.piece(workId!, Number(offset))
        },
        get("/v1/diff", 2 * limits.gitMs, Effect.provide(diff, context)),
        post("/v1/workspace", Workspace, 200, 3 * limits.fetchMs, workspaces.prepare),
        post("/v1/agent", StartAgent, 200, startingMs, agents.start),
        post("/v1/model", UseModel, 200, startingMs, agents.useModel),
        post("/v1/files", PutFile, 200, 5_000, (file) => Effect.provide(putFile(file), context)),
        post("/v1/turns", StartTurn, 202, 5_000, agents.startTurn),
        post("/v1/turns/:turnId/cancel", null, 202, 5_000, (_, { turnId }) => agents.turns.cancel(turnId!)),
        post("/v1/questions/:questionId", Answer, 202, 5_000, ({ optionId }, { questionId }) =>
          agents.turns.answer(questionId!, optionId)
        ),
        post("/v1/quiesce", null, 200, quiesceMs, () => quiesce),
        post("/v1/folder", Folder, 200, 10_000, (folder) => Effect.provide(filesOf(folder), context)),
        post("/v1/folder/piece", FolderPiece, 200, 10_000, (piece) => Effect.provide(pieceOf(piece), context)),
        post("/v1/exec", Exec, 200, limits.execMsMax + 5_000, exec),
        post("/v1/ack", Ack, 200, 1_000, ({ daemonId, seq }) => events.ack(daemonId, seq)),
        post("/v1/shutdown", null, 202, 1_000, () => Deferred.succeed(stop, undefined).pipe(Effect.asVoid))
      ]
    })
  )
}

const pattern = (path: string) => new RegExp(`^${path.replaceAll(/:(\w+)/g, "(?<$1>[^/]+)")}$`)
