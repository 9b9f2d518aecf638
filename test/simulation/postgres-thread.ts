/**
 * The other thread of postgres.ts: asks a real PostgreSQL through the real adapters, all of what it is given at once, and says what
 * came of it and what is stored since.
 */
import { type MessagePort, workerData } from "node:worker_threads"
import { Cause, Effect, Exit } from "effect"
import { postgresCalls } from "../../adapters/postgres/calls.ts"
import { postgresFeed } from "../../adapters/postgres/feed.ts"
import { postgresGrants } from "../../adapters/postgres/grants.ts"
import { postgresJournal } from "../../adapters/postgres/journal.ts"
import { postgresOversight } from "../../adapters/postgres/oversight.ts"
import { connect } from "../../adapters/postgres/pool.ts"
import { postgresRules } from "../../adapters/postgres/rules.ts"
import type { Answer, Call, Question, Reply } from "./postgres.ts"

const tables = [
  "actors, journal, commands, timers, claims, projections, fixes, feed_heads, feed_chunks, proliferate.fake_now",
  "budgets, rooms, open_calls, sealed_arguments, dispatches, grant_requests, rules, rule_books"
].join(", ")

const ticksKept = 200

/** What may change what is stored. A claim that took nothing has not. */
const reads = new Set(["load", "seen", "history", "find", "residents", "dueTimers", "head", "read", "standing", "quarantined"])
for (const name of ["stuck", "dead", "commandsOf", "notes", "list", "sessionOf", "sealed", "dispatchedAtMs"]) reads.add(name)
for (const name of ["candidates", "request", "requests", "book"]) reads.add(name)
const hasWritten = (calls: ReadonlyArray<Call>, answers: ReadonlyArray<Answer>): boolean =>
  calls.some(({ method }, index) => {
    const answer = answers[index]!
    return !reads.has(method) && !(method === "claim" && answer._tag === "Success" && (answer.value as []).length === 0)
  })

const { port, flag, url } = workerData as { readonly port: MessagePort; readonly flag: Int32Array; readonly url: string }

const answerOf = (exit: Exit.Exit<unknown, { readonly reason: string; readonly message: string }>): Answer => {
  if (Exit.isSuccess(exit)) return { _tag: "Success", value: exit.value }
  const failure = exit.cause.reasons.find((reason) => reason._tag === "Fail")
  if (failure === undefined) return { _tag: "Defect", message: Cause.pretty(exit.cause) }
  return { _tag: "Failure", reason: failure.error.reason, message: failure.error.message }
}

const program = Effect.gen(function* () {
  const pools = yield* connect(url)
  const { sql } = pools
  const services = {
    ...{ journal: postgresJournal(pools), feed: postgresFeed(pools), oversight: postgresOversight(pools) },
    ...{ calls: postgresCalls(pools), grants: postgresGrants(pools), rules: postgresRules(pools) }
  }
  let [nowMs, ticks] = [0, 0]

  const setClock = async (atMs: number) => {
    if (atMs === nowMs) return
    await sql`update proliferate.fake_now set now_ms = ${atMs}`
    nowMs = atMs
    // Each tick leaves a dead row that every look at the clock would walk over.
    if (++ticks % ticksKept === 0) await sql.unsafe("vacuum proliferate.fake_now")
  }

  const run = ({ service, method, args }: Call): Promise<Answer> => {
    const member = (services[service] as unknown as Record<string, unknown>)[method]
    const effect = (typeof member === "function" ? member(...args) : member) as Effect.Effect<
      unknown,
      { readonly reason: string; readonly message: string }
    >
    return Effect.runPromiseExit(effect).then(answerOf)
  }

  const answer = async ({ calls, atMs, known, clears }: Question): Promise<Reply> => {
    if (clears) {
      await sql.unsafe(
        `truncate ${tables}; insert into proliferate.fake_now values (${atMs});
         insert into organisations (id, name) values ('org_1', 'org_1') on conflict do nothing`
      )
      nowMs = atMs
    }
    await setClock(atMs)
    const answers = await Promise.all(calls.map(run))
    if (!hasWritten(calls, answers)) return { answers, stored: null }
    const [stored] = await sql<Array<NonNullable<Reply["stored"]>>>`
      select
        (select coalesce(json_agg(a order by a.id), '[]') from actors a) as actors,
        (select coalesce(json_agg(j order by j.rev), '[]') from journal j
          where j.rev > coalesce((${sql.json(known.revs)}::jsonb ->> j.id)::int8, 0)) as journal,
        (select coalesce(json_agg(c order by c.due, c.key), '[]') from commands c) as commands,
        (select coalesce(json_agg(t order by t.due), '[]') from timers t) as timers,
        (select coalesce(json_agg(c), '[]') from claims c) as claims,
        (select coalesce(json_agg(b order by b.created_at, b.id), '[]') from budgets b) as budgets,
        (select coalesce(json_agg(h), '[]') from feed_heads h) as heads,
        (select coalesce(json_agg(c order by c.first_seq), '[]') from feed_chunks c
          where c.last_seq > coalesce((${sql.json(known.seqs)}::jsonb ->> (c.org || '/' || c.home))::int8, 0)) as chunks,
        (select coalesce(json_agg(f order by f.at), '[]') from fixes f) as fixes`
    return { answers, stored: stored! }
  }

  port.on("message", (question: Question) => {
    void answer(question)
      .catch((cause: Error): Reply => ({ answers: [], stored: null, broken: cause.stack ?? cause.message }))
      .then((reply) => {
        port.postMessage(reply)
        Atomics.store(flag, 0, 1)
        Atomics.notify(flag, 0)
      })
  })
  yield* Effect.never
})

await Effect.runPromise(Effect.scoped(program))
