/**
 * What a client knows of a session: a fold over the frames of its stream. Pure; commands decide by it, transcripts draw beside it.
 */
import type { ServerFrame } from "../adapters/gateway/protocol.ts"

export interface Question {
  readonly questionId: string
  readonly title: string
  readonly options: ReadonlyArray<{ readonly optionId: string; readonly name: string }>
}

export interface TurnEnd {
  readonly stopReason: string
  readonly message: string | null
}

export interface View {
  /** Newest revision of the session that was heard of. */
  readonly rev: number
  /** Everything that was stored when the stream began has been heard. */
  readonly isLive: boolean
  readonly title: string
  readonly status: string
  readonly agent: string
  readonly reason: string | null
  readonly turnId: string | null
  readonly question: Question | null
  readonly queue: ReadonlyArray<string>
  /** How turns ended, by id; those that this stream told of. */
  readonly ended: Readonly<Record<string, TurnEnd>>
  readonly snapshots: number
  readonly watchers: number
}

export const blank: View = {
  rev: 0,
  isLive: false,
  title: "",
  status: "",
  agent: "",
  reason: null,
  turnId: null,
  question: null,
  queue: [],
  ended: {},
  snapshots: 0,
  watchers: 0
}

/** Fields of an event's body, read by what they should be: another version of the server may say more or less. */
export const text = (body: Readonly<Record<string, unknown>>, field: string): string => {
  const value = body[field]
  return typeof value === "string" ? value : ""
}
export const list = (body: Readonly<Record<string, unknown>>, field: string): ReadonlyArray<Record<string, unknown>> => {
  const value = body[field]
  return Array.isArray(value) ? value.filter((item) => typeof item === "object" && item !== null) : []
}

type Event = Extract<ServerFrame, { type: "event" }>

const without = (ids: ReadonlyArray<string>, id: string) => ids.filter((other) => other !== id)

const heard = (view: View, { kind, body }: Event): View => {
  switch (kind) {
    case "prompt":
      return { ...view, queue: [...without(view.queue, text(body, "promptId")), text(body, "promptId")] }
    case "queue":
      return { ...view, queue: Array.isArray(body["promptIds"]) ? body["promptIds"].map(String) : view.queue }
    case "turn.opened":
      return { ...view, turnId: text(body, "turnId"), queue: without(view.queue, text(body, "turnId")) }
    case "turn.ended": {
      const turnId = text(body, "turnId")
      return {
        ...view,
        turnId: view.turnId === turnId ? null : view.turnId,
        question: view.turnId === turnId ? null : view.question,
        queue: without(view.queue, turnId),
        ended: { ...view.ended, [turnId]: { stopReason: text(body, "stopReason"), message: text(body, "message") || null } }
      }
    }
    case "question":
      return {
        ...view,
        question: {
          questionId: text(body, "questionId"),
          title: text(body, "title"),
          options: list(body, "options").map((option) => ({ optionId: text(option, "optionId"), name: text(option, "name") }))
        }
      }
    case "question.closed":
      return view.question?.questionId === text(body, "questionId") ? { ...view, question: null } : view
    case "state":
      return { ...view, status: text(body, "status") || view.status, reason: text(body, "reason") || null }
    case "title":
      return { ...view, title: text(body, "title") }
    case "snapshot":
      return { ...view, snapshots: view.snapshots + 1 }
    default:
      return view
  }
}

export const fold = (view: View, frame: ServerFrame): View => {
  switch (frame.type) {
    case "welcome": {
      const { rev, title, status, agent, reason, turnId, queue } = frame.session
      const question = frame.session.questionId === null ? null : view.question
      return {
        ...view,
        rev,
        isLive: false,
        title,
        status,
        agent,
        reason,
        turnId,
        question,
        queue: queue.map(({ promptId }) => promptId)
      }
    }
    case "event":
      return { ...heard(view, frame), rev: Math.max(view.rev, frame.rev ?? 0) }
    case "live":
      return { ...view, isLive: true }
    case "presence":
      return { ...view, watchers: frame.watchers.reduce((sum, { sockets }) => sum + sockets, 0) }
    default:
      return view
  }
}

/** It came to an end that no waiting changes; `rev` is what was asked of it, so that an older end does not count. */
export const isOver = ({ isLive, status, rev }: View, since = 0): boolean =>
  isLive && rev >= since && /^(stopped|failed)$/.test(status)

/** Nothing is being done and nothing waits to be. */
export const isIdle = ({ isLive, status, turnId, queue }: View): boolean =>
  isLive && turnId === null && queue.length === 0 && /^(running|paused|stopped|failed)$/.test(status)
