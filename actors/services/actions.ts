/**
 * What an agent may do at services: which there are, how they are called, and calling them. A call is checked whole before anything is
 * written: names, arguments, connection, how much it asks. Then it is an actor, and whoever asked waits by push for what comes of it.
 */
import { createHash } from "node:crypto"
import { Context, Effect, Layer, Schema } from "effect"
import { ApprovalEvent } from "../../machines/approval/events.ts"
import type { SessionContext } from "../../machines/session/context.ts"
import { type Address, newId } from "../../runtime/address.ts"
import { Coordination } from "../../runtime/coordination.ts"
import type { FeedError } from "../../runtime/feed.ts"
import { Feeds } from "../../runtime/feeds.ts"
import { type AskError, Router, type Unavailable } from "../../runtime/router.ts"
import { type Arguments, SealedArguments } from "../arguments.ts"
import { canonical, hashOfValue } from "../canonical.ts"
import { displayed } from "../displayed.ts"
import { type Action, type Provider, Providers } from "../ports/actions.ts"
import { Calls } from "../ports/calls.ts"
import { ConnectionRecords } from "../ports/connections.ts"
import { Directory, type DirectoryError } from "../ports/directory.ts"
import type { Pass } from "./access.ts"
import { isAttended } from "./attendance.ts"
import { type CallView, callViewOf, isSettled, madeAtMs } from "./call-view.ts"
import { connectText } from "./credentials.ts"
import { decode } from "./decode.ts"
import { ServiceError } from "./error.ts"
import { nearest } from "./nearest.ts"
import { reserved } from "./reserved.ts"

export const callsPerMinuteMax = 60
/** The same bound as the machine's, said before a row is written. */
export const pendingCallsMax = 10
/** Less than what the gateway answers within. */
export const waitMaxMs = 20_000
const argumentsBytesMax = 256 * 1024

const Word = Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(200))
export const NewCall = Schema.Struct({
  integration: Word,
  action: Word,
  params: Schema.optionalKey(Schema.Record(Schema.String, Schema.Json)),
  /** Waits so long for an outcome. */
  waitMs: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: waitMaxMs })))
})

type Failure = ServiceError | DirectoryError | AskError | FeedError
const fail = (reason: ServiceError["reason"], message: string) => Effect.fail(new ServiceError({ reason, message }))
const decodeEvent = decode(ApprovalEvent)

export const callAddress = (org: string, sessionId: string, id: string): Address => ({
  org,
  kind: "approval",
  id,
  home: sessionId
})

export class Actions extends Context.Service<
  Actions,
  {
    /** Checked, written, and waited for as long as it says. */
    readonly run: (pass: Pass<"session.act">, call: typeof NewCall.Type, key: string | null) => Effect.Effect<CallView, Failure>
    /** As it stands; with `waitMs`, when it has settled or that time is over. */
    readonly status: (pass: Pass<"session.calls">, id: string, waitMs: number) => Effect.Effect<CallView, Failure>
    /** Newest first. */
    readonly history: (
      pass: Pass<"session.calls">,
      page: { readonly limit: number; readonly before?: string | undefined }
    ) => Effect.Effect<ReadonlyArray<CallView>, DirectoryError>
    /** The agent has the outcome: it need not be told by a prompt. */
    readonly heard: (pass: Pass<"session.act">, id: string) => Effect.Effect<void, Failure>
    readonly withdraw: (pass: Pass<"session.act">, id: string) => Effect.Effect<CallView, Failure>
  }
