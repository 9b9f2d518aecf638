/** What is found when the weather has cleared: of each session by its API and in SQL, of each server in SQL, on disk and among processes. */
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { client as sqlClient } from "../../adapters/postgres/pool.ts"
import { mentioning } from "../support/processes.ts"
import type { Client } from "./client.ts"
import { request } from "./http.ts"
import type { Evidence, Row } from "./judge.ts"
import type { Node } from "./node.ts"
import type { Shown } from "./stream.ts"

/** A boot has 120 s and three tries, a capture 180 s, a link 45 s: twice the longest of them is nobody's patience any more. */
const restWithinMs = 360_000
const turnWithinMs = 90_000
const driftGoneWithinMs = 120_000
const stoppedWithinMs = 120_000
const lookMs = 500

/** The last answer, once `isDone`; or null when the time is up. */
const until = async <A>(limitMs: number, look: () => Promise<A>, isDone: (value: A) => boolean): Promise<A | null> => {
  const endsAtMs = performance.now() + limitMs
  while (performance.now() < endsAtMs) {
    const value = await look()
    if (isDone(value)) return value
    await wait(lookMs)
  }
  return null
}

/** Waits until nothing is under way in it, resuming what was laid aside. Why it did not; null: it did. */
export const comesToRest = async (client: Client): Promise<string | null> => {
  let last: any = null
  const rested = await until(
    restWithinMs,
    async () => {
      const reply = await client.ask("GET", `/v1/sessions/${client.id}`)
      if (reply._tag !== "Ok") return false
      last = reply.body
      if (last.status === "paused" || last.status === "failed") await client.ask("POST", `/v1/sessions/${client.id}/resume`)
      return (
        last.status === "running" && last.turnId === null && last.queue.length === 0 && last.state.running?.link === "connected"
      )
    },
    (isResting) => isResting
  )
  if (rested) return null
  const { status, state, turnId, queue, reason, quarantine } = last ?? {}
  return `it did not come to rest in ${restWithinMs / 1_000} s: ${JSON.stringify({ status, state, turnId, queue: queue?.length, reason, quarantine })}`
}

/** One more turn, that nobody disturbs, in which the agent reads out what all turns before it wrote. */
export const lastTurn = async (client: Client): Promise<{ readonly id: string; readonly problem: string | null }> => {
  const id = await client.prompt(() => [{ run: 'cat "$HOME/effects"' }], performance.now() + turnWithinMs)
  const ended = await until(
    turnWithinMs,
    async () => client.ledger.ended.get(id)?.[0] ?? null,
    (reason) => reason !== null
  )
  return { id, problem: ended === "end_turn" ? null : `its last turn, which nobody disturbed, ended as ${ended}` }
}

const storedFeed = async (client: Client): Promise<ReadonlyArray<Shown>> => {
  const stored: Array<Shown> = []
  while (true) {
    const after = stored.at(-1)?.seq ?? 0
    const reply = await client.insist("GET", `/v1/sessions/${client.id}/events?after=${after}&limit=1000`)
    if (reply._tag !== "Ok") throw new Error(`the feed of ${client.name} cannot be read: ${JSON.stringify(reply)}`)
    const { events, head } = reply.body
    stored.push(...events.map((event: any) => ({ from: event.seq, seq: event.seq, kind: event.kind, body: event.body })))
    if (events.length === 0 || stored.at(-1)!.seq >= head) return stored
  }
}

/** The ids that the last turn read out: those of the event that has most of them. */
const effectsIn = (stored: ReadonlyArray<Shown>, name: string, lastTurnId: string): ReadonlyArray<string> => {
  const begin = stored.findIndex(({ kind, body }) => kind === "turn.opened" && body["turnId"] === lastTurnId)
  const pattern = new RegExp(`${name}-\\d+(?!\\d)`, "g")
  const read = stored
    .slice(begin)
    .filter(({ kind }) => kind.startsWith("tool"))
    .map(({ body }) => JSON.stringify(body).match(pattern) ?? [])
  return read.reduce<ReadonlyArray<string>>((most, one) => (one.length > most.length ? one : most), [])
}

