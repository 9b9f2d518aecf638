/**
 * What people ask of sessions. Each request becomes one event of machines/session.ts, decoded here, under a message id of its own,
 * so that asking again is asking once; the machine decides, and what it committed is what is answered. Reading wakes no session.
 */
import { Context, Effect, Layer, Schema } from "effect"
import type { SessionContext } from "../../machines/session/context.ts"
import { SessionEvent } from "../../machines/session/events.ts"
import { type Address, newId } from "../../runtime/address.ts"
import type { FeedError, Home } from "../../runtime/feed.ts"
import { Feeds, type Page } from "../../runtime/feeds.ts"
import { type Answer, type AskError, type Refused, Router, Unavailable } from "../../runtime/router.ts"
import { Agents } from "../ports/agents.ts"
import { Attachments } from "../ports/attachments.ts"
import { Calls } from "../ports/calls.ts"
import type { Diff } from "../ports/daemon.ts"
import { type DaemonError, Daemons } from "../ports/daemons.ts"
import { Directory, type DirectoryError, type SessionQuery, type SessionRow, wordsOf } from "../ports/directory.ts"
import { Sandboxes } from "../ports/sandboxes.ts"
import { type Pass, userOf } from "./access.ts"
import { callViewOf } from "./call-view.ts"
import { AgentName, chosenModel } from "./configurations.ts"
import { decode } from "./decode.ts"
import { ServiceError } from "./error.ts"
import { fitting } from "./page.ts"
import { reserved } from "./reserved.ts"
import { sandboxOfRunning } from "./running.ts"
import { detailOf, type SessionDetail } from "./session-detail.ts"
import { AttachmentIds, asServiceError } from "./uploads.ts"
import { Id, Name } from "./words.ts"

const ModelName = Schema.String.check(Schema.isPattern(/^[^\s\p{Cc}\p{Cs}]{1,200}$/u, { message: "must be the id of a model" }))
export const NewPrompt = Schema.Struct({ id: Schema.optionalKey(Id), text: Schema.String })
/** Of a session that is there: its attachments were brought before. */
export const FurtherPrompt = Schema.Struct({ ...NewPrompt.fields, attachments: Schema.optionalKey(AttachmentIds) })
export const NewSession = Schema.Struct({
  configurationId: Id,
  title: Schema.optionalKey(Name),
  prompt: Schema.optionalKey(NewPrompt),
  start: Schema.optionalKey(Schema.Boolean),
  attended: Schema.optionalKey(Schema.Boolean),
  agent: Schema.optionalKey(AgentName),
  model: Schema.optionalKey(ModelName)
})
export const Switched = Schema.Struct({ model: ModelName })
export const Renamed = Schema.Struct({ title: Name })

export interface Created {
  readonly session: SessionDetail
  /** It was made by an earlier request with the same key. */
  readonly duplicate: boolean
}

/** The key under which a client may repeat a request; null makes every request its own. */
type Key = string | null
type Steering = "start" | "interrupt" | "pause" | "resume" | "stop" | "archive" | "unarchive"
/** Which sessions to list. */
export interface Wanted extends Omit<SessionQuery, "owner" | "words"> {
  readonly search?: string | undefined
  /** Those that the asker started. */
  readonly mine?: boolean | undefined
}
interface Event {
  readonly type: string
  readonly [field: string]: unknown
}
type Asked = Effect.Effect<Answer, ServiceError | AskError>

const fail = (reason: ServiceError["reason"], message: string) => Effect.fail(new ServiceError({ reason, message }))
const decodeEvent = decode(SessionEvent)
/** More than may wait for a person at once. */
const openCallsMax = 50
/** A caller waits this long for its commit, mailbox and journal retries included. */
const askMs = 30_000
const slow = "no commit within 30 s; it may still be written: ask again under the same id"

export const sessionAddress = (org: string, id: string): Address => ({ org, kind: "session", id, home: id })

export const homeOf = (pass: Pass<"session.read">): Home => ({ org: pass.organisation, id: pass.session.id })

