/**
 * The simulation's stores in a real PostgreSQL, behind the real adapters. Virtual time stands still while statements are under way:
 * what is asked until nothing else is left to do at a moment is sent at once, on several connections, by another thread; this
 * one waits for it without turning. So a run is as repeatable as what PostgreSQL makes of statements that meet. The database's
 * clock is set to the simulation's before each.
 */
import { MessageChannel, receiveMessageOnPort, Worker } from "node:worker_threads"
import { Effect } from "effect"
import type { Calls } from "../../actors/ports/calls.ts"
import { DirectoryError } from "../../actors/ports/directory.ts"
import type { Grants } from "../../actors/ports/grants.ts"
import type { Rules } from "../../actors/ports/rules.ts"
import type { Disturbance } from "../../adapters/memory/disturbance.ts"
import { type Address, nameOf } from "../../runtime/address.ts"
import { FeedError, type FeedHead, type FeedStore, type StoredFeedEvent } from "../../runtime/feed.ts"
import { type Journal, JournalError, type JournalRow, type Transition } from "../../runtime/journal.ts"
import type { FixNote, Oversight } from "../../runtime/oversight.ts"
import type { Stored, Stores } from "./stores.ts"

export interface Call {
  readonly service: "journal" | "feed" | "oversight" | "calls" | "grants" | "rules"
  readonly method: string
  readonly args: ReadonlyArray<unknown>
}

export interface Question {
  readonly calls: ReadonlyArray<Call>
  readonly atMs: number
  /** Up to where the journal of each actor, and the feed of each home, is known here. */
  readonly known: { readonly revs: Readonly<Record<string, number>>; readonly seqs: Readonly<Record<string, number>> }
  readonly clears: boolean
}

export type Answer =
  | { readonly _tag: "Success"; readonly value: unknown }
  | { readonly _tag: "Failure"; readonly reason: string; readonly message: string }
  | { readonly _tag: "Defect"; readonly message: string }

type Row = Readonly<Record<string, any>>

export interface Reply {
  readonly answers: ReadonlyArray<Answer>
  /** What is stored, of journal and feed what is new; null: nothing was written. */
  readonly stored: Readonly<
    Record<"actors" | "journal" | "commands" | "timers" | "claims" | "budgets" | "heads" | "chunks" | "fixes", ReadonlyArray<Row>>
  > | null
  readonly broken?: string
}

const answerWithinMs = 60_000

const addressOf = ({ org, kind, id, home }: Row): Address => ({ org, kind, id, home })

