/** The first words with an agent: initialize, a new conversation or the earlier one, the mode and model of it. Each has its limit. */
import * as acp from "@agentclientprotocol/sdk"
import { Effect, type Latch } from "effect"
import type { AgentProcess } from "./agent-process.ts"
import { Limits } from "./limits.ts"
import { type Settings, settingsOf } from "./options.ts"
import { cannot, type Refusal } from "./refusal.ts"
import { clean, cutEnd } from "./text.ts"

const authRequired = -32_000

export interface Met {
  readonly agentSession: string
  readonly remembers: boolean
  /** As it names itself. */
  readonly program: string
  readonly abilities: ReadonlyArray<Ability>
  readonly settings: Settings
}

export type Ability = "load" | "images" | "files"

const abilitiesOf = ({ agentCapabilities: its }: acp.InitializeResponse): ReadonlyArray<Ability> => [
  ...(its?.loadSession === true ? ["load" as const] : []),
  ...(its?.promptCapabilities?.image === true ? ["images" as const] : []),
  ...(its?.promptCapabilities?.embeddedContext === true ? ["files" as const] : [])
]

interface Meeting {
  readonly cwd: string
  readonly agentSession: string | null
  readonly replayed: Latch.Latch
  readonly mode: string | null
  /** As the agent calls it. */
  readonly model: string | null
  readonly mcpServers: ReadonlyArray<acp.McpServer>
}

/** `replayed` opens whenever the agent says something; what it says before the first turn is history, and not told. */
export const meet = Effect.fnUntraced(function* (
  { agent, over }: AgentProcess,
  { cwd, agentSession, replayed, mode, model, ...offered }: Meeting
) {
  const limits = yield* Limits
  const mcpServers = [...offered.mcpServers]

  const ask = <A>(method: string, limitMs: number, request: () => Promise<A>): Effect.Effect<A, Refusal> =>
    Effect.tryPromise(request).pipe(
      // A connection that closed says less than the reason why it did, which is on its way.
      Effect.catch(({ cause }) => (cause instanceof acp.RequestError ? Effect.fail(refused(method, cause)) : Effect.never)),
      Effect.raceFirst(Effect.flatMap(over, ({ reason, message }) => Effect.fail(cannot(`agent-${reason}`, message)))),
      Effect.timeoutOrElse({
        duration: limitMs,
        orElse: () => Effect.fail(cannot("agent-hung", `the agent did not answer ${method} within ${limitMs / 1000} s`))
      })
    )

  const told: acp.InitializeResponse = yield* ask("initialize", limits.initializeMs, () =>
    agent.request("initialize", {
      protocolVersion: acp.PROTOCOL_VERSION,
      clientCapabilities: { fs: { readTextFile: false, writeTextFile: false }, terminal: false },
      clientInfo: { name: "proliferate", version: "1" }
    })
  )
  if (told?.protocolVersion !== acp.PROTOCOL_VERSION) {
    const message = `the agent speaks ACP version ${told?.protocolVersion}; version ${acp.PROTOCOL_VERSION} is needed`
    return yield* cannot("agent-malformed", message, true)
  }

  const info = told.agentInfo
  const program = cutEnd(clean(info ? `${info.title ?? info.name} ${info.version}` : ""), 200)
  const abilities = abilitiesOf(told)

  /** What it does not offer it cannot be told; what it refuses is not worth a session. */
  const settle = Effect.fnUntraced(function* (sessionId: string, answer: unknown) {
    const settings = settingsOf(agent, sessionId, answer)
    for (const [setting, wanted] of [[settings.mode, mode] as const, [settings.model, model] as const]) {
      if (setting === null || wanted === null || setting.current === wanted || !setting.values.includes(wanted)) continue
      yield* Effect.ignore(ask("the choice of its mode or model", limits.settingMs, () => setting.set(wanted)))
    }
    return settings
  })

  if (agentSession !== null && abilities.includes("load")) {
    const load = ask("session/load", limits.sessionLoadMs, () =>
      agent.request("session/load", { sessionId: agentSession, cwd, mcpServers })
    ).pipe(
      Effect.map((answer: unknown) => ({ answer })),
      // It may have forgotten: a new conversation is better than none. One that is hung or gone is neither.
      Effect.catchIf(
        ({ reason }) => reason === "agent-refused",
        () => Effect.succeed(null)
      )
    )
    const loaded = yield* load
    if (loaded !== null) {
      const settings = yield* settle(agentSession, loaded.answer)
      yield* quiet(replayed, limits.loadQuietMs).pipe(Effect.timeoutOption(limits.sessionLoadMs))
      return { agentSession, remembers: true, program, abilities, settings } satisfies Met
    }
  }

  const opened: acp.NewSessionResponse = yield* ask("session/new", limits.sessionNewMs, () =>
    agent.request("session/new", { cwd, mcpServers })
  )
  if (typeof opened?.sessionId !== "string") return yield* cannot("agent-malformed", "the agent named no session", true)
  const settings = yield* settle(opened.sessionId, opened)
  return { agentSession: opened.sessionId, remembers: false, program, abilities, settings } satisfies Met
})

const quiet = (heard: Latch.Latch, quietMs: number): Effect.Effect<void> =>
  Effect.gen(function* () {
    let isQuiet = false
    while (!isQuiet) {
      heard.closeUnsafe()
      isQuiet = yield* Effect.raceFirst(Effect.as(heard.await, false), Effect.as(Effect.sleep(quietMs), true))
    }
  })

const refused = (method: string, { code, message }: acp.RequestError): Refusal =>
  cannot("agent-refused", `the agent refused ${method}: ${cutEnd(clean(message), 1_000)}`, code === authRequired)
