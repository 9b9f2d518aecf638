/** Whether a simulation has come to rest after its weather cleared, and what must be true of it then. */
import type { FeedState } from "../../adapters/memory/feed.ts"
import type { ActorRow, JournalState } from "../../adapters/memory/journal-state.ts"
import { promptsQueuedMax } from "../../machines/limits.ts"
import type { SessionContext } from "../../machines/session/context.ts"
import { nameOf } from "../../runtime/address.ts"
import type { StoredFeedEvent } from "../../runtime/feed.ts"
import type { JournalRow } from "../../runtime/journal.ts"
import { type Laws, must, rowsOf } from "./laws.ts"
import type { World } from "./world.ts"

export interface Aftermath {
  readonly journal: JournalState
  readonly feeds: FeedState
  readonly world: World
  readonly laws: Laws
}

const contextOf = ({ stored }: ActorRow): SessionContext => JSON.parse(stored.snapshot).context

/** Sessions in these states wait for people alone. */
const restful = new Set(["pending", "paused", "stopped", "failed"])
/** A call has settled, and its agent has heard of it. */
const isAtRest = ({ address, stored }: ActorRow): boolean =>
  address.kind === "session" ? restful.has(stored.status) : Object.values(JSON.parse(stored.snapshot).value).includes("heard")
const sessionsOf = ({ actors }: JournalState) => [...actors.values()].filter(({ address }) => address.kind === "session")

/** What it still has to do; nothing: it is at rest. */
export function* unrest({ journal, feeds, world }: Aftermath): Generator<string> {
  for (const { sandboxId } of astray({ journal, world }))
    if (world.unasked.has(sandboxId)) yield `sandbox ${sandboxId}, which nobody asked for, is there`
  for (const { key, name, dead } of journal.commands.values())
    if (!dead && !waitsForRoom(journal, key)) yield `command ${name} ${key} is not done`
  for (const actor of journal.actors.values()) {
    const name = nameOf(actor.address)
    const told = feeds.get(`${actor.address.org}/${actor.address.home}`)?.head.sources[name] ?? 0
    if (actor.quarantine !== null) yield `${name} is quarantined: ${actor.quarantine}`
    if (!isAtRest(actor)) yield `${name} is ${actor.stored.status}`
    const last = lastNotice(actor)
    if (last > told) yield `${name} has notices up to ${last}, its feed up to ${told}`
  }
}

export const isAllAtRest = (aftermath: Aftermath): boolean => unrest(aftermath).next().done === true

/** An outcome is told to a session by a prompt; where too many wait already, it waits for a person to make room. */
const waitsForRoom = ({ commands, actors }: JournalState, key: string): boolean => {
  const { name, address } = commands.get(key)!
  const session = actors.get(nameOf({ kind: "session", id: address.home }))
  return name === "tellSession" && session !== undefined && contextOf(session).queue.length >= promptsQueuedMax
}

/** The number that its last notice has in the feed. */
const lastNotice = ({ journal }: ActorRow): number => {
  for (let index = journal.length - 1; index >= 0; index--) {
    const { rev, notices }: JournalRow = JSON.parse(journal[index]!)
    if (notices.length > 0) return rev * 1_000 + notices.length - 1
  }
  return 0
}

/** Sandboxes that no session holds. */
const astray = ({ journal, world }: Pick<Aftermath, "journal" | "world">) => {
  const owned = new Map(sessionsOf(journal).map((actor) => [contextOf(actor).sandboxId, actor.address.id]))
  return world.alive.filter(({ sandboxId, sessionId }) => owned.get(sandboxId) !== sessionId)
}

export const atRest = (aftermath: Aftermath): void => {
  const { journal, world, laws } = aftermath
  for (const line of unrest(aftermath)) must(false, `G5: it did not come to rest: ${line}`)

  const owned = new Map(sessionsOf(journal).map((actor) => [contextOf(actor).sandboxId, actor.address.id]))
  for (const { sandboxId, sessionId } of astray(aftermath)) must(false, `I5: sandbox ${sandboxId} of ${sessionId} is astray`)
  const kept = new Set(sessionsOf(journal).map((actor) => contextOf(actor).snapshotId))
  for (const { snapshotId, key, isDiscarded } of world.snapshots.values())
    must(isDiscarded || kept.has(snapshotId) || isForgone(key, journal), `I5: snapshot ${snapshotId} is astray`)
  for (const [claim, holder] of journal.claims)
    must(`session/${owned.get(claim.split("/")[2]!)}` === holder, `S5: ${holder} still claims ${claim}`)

  for (const [key, { address, message, rev }] of laws.acknowledged) {
    const row = rowsOf(journal.actors.get(nameOf(address)))[rev - 1]
    must(row?.messageId === message.id, `G1: ${key} was acknowledged at ${rev} and is gone`)
  }
  for (const [key, { address, message }] of laws.refused) {
    const stored = journal.actors.get(nameOf(address))?.seen.has(message.id) ?? false
    must(!stored, `M3: ${key} was refused and left a trace`)
  }
  for (const actor of journal.actors.values()) {
    acceptsFactsOnce(actor, journal)
    tellsEverything(actor, aftermath.feeds)
  }
  for (const actor of sessionsOf(journal)) {
    endsEveryPrompt(actor)
    keepsWork(actor, aftermath)
  }
  laws.calls.atRest([...aftermath.feeds.values()].flatMap(({ events }) => events))
}

