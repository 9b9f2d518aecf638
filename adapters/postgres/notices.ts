/** Notices and the people of the chat in PostgreSQL (sql/0008_actions.sql, whose trigger makes the notices). */
import { Effect, Layer } from "effect"
import { type ChatPerson, type Notice, Notices } from "../../actors/ports/notices.ts"
import { Postgres } from "./pool.ts"
import { call, find, list, remove } from "./records.ts"

const sweptMax = 1_000

export const postgresNotices = ({ sql }: Postgres["Service"]): Notices["Service"] => {
  const notice = sql`
    n.org, n.approval_id as "approvalId", n.channel, n.ts, n.tries, n.due_at::float8 as "dueAtMs", n.created_at::float8 as "createdAtMs"`
  const person = sql`
    org, team, slack_user as "chatUser", user_id as "userId", created_at::float8 as "createdAtMs"`
  /** As it was when it was claimed. */
  const same = ({ org, approvalId, dueAtMs }: Notice) => sql`org = ${org} and approval_id = ${approvalId} and due_at = ${dueAtMs}`

  return {
    claim: (limit, forMs, without) =>
      call(false, async () => [
        ...(await sql<Array<Notice>>`
        update slack_notices n set due_at = proliferate.now_ms() + ${forMs}::int8, tries = n.tries + 1
        where (n.org, n.approval_id) in (
          select d.org, d.approval_id from slack_notices d
          where d.due_at <= proliferate.now_ms() and not d.org in (select jsonb_array_elements_text(${sql.json([...without])}::jsonb))
          order by d.due_at limit ${limit} for update skip locked
        ) returning ${notice}`)
      ]),
    shown: ({ org, approvalId }, ts) =>
      call(true, async () => {
        await sql`
          update slack_notices set ts = ${ts}, tries = 0, due_at = proliferate.now_ms()
          where org = ${org} and approval_id = ${approvalId}`
      }),
    rest: (claimed) =>
      call(true, async () => {
        await sql`update slack_notices set due_at = null, tries = 0 where ${same(claimed)}`
      }),
    again: (claimed, inMs) =>
      call(true, async () => {
        await sql`update slack_notices set due_at = proliferate.now_ms() + ${inMs}::int8 where ${same(claimed)}`
      }),
    find: (org, approvalId) =>
      find(
        () => sql<Array<Notice>>`select ${notice} from slack_notices n where n.org = ${org} and n.approval_id = ${approvalId}`
      ),
    sweep: (olderMs) =>
      call(true, async () => {
        const { count } = await sql`
          delete from slack_notices where ctid = any (array(
            select ctid from slack_notices where due_at is null and created_at < proliferate.now_ms() - ${olderMs}::int8
            order by created_at limit ${sweptMax}
          ))`
        return count
      }),

    link: ({ org, team, chatUser, userId }) =>
      call(true, async () => {
        await sql`
          insert into slack_people (team, slack_user, org, user_id) values (${team}, ${chatUser}, ${org}, ${userId})
          on conflict (team, slack_user, org) do update set user_id = excluded.user_id, created_at = proliferate.now_ms()`
      }),
    person: (org, team, chatUser) =>
      find(
        () => sql<Array<{ readonly userId: string }>>`
        select user_id as "userId" from slack_people where team = ${team} and slack_user = ${chatUser} and org = ${org}`
      ).pipe(Effect.map((row) => row?.userId ?? null)),
    people: (org) =>
      list(
        () => sql<Array<ChatPerson>>`select ${person} from slack_people where org = ${org} order by team, slack_user limit 1000`
      ),
    unlink: (org, team, chatUser) =>
      remove(() => sql`delete from slack_people where team = ${team} and slack_user = ${chatUser} and org = ${org}`)
  }
}

export const layer: Layer.Layer<Notices, never, Postgres> = Layer.effect(
  Notices,
  Effect.map(Postgres, (postgres) => Notices.of(postgresNotices(postgres)))
)
