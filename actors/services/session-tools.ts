/**
 * Tools of an agent whose work is done here. Each call has its id: asked for again, also after a connection broke, it joins the run that
 * goes on or has the result that it had, for 5 minutes; evidence that is sealed answers for ever. Each ends within 120 s.
 */
import { createHash } from "node:crypto"
import { Cause, Clock, Context, Deferred, Effect, Exit, Layer, Option, Schema } from "effect"
import { Router } from "../../runtime/router.ts"
import { hashOfValue } from "../canonical.ts"
import { Daemons } from "../ports/daemons.ts"
import { type Evidence, EvidenceStore } from "../ports/evidence.ts"
import type { Pass } from "./access.ts"
import { decode } from "./decode.ts"
import { ServiceError } from "./error.ts"
import { gather } from "./gathering.ts"
import { sandboxOfRunning } from "./running.ts"
import { sessionAddress } from "./sessions.ts"
import { Id } from "./words.ts"

const toolMs = 120_000
const keptMs = 300_000
/** Less than what the gateway answers within. */
const waitMaxMs = 20_000
export const runningMax = 4
const folderDefault = ".proliferate/.verification/"

export const ToolCall = Schema.Struct({
  toolCallId: Id,
  args: Schema.optionalKey(Schema.Record(Schema.String, Schema.Json)),
  waitMs: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: waitMaxMs })))
})

const decodeVerify = decode(
  Schema.Struct({
    folder: Schema.optionalKey(Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(500)))
  })
)

/** Shown with the call, in the feed. */
const decodeSave = decode(Schema.Struct({ message: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(500))) }))

export interface ToolOutcome {
  readonly status: "running" | "completed" | "failed"
  readonly result: unknown
  readonly message: string | null
}

interface Run {
  readonly session: string
  readonly hash: string
  readonly outcome: Deferred.Deferred<ToolOutcome>
  settledAtMs: number | null
}

type Asked = Pass<"session.act">
const fail = (reason: ServiceError["reason"], message: string) => Effect.fail(new ServiceError({ reason, message }))
const failed = (message: string): ToolOutcome => ({ status: "failed", result: null, message })
const running: ToolOutcome = { status: "running", result: null, message: null }

export const evidenceKey = (toolCallId: string): string =>
  `evd_${createHash("sha256").update(toolCallId).digest("hex").slice(0, 24)}`

export class SessionTools extends Context.Service<
  SessionTools,
  {
    /** Waited for as long as it says; `running` when it goes on. */
    readonly run: (pass: Asked, tool: string, call: typeof ToolCall.Type) => Effect.Effect<ToolOutcome, ServiceError>
  }