/** Brings what a simulation sees up to what is stored. */
const mirror = ({ journal, feeds, notes }: Stored, stored: NonNullable<Reply["stored"]>): void => {
  for (const row of stored.actors) {
    const address = addressOf(row)
    const known = journal.actors.get(nameOf(address))
    const actor = known ?? { address, stored: null as never, quarantine: null, journal: [], seen: new Map(), timers: new Map() }
    journal.actors.set(nameOf(address), actor)
    actor.stored = {
      rev: row["rev"],
      epoch: row["epoch"],
      machineVersion: row["machine_version"],
      status: row["status"],
      snapshot: JSON.stringify(row["snapshot"]),
      resident: row["resident"],
      noticed: row["noticed"] === null ? null : Number(row["noticed"]),
      updatedAtMs: row["updated_at"]
    }
    actor.quarantine = row["quarantine"] === null ? null : JSON.stringify(row["quarantine"])
    actor.timers.clear()
  }
  const actorOf = (row: Row) => journal.actors.get(`${row["kind"]}/${row["id"]}`)!
  for (const row of stored.journal) {
    const { rev, machine_version: machineVersion, message_id: messageId, event, taken, effects, notices, by, cause, at } = row
    const entry: JournalRow = { rev, machineVersion, messageId, event, taken, effects, notices, by, cause, atMs: at }
    actorOf(row).journal.push(JSON.stringify(entry))
    actorOf(row).seen.set(messageId, rev)
  }
  for (const row of stored.timers)
    actorOf(row).timers.set(row["timer"], { rev: row["rev"], dueMs: row["due"], event: JSON.stringify(row["event"]) })
  journal.commands.clear()
  for (const row of stored.commands)
    journal.commands.set(row["key"], {
      key: row["key"],
      address: actorOf(row).address,
      name: row["name"],
      params: JSON.stringify(row["params"]),
      dueMs: row["due"],
      attempt: row["attempt"],
      claimedUntilMs: row["claimed_until"],
      dead: row["dead_at"] !== null,
      deadAtMs: row["dead_at"] ?? 0,
      error: row["error"]
    })
  journal.claims.clear()
  for (const { org, name, key, kind, id } of stored.claims) journal.claims.set(`${org}/${name}/${key}`, `${kind}/${id}`)
  journal.budgets.clear()
  for (const { org, id, uses_max: usesMax, used, about, ...row } of stored.budgets)
    journal.budgets.set(`${org}/${id}`, {
      ...{ org, id, usesMax, used, about },
      ...{ expiresAtMs: row["expires_at"], revokedAtMs: row["revoked_at"], revision: row["revision"] },
      createdAtMs: row["created_at"]
    })
  for (const { org, home, epoch, seq, first, sources } of stored.heads) {
    const name = `${org}/${home}`
    const feed = feeds.get(name) ?? { head: null as unknown as FeedHead, events: [] }
    feeds.set(name, feed)
    const oldFirst = feed.head?.first ?? 1
    feed.events = feed.events.slice(Math.max(0, first - oldFirst))
    feed.head = { epoch, seq, first, sources }
  }
  for (const { org, home, first_seq: firstSeq, rows } of stored.chunks) {
    const feed = feeds.get(`${org}/${home}`)!
    for (const [index, event] of (rows as ReadonlyArray<Omit<StoredFeedEvent, "seq">>).entries()) {
      const seq = firstSeq + index
      if (seq === feed.head.first + feed.events.length) feed.events.push(JSON.stringify({ ...event, seq }))
    }
  }
  notes.splice(
    0,
    notes.length,
    ...stored.fixes.map(({ planned_rev: plannedRev, at: atMs, ...row }) => ({ ...(row as FixNote), plannedRev, atMs }))
  )
}

/** A thread that speaks to the database; the answer to a question is there when `ask` returns. */
const threadTo = (url: string) => {
  const flag = new Int32Array(new SharedArrayBuffer(4))
  const { port1, port2 } = new MessageChannel()
  const worker = new Worker(new URL("postgres-thread.ts", import.meta.url), {
    workerData: { port: port2, flag, url },
    transferList: [port2]
  })
  worker.unref()
  port1.unref()
  return (question: Question): Reply => {
    Atomics.store(flag, 0, 0)
    port1.postMessage(question)
    // It may be woken for the answer before this one, which it had without waiting.
    while (Atomics.load(flag, 0) === 0)
      if (Atomics.wait(flag, 0, 0, answerWithinMs) === "timed-out") throw new Error(`PostgreSQL did not answer: ${url}`)
    const reply = receiveMessageOnPort(port1)!.message as Reply
    if (reply.broken !== undefined) throw new Error(reply.broken)
    return reply
  }
}

interface Asked extends Call {
  readonly resume: (answer: Answer) => void
}