export const evidenceOf = async (
  client: Client,
  lastTurnId: string,
  asked: ReadonlyMap<string, number>,
  restless: string | null
): Promise<Evidence> => {
  const stored = await storedFeed(client)
  const { stream, name, ledger } = client
  const last = stored.at(-1)?.seq ?? 0
  await until(
    10_000,
    async () => stream.seq(),
    (seq) => seq >= last
  )
  const sql = sqlClient(client.nodes[0]!.options.databaseUrl, { max: 1 })
  try {
    const journal = await sql<Array<Row>>`
      select rev::float8, message_id as "messageId", case event->>'type' when 'prompt' then event->>'promptId' end as "promptId"
      from journal where id = ${client.id} order by rev`
    const [actor] = await sql<Array<{ readonly rev: number }>>`select rev::float8 from actors where id = ${client.id}`
    return {
      name,
      ledger,
      shown: stream.shown.filter(({ seq }) => seq <= last),
      holes: stream.holes,
      repeats: stream.repeats,
      stored,
      journal,
      rev: actor?.rev ?? 0,
      effects: effectsIn(stored, name, lastTurnId),
      asked: new Map([...asked].filter(([id]) => id.startsWith(`${name}-`))),
      restless
    }
  } finally {
    await sql.end({ timeout: 1 })
  }
}

/**
 * What the server itself says has come apart, until it has put it right. Where a boot was begun at one node and ended by another, its
 * first sandbox is left: that is watched for ten minutes before it is ended by itself, and here ended at once, as an operator may.
 */
export const driftLeft = async ({ url, token, options }: Node, isAlone: boolean): Promise<ReadonlyArray<string>> => {
  let rows: ReadonlyArray<any> = []
  const none = await until(
    driftGoneWithinMs,
    async () => {
      const reply = await request(url, token, "POST", "/v1/operations/plans", {})
      if (reply._tag !== "Ok") return false
      rows = reply.body.drift
      const strays = isAlone ? [] : rows.filter(({ kind }) => kind === "sandbox.stray").map(({ id }) => id)
      if (strays.length > 0)
        await request(url, token, "POST", `/v1/operations/plans/${reply.body.plan}/apply`, {
          items: strays,
          why: "chaos is over"
        })
      return rows.length === 0
    },
    (isGone) => isGone
  )
  return none ? [] : rows.map((row) => `${options.name}: ${row.id}, ${row.reason}`)
}

/** Stops all sessions of servers on one database; what is left of them: in its tables, on their disks, among the processes. */
export const leftAfterStop = async (
  nodes: ReadonlyArray<Node>,
  clients: ReadonlyArray<Client>
): Promise<ReadonlyArray<string>> => {
  await Promise.all(clients.map((client) => client.insist("POST", `/v1/sessions/${client.id}/stop`)))
  const sql = sqlClient(nodes[0]!.options.databaseUrl, { max: 1 })
  const boxes = () =>
    nodes
      .flatMap(({ options }) => readdirSync(join(options.dataDir, "sandboxes/sandboxes")))
      .filter((name) => name.startsWith("sbx_"))
  const names = nodes.map(({ options }) => options.name).join(" and ")
  const look = async (): Promise<ReadonlyArray<string>> => {
    const commands = await sql<Array<{ key: string; name: string; error: string }>>`select key, name, error from commands`
    const timers = await sql<Array<{ id: string; timer: string }>>`
      select id, timer from timers where due < proliferate.now_ms() - 10000`
    const alive = await sql<Array<{ id: string; status: string }>>`select id, status from actors where status <> 'stopped'`
    return [
      ...commands.map(({ key, name, error }) => `command ${key} ${name} is open: ${error}`),
      ...timers.map(({ id, timer }) => `timer ${timer} of ${id} did not fire`),
      ...alive.map(({ id, status }) => `${id} is ${status}`),
      ...boxes().map((name) => `sandbox ${name} is on the disk`),
      ...clients.flatMap(({ id }) =>
        mentioning(`PROLIFERATE_SESSION=${id}`).map(({ pid, command }) => `process ${pid} of ${id} lives: ${command}`)
      )
    ].map((finding) => `${names}: ${finding}`)
  }
  try {
    let left: ReadonlyArray<string> = []
    await until(
      stoppedWithinMs,
      async () => {
        left = await look()
        return left
      },
      (found) => found.length === 0
    )
    return left
  } finally {
    await sql.end({ timeout: 1 })
  }
}