export class Sessions extends Context.Service<
  Sessions,
  {
    readonly create: (
      pass: Pass<"sessions.create">,
      session: typeof NewSession.Type,
      key: Key
    ) => Effect.Effect<Created, ServiceError | AskError | DirectoryError>
    readonly list: (
      pass: Pass<"sessions.read">,
      wanted: Wanted
    ) => Effect.Effect<ReadonlyArray<SessionRow>, DirectoryError | ServiceError>
    readonly show: (pass: Pass<"session.read">) => Effect.Effect<SessionDetail, ServiceError | Unavailable | DirectoryError>
    readonly rename: (
      pass: Pass<"session.rename">,
      title: string,
      key: Key
    ) => Effect.Effect<SessionDetail, ServiceError | AskError | DirectoryError>
    /** To a model that its agent can use, from its next turn on. */
    readonly switchModel: (
      pass: Pass<"session.switch">,
      model: string,
      key: Key
    ) => Effect.Effect<SessionDetail, ServiceError | AskError | DirectoryError>
    /** `id` is the client's own: the same again is the same prompt. */
    readonly prompt: (
      pass: Pass<"session.prompt">,
      prompt: typeof FurtherPrompt.Type
    ) => Effect.Effect<Answer & { readonly promptId: string }, ServiceError | AskError>
    readonly unqueue: (pass: Pass<"session.unqueue">, promptId: string, key: Key) => Asked
    readonly answer: (pass: Pass<"session.answer">, questionId: string, optionId: string, key: Key) => Asked
    readonly steer: <V extends Steering>(pass: Pass<`session.${V}`>, verb: V, key: Key) => Asked
    /** What is stored of the feed after `after`: at most `limit` events, fewer where they are large. */
    readonly events: (
      pass: Pass<"session.read">,
      after: number,
      limit: number
    ) => Effect.Effect<Page & { readonly epoch: number; readonly head: number }, FeedError>
    readonly diff: (
      pass: Pass<"session.read">
    ) => Effect.Effect<typeof Diff.Type, ServiceError | Unavailable | Refused | DaemonError>
  }
