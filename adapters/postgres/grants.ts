/** Grants, which are budgets (sql/0001_journal.sql), and requests for them (sql/0008_actions.sql), in PostgreSQL. */
import { Effect, Layer } from "effect"
import { type GrantRequest, Grants, type LentGrant } from "../../actors/ports/grants.ts"
import { Postgres } from "./pool.ts"
import { call, find, list } from "./records.ts"

const candidatesMax = 10_000

export const postgresGrants = ({ sql }: Postgres["Service"]): Grants["Service"] => {
  const grant = sql`
    id, about->'scope' as scope, about->>'integration' as integration, about->>'action' as action,
    about->'constraints' as constraints, uses_max::float8 as "usesMax", used::float8, expires_at::float8 as "expiresAtMs",
    about->>'createdBy' as "createdBy", about->>'requestId' as "requestId", about->>'parentId' as "parentId",
    about->>'approvalId' as "approvalId", revoked_at::float8 as "revokedAtMs", revoked_by as "revokedBy", revision,
    created_at::float8 as "createdAtMs"`
  const request = sql`
    id, org, session_id as "sessionId", draft, reason, by, answer, created_at::float8 as "createdAtMs",
    expires_at::float8 as "expiresAtMs",
    case when status = 'open' and expires_at <= proliferate.now_ms() then 'expired' else status end as status`

  return {
    candidates: (org, integration, action) =>
      list(
        () => sql<Array<LentGrant>>`
        select ${grant} from budgets
        where org = ${org} and about->>'integration' = ${integration} and about->>'action' in (${action}, '*')
          and revoked_at is null and expires_at > proliferate.now_ms()
        limit ${candidatesMax}`
      ),
    find: (org, id) => find(() => sql<Array<LentGrant>>`select ${grant} from budgets where org = ${org} and id = ${id}`),
    list: (org, { limit, before, ended }) =>
      list(
        () => sql<Array<LentGrant>>`
        select ${grant} from budgets where org = ${org}
        ${ended ? sql`` : sql`and revoked_at is null and expires_at > proliferate.now_ms() and (uses_max is null or used < uses_max)`}
        ${before === undefined ? sql`` : sql`and id < ${before}`}
        order by id desc limit ${limit}`
      ),
    lend: ({ org, id, draft: { usesMax, lastsMs, ...about }, createdBy, requestId, parentId }) =>
      call(false, async () => {
        const [lent] = await sql<Array<LentGrant>>`
          with clock as materialized (select proliferate.now_ms() as at),
          parent as materialized (
            select p.expires_at from budgets p, clock
            where p.org = ${org} and p.id = ${parentId} and p.revoked_at is null and p.expires_at > clock.at
          ),
          answered as (
            update grant_requests set status = 'granted', by = ${createdBy}, answer = null
            where org = ${org} and id = ${requestId} and status = 'open' and expires_at > (select at from clock)
              and (${parentId}::text is null or exists (select from parent))
            returning id
          )
          insert into budgets (org, id, uses_max, expires_at, about, created_at)
          select ${org}, ${id}, ${usesMax}::int8, least(at + ${lastsMs}::int8, (select expires_at from parent)),
            ${JSON.stringify({ ...about, createdBy, requestId, parentId })}::text::jsonb, at
          from clock
          where (${parentId}::text is null or exists (select from parent))
            and (${requestId}::text is null or exists (select from answered))
          returning ${grant}`
        return lent ?? null
      }),
    revoke: (org, id, by) =>
      call(true, async () => {
        const rows = await sql<
          Array<{ readonly id: string }>
        >`select id from proliferate.revoke_budget(${org}, ${id}, ${by}) as id`
        return rows.map((row) => row.id)
      }),
    endOf: (org, sessionId) =>
      call(true, async () => {
        await sql`
          update budgets set revoked_at = proliferate.now_ms(), revoked_by = 'session', revision = revision + 1
          where org = ${org} and revoked_at is null and about->'scope' = ${JSON.stringify({ type: "session", id: sessionId })}::text::jsonb`
      }),

    ask: ({ id, org, sessionId, draft, reason }, max, forMs) =>
      call(false, () =>
        sql.begin(async (tx) => {
          // One after another of a session: else each of many sees room for itself.
          await tx`select pg_advisory_xact_lock(hashtextextended(${`grant_requests/${org}/${sessionId}`}, 0))`
          const about = tx`${JSON.stringify(draft)}::text::jsonb`
          const [same] = await tx<Array<GrantRequest>>`
            select ${request} from grant_requests
            where org = ${org} and session_id = ${sessionId} and status = 'open' and expires_at > proliferate.now_ms()
              and draft - 'usesMax' - 'lastsMs' = ${about} - 'usesMax' - 'lastsMs'`
          if (same !== undefined) return same
          const [made] = await tx<Array<GrantRequest>>`
            insert into grant_requests (org, id, session_id, draft, reason, status, expires_at)
            select ${org}, ${id}, ${sessionId}, ${about}, ${reason}, 'open', proliferate.now_ms() + ${forMs}::int8
            where (
              select count(*) from grant_requests
              where org = ${org} and session_id = ${sessionId} and status = 'open' and expires_at > proliferate.now_ms()
            ) < ${max}
            returning ${request}`
          return made ?? null
        })
      ),
    request: (org, id) =>
      find(() => sql<Array<GrantRequest>>`select ${request} from grant_requests where org = ${org} and id = ${id}`),
    requests: (org, { limit, sessionId, open }) =>
      list(
        () => sql<Array<GrantRequest>>`
        select ${request} from grant_requests where org = ${org}
        ${sessionId === undefined ? sql`` : sql`and session_id = ${sessionId}`}
        ${open ? sql`and status = 'open' and expires_at > proliferate.now_ms()` : sql``}
        order by id desc limit ${limit}`
      ),
    answer: (org, id, { status, by, answer }) =>
      find(
        () => sql<Array<GrantRequest>>`
        update grant_requests set status = ${status}, by = ${by}, answer = ${answer}
        where org = ${org} and id = ${id} and status = 'open' and expires_at > proliferate.now_ms() returning ${request}`
      )
  }
}

export const layer: Layer.Layer<Grants, never, Postgres> = Layer.effect(
  Grants,
  Effect.map(Postgres, (postgres) => Grants.of(postgresGrants(postgres)))
)
