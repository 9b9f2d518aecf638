/**
 * The agents of this host, for people: which there are and what each lacks; putting one here; trying one out in a sandbox that is
 * thrown away. Such work is one at a time for an agent, goes on when whoever asked for it goes away, and says how far it is.
 */
import { Clock, Context, Effect, FiberSet, Layer, Schema } from "effect"
import { newId } from "../../runtime/address.ts"
import { type AgentError, type AgentSummary, Agents } from "../ports/agents.ts"
import { type DaemonError, Daemons } from "../ports/daemons.ts"
import { type SandboxError, Sandboxes } from "../ports/sandboxes.ts"
import type { Pass } from "./access.ts"
import { ServiceError } from "./error.ts"

/** What an agent said of itself when it was tried out. */
export const CheckReport = Schema.Struct({
  /** As it names itself. */
  program: Schema.String,
  /** From a sandbox that is there to an agent that takes prompts. */
  readyMs: Schema.Finite,
  /** What of ACP it can do beyond prompts of text. */
  abilities: Schema.Array(Schema.String),
  model: Schema.NullOr(Schema.String)
})

export const Work = Schema.Struct({
  kind: Schema.Literals(["install", "check"]),
  state: Schema.Literals(["running", "done", "failed"]),
  /** How far it is, or why it failed and what to do. */
  message: Schema.String,
  startedAtMs: Schema.Finite,
  report: Schema.NullOr(CheckReport)
})
type Work = typeof Work.Type

export interface AgentDetail extends AgentSummary {
  /** What was last done with it since the server started. */
  readonly work: Work | null
}

/** Of the sandboxes in which agents are tried out; one that a crash left behind is known by it. */
const keyPrefix = "check:"

export class Installations extends Context.Service<
  Installations,
  {
    readonly list: (pass: Pass<"agents.read">) => Effect.Effect<ReadonlyArray<AgentDetail>>
    readonly show: (pass: Pass<"agents.read">, name: string) => Effect.Effect<AgentDetail, ServiceError>
    /** Begins it, or finds what is under way; `show` says how it goes. */
    readonly begin: (
      pass: Pass<"agents.install" | "agents.check">,
      kind: Work["kind"],
      name: string
    ) => Effect.Effect<AgentDetail, ServiceError>
  }
>()("proliferate/actors/services/Installations") {
  static readonly layer: Layer.Layer<Installations, never, Agents | Sandboxes | Daemons> = Layer.effect(
    Installations,
    Effect.gen(function* () {
      const agents = yield* Agents
      const sandboxes = yield* Sandboxes
      const daemons = yield* Daemons
      const fork = yield* FiberSet.runtime(yield* FiberSet.make<void>())<never>()
      const works = new Map<string, Work>()
      const trying = new Set<string>()

      const detailOf = (summary: AgentSummary): AgentDetail => ({ ...summary, work: works.get(summary.name) ?? null })

      const found = Effect.fnUntraced(function* (name: string) {
        return yield* Effect.mapError(agents.find(name), ({ message }) => new ServiceError({ reason: "not-found", message }))
      })

      const destroy = (sandboxId: string) => Effect.ignore(sandboxes.destroy(sandboxId))
      const sweep = Effect.gen(function* () {
        for (const { key, sandboxId } of yield* sandboxes.list)
          if (key.startsWith(keyPrefix) && !trying.has(key)) yield* destroy(sandboxId)
      })

      const check = Effect.fn("Installations.check")(function* (org: string, name: string, tell: (progress: string) => void) {
        // Before it costs a sandbox.
        const sessionId = yield* newId("ses")
        const start = yield* agents.start({ name, permissions: "allow", model: null, org, sessionId })
        const key = `${keyPrefix}${sessionId}`
        trying.add(key)
        return yield* Effect.acquireUseRelease(
          Effect.andThen(Effect.ignore(sweep), () => {
            tell("a sandbox is made for it")
            return sandboxes.provision({ key, org, sessionId, snapshotId: null })
          }),
          ({ sandboxId }) => {
            tell("it is started in a sandbox")
            return daemons.startAgent(sandboxId, { ...start, boot: 1, name, permissions: "allow", agentSession: null })
          },
          ({ sandboxId }) => destroy(sandboxId)
        ).pipe(
          Effect.map(({ program, readyMs, abilities }): typeof CheckReport.Type => ({
            program,
            readyMs,
            abilities,
            model: start.model
          })),
          Effect.ensuring(Effect.sync(() => trying.delete(key)))
        )
      })

      const begin = Effect.fn("Installations.begin")(function* (
        { organisation }: Pass<"agents.install" | "agents.check">,
        kind: Work["kind"],
        name: string
      ) {
        yield* found(name)
        if (works.get(name)?.state === "running") return detailOf(yield* found(name))
        const startedAtMs = yield* Clock.currentTimeMillis
        const note = (state: Work["state"], message: string, report: Work["report"] = null) =>
          works.set(name, { kind, state, message, startedAtMs, report })
        const tell = (message: string) => void note("running", message)
        tell("it begins")
        const work =
          kind === "install"
            ? agents.install(name, tell).pipe(Effect.map(() => note("done", works.get(name)!.message)))
            : check(organisation, name, tell).pipe(Effect.map((report) => note("done", `${name} works`, report)))
        fork(
          work.pipe(
            Effect.catch((error: AgentError | DaemonError | SandboxError) =>
              Effect.sync(() => void note("failed", error.message))
            ),
            Effect.catchCause((cause) =>
              Effect.andThen(
                Effect.logError(`${kind} of ${name}`, cause),
                Effect.sync(() => void note("failed", "the server failed; its log says why"))
              )
            ),
            Effect.asVoid
          )
        )
        return detailOf(yield* found(name))
      })

      return Installations.of({
        list: () => Effect.map(agents.all, (all) => all.map(detailOf)),
        show: (_, name) => Effect.map(found(name), detailOf),
        begin
      })
    })
  )
}