/** On a migrated database of its own, which holds one simulation at a time. */
export const inPostgres = (url: string): ((stored: Stored) => Stores) => {
  const ask = threadTo(url)

  return (stored) => {
    const { timeline, journal, feeds, world } = stored
    const known = () => ({
      revs: Object.fromEntries([...journal.actors.values()].map(({ address, journal: rows }) => [address.id, rows.length])),
      seqs: Object.fromEntries([...feeds].map(([name, { head, events }]) => [name, head.first + events.length - 1]))
    })
    const asking = (calls: ReadonlyArray<Call>, clears = false) => {
      const reply = ask({ calls, atMs: Math.floor(timeline.nowMs), known: known(), clears })
      if (reply.stored !== null) mirror(stored, reply.stored)
      return reply.answers
    }
    asking([], true)
    let asked: Array<Asked> = []
    timeline.atStandstill = () => {
      if (asked.length === 0) return false
      const all = asked
      asked = []
      const answers = asking(all.map(({ service, method, args }) => ({ service, method, args })))
      for (const [index, { resume }] of all.entries()) world.lane.post(() => resume(answers[index]!))
      return true
    }

    const call = <A, E>(
      service: Call["service"],
      method: string,
      args: ReadonlyArray<unknown>,
      errorOf: (answer: Answer & { _tag: "Failure" }) => E
    ) =>
      Effect.callback<A, E>((resume) => {
        asked.push({
          service,
          method,
          args,
          resume: (answer) =>
            resume(
              answer._tag === "Success"
                ? Effect.succeed(answer.value as A)
                : answer._tag === "Failure"
                  ? Effect.fail(errorOf(answer))
                  : Effect.die(new Error(answer.message))
            )
        })
      })

    /** Every method of a service, each preceded by what befalls it. */
    const serviceOf = <Service extends object, E>(
      service: Call["service"],
      methods: ReadonlyArray<keyof Service & string>,
      disturb: (operation: any, batch: ReadonlyArray<Transition>) => Effect.Effect<Disturbance | null>,
      errorOf: (reason: any, message: string) => E
    ): Service => {
      const made = methods.map((method) => {
        const run = (...args: ReadonlyArray<unknown>) =>
          Effect.gen(function* () {
            const disturbance = yield* disturb(method, method === "commit" ? (args[0] as ReadonlyArray<Transition>) : [])
            const isLost = disturbance === "questionLost" || disturbance === "answerLost"
            const error = disturbance && errorOf(isLost ? "unknown" : disturbance, `${method} was disturbed: ${disturbance}`)
            if (error && disturbance !== "answerLost") return yield* Effect.fail(error)
            const answer = yield* call(service, method, args, ({ reason, message }) => errorOf(reason, message))
            return error ? yield* Effect.fail(error) : answer
          })
        return [method, method === "reclaim" ? run() : run] as const
      })
      return Object.fromEntries(made) as Service
    }

    /** What befalls them is told in call-wires.ts. */
    const recordsOf = <Records extends object>(
      service: Call["service"],
      methods: ReadonlyArray<keyof Records & string>
    ): Records =>
      serviceOf<Records, DirectoryError>(
        service,
        methods,
        () => Effect.succeed(null),
        (reason, message) => new DirectoryError({ reason, message })
      )

    return {
      calls: recordsOf<Calls["Service"]>("calls", [
        ...(["list", "sessionOf", "seal", "sealed", "wipe", "sweep", "dispatch", "dispatchedAtMs"] as const)
      ]),
      grants: recordsOf<Grants["Service"]>("grants", [
        ...(["candidates", "find", "list", "lend", "revoke", "endOf", "ask", "request", "requests", "answer"] as const)
      ]),
      rules: recordsOf<Rules["Service"]>("rules", ["book", "set", "remove"]),
      journal: (disturb) =>
        serviceOf<Journal["Service"], JournalError>(
          "journal",
          [
            ...(["commit", "load", "seen", "history", "find", "residents", "claim", "reclaim", "renew", "complete"] as const),
            ...(["retry", "bury", "dueTimers", "quarantine", "release"] as const)
          ],
          disturb,
          (reason, message) => new JournalError({ reason, message })
        ),
      feed: (disturb) =>
        serviceOf<FeedStore["Service"], FeedError>(
          "feed",
          ["head", "append", "read", "trim"],
          disturb,
          (reason, message) => new FeedError({ reason: reason === "unknown" ? "unavailable" : reason, message })
        ),
      oversight: (isOut) =>
        serviceOf<Oversight["Service"], JournalError>(
          "oversight",
          [
            "standing",
            "quarantined",
            "stuck",
            "dead",
            "commandsOf",
            "commands",
            "buried",
            "exhume",
            "seize",
            "pause",
            "resume",
            "pauses",
            "note",
            "notes"
          ],
          () => Effect.map(isOut, (out) => (out ? "unavailable" : null)),
          (reason, message) => new JournalError({ reason, message })
        ),
      trim: (home, through) => void asking([{ service: "feed", method: "trim", args: [home, through] }])
    }
  }
}