>()("proliferate/actors/services/Sessions") {
  static readonly layer: Layer.Layer<
    Sessions,
    never,
    Directory | Calls | Router | Feeds | Daemons | Agents | Attachments | Sandboxes
  > = Layer.effect(
    Sessions,
    Effect.gen(function* () {
      const directory = yield* Directory
      const calls = yield* Calls
      const router = yield* Router
      const feeds = yield* Feeds
      const daemons = yield* Daemons
      const agents = yield* Agents
      const store = yield* Attachments
      const { isolation } = yield* Sandboxes

      /** One event, decoded, under `messageId`. */
      const ask = Effect.fnUntraced(function* (pass: Pass, sessionId: string, messageId: string, event: Event) {
        const decoded = yield* decodeEvent(event)
        const address = sessionAddress(pass.organisation, sessionId)
        return yield* router.ask(address, { id: messageId, event: decoded, by: userOf(pass) }).pipe(
          Effect.timeoutOrElse({
            duration: askMs,
            orElse: () => Effect.fail(new Unavailable({ reason: "journal", message: slow }))
          })
        )
      })

      /** A client's key is its user's own: two people who both count from 1 do not meet. */
      const messageIdOf = Effect.fnUntraced(function* (pass: Pass, verb: string, key: Key) {
        return key === null ? `${verb}:${yield* newId("req")}` : `${verb}:${userOf(pass)}:${key}`
      })

      const request = Effect.fnUntraced(function* (pass: Pass & { readonly session: SessionRow }, event: Event, key: Key) {
        return yield* ask(pass, pass.session.id, yield* messageIdOf(pass, event.type, key), event)
      })

      const viewOf = Effect.fnUntraced(function* (org: string, id: string) {
        const view = yield* router.look(sessionAddress(org, id))
        return view ?? (yield* fail("not-found", `there is no session ${id} in your organisation`))
      })

      const detail = (pass: Pass, row: SessionRow) =>
        Effect.all([
          viewOf(pass.organisation, row.id),
          directory.modelUsage(pass.organisation, row.id),
          calls.list(pass.organisation, { sessionId: row.id, statuses: ["pending", "outcomeUnknown"], limit: openCallsMax })
        ]).pipe(Effect.map(([view, usage, open]) => detailOf(row, view, isolation, usage, open.map(callViewOf))))

      /** The id that a session made under `key` has, whoever asks first. */
      const idUnder = Effect.fnUntraced(function* (pass: Pass, session: typeof NewSession.Type, key: Key) {
        const id = yield* newId("ses")
        if (key === null) return id
        const under = { org: pass.organisation, key: `sessions.create:${userOf(pass)}:${key}`, id }
        return yield* reserved(directory, under, session)
      })

      return Sessions.of({
        create: Effect.fn("Sessions.create")(function* (pass, body, key) {
          const { configurationId, prompt, start = true, attended = true } = body
          if (prompt && !start) return yield* fail("invalid", "start: a prompt starts its session; leave one of the two out")
          const configuration = yield* directory.configuration(pass.organisation, configurationId)
          if (configuration === null) {
            return yield* fail("reference", `there is no configuration ${configurationId} in your organisation`)
          }
          const agent = body.agent ?? configuration.agent
          const model = yield* chosenModel(agents, agent, body.model ?? null)
          const prompted = prompt && { type: "prompt", promptId: prompt.id, text: prompt.text, by: userOf(pass) }
          // Before the session exists, so that a bad prompt leaves none behind.
          if (prompted) yield* decodeEvent({ ...prompted, promptId: prompt.id ?? "any" })

          const id = yield* idUnder(pass, body, key)
          const { duplicate } = yield* ask(pass, id, "create", {
            type: "create",
            configurationId,
            title: body.title ?? "",
            owner: userOf(pass),
            attended,
            agent: { name: agent, permissions: configuration.permissions, model }
          })
          if (prompted) {
            // A repeat of the whole request finds this prompt by an id that follows from the session's.
            const promptId = prompt.id ?? `prm_${id.slice(id.indexOf("_") + 1)}`
            yield* ask(pass, id, `prompt:${promptId}`, { ...prompted, promptId })
          } else if (start) yield* ask(pass, id, "start:first", { type: "start" })

          const row = yield* directory.session(pass.organisation, id)
          if (row === null) return yield* Effect.die(new Error(`J1: session ${id} is listed by the commit that made it`))
          return { session: yield* detail(pass, row), duplicate }
        }),

        list: Effect.fn("Sessions.list")(function* (pass, { search, mine = false, ...query }) {
          const words = search === undefined ? [] : wordsOf(search)
          if (search !== undefined && words.length === 0)
            return yield* fail("invalid", "search: there is no letter or digit in it; sessions are found by words of title or id")
          const { organisation, principal } = pass
          if (mine && principal.kind !== "user") return yield* fail("invalid", "mine: a sandbox has no sessions of its own")
          return yield* directory.sessions(organisation, {
            ...query,
            words,
            ...(mine && principal.kind === "user" && { owner: principal.user.id })
          })
        }),
        show: (pass) => detail(pass, pass.session),
        rename: Effect.fn("Sessions.rename")(function* (pass, title, key) {
          yield* request(pass, { type: "rename", title }, key)
          return yield* detail(pass, pass.session)
        }),
        switchModel: Effect.fn("Sessions.switchModel")(function* (pass, wanted, key) {
          const { context } = yield* viewOf(pass.organisation, pass.session.id)
          const model = yield* chosenModel(agents, (context as unknown as SessionContext).agent.name, wanted)
          yield* request(pass, { type: "switch", model }, key)
          return yield* detail(pass, pass.session)
        }),
        prompt: Effect.fn("Sessions.prompt")(function* (pass, { id, text, attachments: wanted = [] }) {
          const owner = { org: pass.organisation, sessionId: pass.session.id }
          const attachments = yield* Effect.forEach(wanted, (one) => Effect.mapError(store.find(owner, one), asServiceError))
          const promptId = id ?? (yield* newId("prm"))
          const event = { type: "prompt", promptId, text, by: userOf(pass), ...(wanted.length > 0 && { attachments }) }
          return { promptId, ...(yield* ask(pass, pass.session.id, `prompt:${promptId}`, event)) }
        }),
        unqueue: (pass, promptId, key) => request(pass, { type: "unqueue", promptId }, key),
        answer: (pass, questionId, optionId, key) => request(pass, { type: "answer", questionId, optionId }, key),
        steer: (pass, verb, key) =>
          request(pass as unknown as Pass<"session.stop">, { type: verb, ...(verb === "pause" && { why: "manual" }) }, key),

        events: Effect.fn("Sessions.events")(function* (pass, after, limit) {
          const home = homeOf(pass)
          const { epoch, seq } = yield* feeds.head(home)
          const { events, gap } = yield* feeds.read(home, after, limit)
          return { epoch, head: seq, events: fitting(events), gap }
        }),

        diff: Effect.fn("Sessions.diff")(function* (pass) {
          const view = yield* viewOf(pass.organisation, pass.session.id)
          return yield* daemons.diff(yield* sandboxOfRunning(view))
        })
      })
    })
  )
}
