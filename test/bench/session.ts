/** Sessions for the benchmarks, in the state that most are in: running, its agent idle. Stored by the thousand without being played. */
import { Effect } from "effect"
import { Postgres } from "../../adapters/postgres/pool.ts"
import type { SessionEvent } from "../../machines/session/events.ts"
import { sessionMachine, statusOf } from "../../machines/session.ts"
import type { Address } from "../../runtime/address.ts"
import { begin, persist, step } from "../../runtime/step.ts"

const create: SessionEvent = {
  type: "create",
  configurationId: "cfg_01kbench00000000000000000",
  title: "Fix the failing test of the pager",
  owner: "usr_01kbench00000000000000000",
  attended: true,
  agent: { name: "scripted", permissions: "allow" }
}
const upToIdle: ReadonlyArray<SessionEvent> = [
  { type: "start" },
  { type: "sandbox.ready", boot: 1, sandboxId: "sbx_01kbench00000000000000000", stateLost: false },
  { type: "workspace.ready", boot: 1, sandboxId: "sbx_01kbench00000000000000000" },
  { type: "agent.ready", boot: 1, sandboxId: "sbx_01kbench00000000000000000", agentSession: "a1", remembers: false }
]

export const idleSnapshot = upToIdle.reduce(
  (snapshot, event) => step(sessionMachine, snapshot, event).snapshot,
  begin(sessionMachine, create).snapshot
)
/** As the journal gives it back. */
export const idleText = JSON.stringify(persist(idleSnapshot))

export const sessionAt = (prefix: string, index: number): Address => {
  const id = `ses_${prefix}_${String(index).padStart(7, "0")}`
  return { org: "org_bench", kind: "session", id, home: id }
}

/** Stores `count` of them in one statement, with the timer, the journal row and the feed that each has. */
export const storeIdle = Effect.fnUntraced(function* (prefix: string, count: number, version: number) {
  const { sql } = yield* Postgres
  const status = statusOf(idleSnapshot)
  yield* Effect.promise(async () => {
    const ids = `select 'ses_${prefix}_' || lpad(n::text, 7, '0') as id from generate_series(0, ${count - 1}) as n`
    await sql.unsafe(
      `insert into actors (org, kind, id, home, rev, epoch, machine_version, status, snapshot, resident, updated_at, noticed, noticed_rev)
       select 'org_bench', 'session', id, id, 5, 1, $1::int, $2::text, $3::text::jsonb, false, 0, 5001, 5 from (${ids}) s`,
      [version, status, idleText]
    )
    await sql.unsafe(
      `insert into timers (org, kind, id, timer, rev, due, event)
       select 'org_bench', 'session', id, 'xstate.after.idle', 5, 1e15::int8, '{"type":"xstate.after.idle"}' from (${ids}) s`
    )
    await sql.unsafe(
      `insert into journal (org, kind, id, rev, machine_version, message_id, event, taken, effects, notices, by, cause, at)
       select 'org_bench', 'session', id, 5, $1::int, 'fact:' || id, '{"type":"agent.ready"}', '[]', '[]', '[]', null, null, 0 from (${ids}) s`,
      [version]
    )
    await sql.unsafe(
      `insert into feed_heads (org, home, epoch, seq, first, sources)
       select 'org_bench', id, 1, 8, 1, jsonb_build_object('session/' || id, 5001) from (${ids}) s`
    )
    // Those written last are activated when a router starts; this one is known to none.
    await sql.unsafe(
      `insert into actors (org, kind, id, home, rev, epoch, machine_version, status, snapshot, resident, updated_at)
       values ('org_bench', 'none', 'newest', 'newest', 1, 1, 1, '', '{}', false, 1e13) on conflict do nothing`
    )
    await sql.unsafe("analyze actors; analyze timers; analyze journal; analyze feed_heads").simple()
  })
})