>()("proliferate/actors/services/Actions") {
  static readonly layer: Layer.Layer<
    Actions,
    never,
    Providers | Calls | ConnectionRecords | Directory | SealedArguments | Router | Feeds | Coordination
  > = Layer.effect(
    Actions,
    Effect.gen(function* () {
      const providers = yield* Providers
      const calls = yield* Calls
      const connections = yield* ConnectionRecords
      const directory = yield* Directory
      const sealed = yield* SealedArguments
      const router = yield* Router
      const feeds = yield* Feeds
      const coordination = yield* Coordination

      const viewOf = Effect.fnUntraced(function* (
        org: string,
        sessionId: string,
        id: string
      ): Effect.fn.Return<CallView | null, Unavailable> {
        const view = yield* router.look(callAddress(org, sessionId, id))
        return view === null ? null : callViewOf({ ...view, createdAtMs: madeAtMs(id) })
      })

      const found = Effect.fnUntraced(function* (
        { organisation, session }: Pass & { readonly session: { readonly id: string } },
        id: string
      ) {
        const view = yield* viewOf(organisation, session.id, id)
        if (view !== null && view.sessionId === session.id) return view
        return yield* fail(
          "not-found",
          `session ${session.id} has no call ${id}; \`proliferate actions history\` shows those that it has`
        )
      })

      /** By push: each notice of the call is a reason to look. */
      const awaited = Effect.fnUntraced(function* (org: string, sessionId: string, id: string, after: number) {
        const home = { org, id: sessionId }
        let cursor = after
        while (true) {
          const view = yield* viewOf(org, sessionId, id)
          if (view === null || isSettled(view.status)) return
          for (let isOfIt = false; !isOfIt; ) {
            const { events, gap } = yield* feeds.next(home, cursor, 256)
            cursor = events.at(-1)?.seq ?? gap?.through ?? cursor
            isOfIt = gap !== null || events.some(({ kind, body }) => kind === "approval" && body["approvalId"] === id)
          }
        }
      })
      const waited = (org: string, sessionId: string, id: string, after: number, waitMs: number) =>
        waitMs === 0 ? Effect.void : Effect.asVoid(Effect.timeoutOption(awaited(org, sessionId, id, after), waitMs))

      const named = Effect.fnUntraced(function* (org: string, integration: string, name: string) {
        const provider = yield* providers.find(org, integration)
        if (provider === null) {
          const known = (yield* providers.of(org)).map((one) => one.integration)
          return yield* fail("invalid", `integration: there is no ${integration}; ${nearest(integration, known)}`)
        }
        if (provider.trouble !== null)
          return yield* fail("provider", `${integration} cannot say what it does now: ${provider.trouble}`)
        const action = provider.actions.find((one) => one.name === name)
        if (action === undefined) {
          const known = provider.actions.map((one) => one.name)
          return yield* fail("invalid", `action: ${integration} has no ${name}; ${nearest(name, known)}`)
        }
        return { provider, action }
      })

      const checked = Effect.fnUntraced(function* ({ integration }: Provider, action: Action, params: Arguments) {
        if (Buffer.byteLength(canonical(params)) > argumentsBytesMax)
          return yield* fail("invalid", `params: ${argumentsBytesMax / 1024} KB of arguments are the most`)
        yield* decode(action.params)(params).pipe(
          Effect.mapError(
            ({ message }) =>
              new ServiceError({
                reason: "invalid",
                message: `params: ${message} (of ${integration}.${action.name}; \`proliferate actions guide ${integration}\` shows what it takes)`
              })
          )
        )
      })

      const connected = Effect.fnUntraced(function* (org: string, { integration, takes }: Provider) {
        if (takes.every((kind) => kind === "none")) return
        const live = yield* connections.live(org, integration)
        if (live === null) return yield* fail("reference", `${integration} is not connected; ${connectText(integration)}`)
        const { status, reason } = live.connection
        if (status !== "active") {
          const why = reason === null ? "" : ` (${reason})`
          return yield* fail("reference", `${integration} must be connected again${why}; ${connectText(integration)}`)
        }
      })

      const withinBounds = Effect.fnUntraced(function* (org: string, sessionId: string, { risk }: Action) {
        const rate = { burst: callsPerMinuteMax, perSecond: callsPerMinuteMax / 60 }
        const waitMs = yield* coordination.take(`calls/${org}/${sessionId}`, rate)
        if (waitMs > 0)
          return yield* fail(
            "limit",
            `more than ${callsPerMinuteMax} calls in a minute; ask again in ${Math.ceil(waitMs / 1000)} s`
          )
        // A read that waits all the same is counted by its own commit.
        if (risk === "read") return
        const pending = yield* calls.list(org, { sessionId, statuses: ["pending"], limit: pendingCallsMax })
        if (pending.length >= pendingCallsMax) return yield* tooManyPending
      })
      const tooManyPending = fail(
        "limit",
        `${pendingCallsMax} calls of this session wait for a person already; wait for one, or withdraw one`
      )

      /** Under the same key the same request has the same id, whoever asks first. */
      const idUnder = Effect.fnUntraced(function* (
        org: string,
        sessionId: string,
        call: typeof NewCall.Type,
        key: string | null
      ) {
        const id = yield* newId("apr")
        if (key === null) return { id, isOwn: true }
        const { waitMs: _, ...asked } = call
        const name = createHash("sha256").update(`${sessionId}\n${key}`).digest("hex")
        const kept = yield* reserved(directory, { org, key: `actions.run:${name}`, id }, asked)
        return { id: kept, isOwn: kept === id }
      })

      return Actions.of({
        run: Effect.fn("Actions.run")(function* (pass, call, key) {
          const { organisation: org, session } = pass
          const { integration, params = {}, waitMs = 0 } = call
          const { provider, action } = yield* named(org, integration, call.action)
          yield* checked(provider, action, params)
          const { id, isOwn } = yield* idUnder(org, session.id, call, key)
          const { seq: head } = yield* feeds.head({ org, id: session.id })
          if (isOwn || (yield* viewOf(org, session.id, id)) === null) {
            yield* connected(org, provider)
            yield* withinBounds(org, session.id, action)
            const of = yield* router.look({ org, kind: "session", id: session.id, home: session.id })
            const context = of?.context as unknown as SessionContext | undefined
            const event = yield* decodeEvent({
              type: "create",
              approvalId: id,
              sessionId: session.id,
              configurationId: context?.configurationId ?? null,
              automationId: null,
              integration,
              action: action.name,
              risk: action.risk,
              params: displayed(params).value,
              argumentsHash: hashOfValue(params),
              attended: yield* isAttended(coordination, directory, org, session.id)
            })
            yield* sealed.put(org, id, params)
            yield* router.ask(callAddress(org, session.id, id), { id: "create", event, by: null })
          }
          yield* waited(org, session.id, id, head, waitMs)
          const view = yield* found(pass, id)
          return view.status === "denied" && view.reason === "limit" ? yield* tooManyPending : view
        }),

        status: Effect.fn("Actions.status")(function* (pass, id, waitMs) {
          const { organisation: org, session } = pass
          const { seq: head } = yield* feeds.head({ org, id: session.id })
          const view = yield* found(pass, id)
          if (isSettled(view.status) || waitMs === 0) return view
          yield* waited(org, session.id, id, head, waitMs)
          return yield* found(pass, id)
        }),

        history: ({ organisation, session }, page) =>
          calls.list(organisation, { ...page, sessionId: session.id }).pipe(Effect.map((rows) => rows.map(callViewOf))),

        heard: Effect.fn("Actions.heard")(function* (pass, id) {
          const view = yield* found(pass, id)
          if (!isSettled(view.status))
            return yield* fail("refused", `call ${id} is ${view.status}: there is no outcome to hear yet`)
          const address = callAddress(pass.organisation, pass.session.id, id)
          yield* router.ask(address, { id: "heard", event: { type: "heard" }, by: null })
        }),

        withdraw: Effect.fn("Actions.withdraw")(function* (pass, id) {
          yield* found(pass, id)
          yield* router.ask(callAddress(pass.organisation, pass.session.id, id), {
            id: "withdraw",
            event: { type: "withdraw" },
            by: null
          })
          return yield* found(pass, id)
        })
      })
    })
  )
}