/** Nobody could say in time whether it had been taken, and to ask again would have taken it of a sandbox at work. */
const isForgone = (key: string, { actors }: JournalState): boolean => {
  const [kind, id] = key.split(":")
  const answer = rowsOf(actors.get(`${kind}/${id}`)).find(({ messageId }) => messageId === `fact:${key}`)
  return (answer?.event as { readonly reason?: string } | undefined)?.reason === "stale"
}

/** S6 over the whole history, from the journal alone. */
const endsEveryPrompt = (actor: ActorRow): void => {
  const { turn, queue } = contextOf(actor)
  const open = new Set([...(turn === null ? [] : [turn]), ...queue].map(({ promptId }) => promptId))
  const notices = rowsOf(actor).flatMap((row) => row.notices)
  const accepted = notices.filter(({ kind }) => kind === "prompt").map(({ body }) => String(body["promptId"]))
  for (const promptId of accepted) {
    const endings = notices.filter(({ kind, body }) => kind === "turn.ended" && body["turnId"] === promptId)
    must(
      endings.length === (open.has(promptId) ? 0 : 1),
      `S6: ${nameOf(actor.address)} ended ${promptId} ${endings.length} times`
    )
  }
}

const acceptsFactsOnce = (actor: ActorRow, journal: JournalState): void => {
  const { commands } = journal
  const { kind, id } = actor.address
  const rows = rowsOf(actor)
  const facts = rows.map(({ messageId }) => messageId).filter((messageId) => messageId.startsWith("fact:"))
  must(new Set(facts).size === facts.length, `G2: ${kind}/${id} accepted a fact twice`)
  for (const { rev, effects } of rows)
    for (const [index, name] of effects.entries()) {
      const key = `${kind}:${id}:${rev}:${index}`
      must(!commands.has(key) || commands.get(key)!.dead || waitsForRoom(journal, key), `G5: ${name} ${key} is left over`)
    }
}

/** Every notice of the journal is in the feed once and in order, and every number of the feed is there once. */
const tellsEverything = (actor: ActorRow, feeds: FeedState): void => {
  const { org, home } = actor.address
  const name = nameOf(actor.address)
  const feed = feeds.get(`${org}/${home}`)
  const events = (feed?.events ?? []).map((event) => JSON.parse(event) as StoredFeedEvent)
  for (const [index, { seq }] of events.entries()) must(seq === feed!.head.first + index, `F1: ${home} has ${seq} at ${index}`)
  const told = events.filter(({ source }) => source === name).map(({ rev, kind, body }) => JSON.stringify([rev, kind, body]))
  const noticed = rowsOf(actor).flatMap(({ rev, notices }) => notices.map(({ kind, body }) => JSON.stringify([rev, kind, body])))
  // The oldest may have been trimmed.
  const expected = feed === undefined || feed.head.first === 1 ? noticed : noticed.slice(noticed.length - told.length)
  must(JSON.stringify(told) === JSON.stringify(expected), `G3: the feed of ${home} tells other notices than were committed`)
  const reached = new Map<string, number>()
  for (const { source, sourceSeq } of events) {
    must(sourceSeq > (reached.get(source) ?? 0), `F2: ${home} holds ${sourceSeq} of ${source} after ${reached.get(source)}`)
    reached.set(source, sourceSeq)
  }
}

/** What finished turns made is on the session's disk, or its loss was told. */
const keepsWork = (actor: ActorRow, { world }: Aftermath): void => {
  const { sandboxId, snapshotId } = contextOf(actor)
  if (["stopped", "stopping"].includes(actor.stored.status)) return
  const disk = sandboxId === null ? world.snapshots.get(snapshotId ?? "")?.work : world.sandboxes.get(sandboxId)?.work
  const notices = rowsOf(actor).flatMap((row) => row.notices)
  const lost = notices.findLastIndex(({ kind }) => kind === "state.lost")
  for (const { kind, body } of notices.slice(lost + 1)) {
    const finished = kind === "turn.ended" && body["stopReason"] === "end_turn"
    if (finished)
      must(disk?.has(String(body["turnId"])) ?? false, `${actor.address.id} lost the work of ${body["turnId"]} silently`)
  }
}