>()("proliferate/actors/services/SessionTools") {
  static readonly layer: Layer.Layer<SessionTools, never, Router | Daemons | EvidenceStore> = Layer.effect(
    SessionTools,
    Effect.gen(function* () {
      const router = yield* Router
      const daemons = yield* Daemons
      const store = yield* EvidenceStore
      const scope = yield* Effect.scope
      const runs = new Map<string, Run>()

      const sandboxOf = Effect.fnUntraced(function* ({ organisation, session: { id } }: Asked) {
        const view = yield* router.look(sessionAddress(organisation, id))
        return view === null ? yield* fail("not-found", `there is no session ${id}`) : yield* sandboxOfRunning(view)
      })

      const shown = ({ key, files }: Evidence) => ({ key, files: files.map(({ path, bytes }) => ({ path, bytes })) })

      const verify = Effect.fnUntraced(function* (pass: Asked, toolCallId: string, args: unknown) {
        const { folder = folderDefault } = yield* decodeVerify(args)
        const owner = { org: pass.organisation, sessionId: pass.session.id }
        const key = evidenceKey(toolCallId)
        const kept = yield* store.find(owner, key)
        if (kept !== null) return shown(kept)
        const evidence = yield* gather(yield* sandboxOf(pass), owner, key, folder).pipe(
          Effect.provideService(Daemons, daemons),
          Effect.provideService(EvidenceStore, store)
        )
        return evidence === null
          ? { key: null, files: [], message: `${folder} holds no file: put there what shows your work, then call verify again` }
          : shown(evidence)
      })

      /** Under the call's own id the journal takes it once. */
      const saveSnapshot = Effect.fnUntraced(function* (pass: Asked, toolCallId: string, args: unknown) {
        yield* decodeSave(args)
        const address = sessionAddress(pass.organisation, pass.session.id)
        const id = `capture:${hashOfValue(toolCallId).slice(0, 32)}`
        yield* router.ask(address, { id, event: { type: "capture" }, by: null })
        return {
          target: "session",
          message:
            "The workspace and the home are captured when this turn has ended, and not before: finish what belongs to it. The session then goes on in a new sandbox made from that snapshot."
        }
      })

      type Work = (pass: Asked, toolCallId: string, args: unknown) => Effect.Effect<unknown, { readonly message: string }>
      const tools: Readonly<Record<string, Work>> = { verify, save_snapshot: saveSnapshot }

      const sweep = (nowMs: number) => {
        for (const [key, { settledAtMs }] of runs) if (settledAtMs !== null && nowMs - settledAtMs > keptMs) runs.delete(key)
      }

      const outcomeOf = (exit: Exit.Exit<unknown, { readonly message: string }>): ToolOutcome => {
        if (Exit.isSuccess(exit)) return { status: "completed", result: exit.value, message: null }
        const error = exit.cause.reasons.find((reason) => reason._tag === "Fail")?.error
        return failed(error?.message ?? "the server failed at it; its log says why")
      }

      const begin = Effect.fnUntraced(function* (run: Run, work: Effect.Effect<unknown, { readonly message: string }>) {
        yield* work.pipe(
          Effect.timeoutOrElse({
            duration: toolMs,
            orElse: () => fail("refused", `it was not done within ${toolMs / 1000} s; try again with less`)
          }),
          Effect.tapCause((cause) =>
            Cause.hasDies(cause) ? Effect.logError("a tool of a session crashed", cause) : Effect.void
          ),
          Effect.exit,
          Effect.flatMap((exit) => Deferred.succeed(run.outcome, outcomeOf(exit))),
          Effect.andThen(Clock.currentTimeMillis),
          Effect.tap((nowMs) =>
            Effect.sync(() => {
              run.settledAtMs = nowMs
            })
          ),
          Effect.forkIn(scope)
        )
      })

      return SessionTools.of({
        run: Effect.fn("SessionTools.run")(function* (pass, tool, { toolCallId, args = {}, waitMs = 0 }) {
          const work = Object.hasOwn(tools, tool) ? tools[tool]! : null
          if (work === null)
            return yield* fail("not-found", `there is no tool ${tool}; there are ${Object.keys(tools).join(", ")}`)
          sweep(yield* Clock.currentTimeMillis)
          const session = `${pass.organisation}\0${pass.session.id}`
          const key = `${session}\0${toolCallId}`
          const hash = hashOfValue({ tool, args })
          let run = runs.get(key)
          if (run === undefined) {
            const open = [...runs.values()].filter((one) => one.session === session && one.settledAtMs === null)
            if (open.length >= runningMax)
              return yield* fail("limit", `${runningMax} tools of this session are at work already; wait for one`)
            run = { session, hash, outcome: Deferred.makeUnsafe(), settledAtMs: null }
            runs.set(key, run)
            yield* begin(run, work(pass, toolCallId, args))
          } else if (run.hash !== hash)
            return yield* fail("conflict", `the tool call ${toolCallId} asked for something else before`)
          return yield* Effect.map(
            Effect.timeoutOption(Deferred.await(run.outcome), waitMs),
            Option.getOrElse(() => running)
          )
        })
      })
    })
  )
}
