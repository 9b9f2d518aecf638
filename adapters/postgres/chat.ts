/** Who people of Slack are, and where calls were shown, in PostgreSQL (sql/0008_actions.sql). */
import { Effect, Layer } from "effect"
import { type ChatNotice, ChatRecords } from "../../actors/ports/chat.ts"
import { Postgres } from "./pool.ts"
import { call, list } from "./records.ts"

const make = ({ sql }: Postgres["Service"]): ChatRecords["Service"] => ({
  link: ({ team, chatUser, org, userId }) =>
    call(true, async () => {
      await sql`
        insert into slack_people (team, slack_user, org, user_id) values (${team}, ${chatUser}, ${org}, ${userId})
        on conflict (team, slack_user, org) do update set user_id = excluded.user_id`
    }),
  linked: (team, chatUser) =>
    list(
      () => sql<Array<{ readonly org: string; readonly userId: string }>>`
      select org, user_id as "userId" from slack_people where team = ${team} and slack_user = ${chatUser} order by org`
    ),
  claim: ({ org, approvalId, channel }) =>
    call(
      false,
      async () =>
        (
          await sql`insert into slack_notices (org, approval_id, channel, ts) values (${org}, ${approvalId}, ${channel}, '') on conflict do nothing`
        ).count > 0
    ),
  posted: ({ org, approvalId, channel, ts }) =>
    call(true, async () => {
      await sql`update slack_notices set channel = ${channel}, ts = ${ts} where org = ${org} and approval_id = ${approvalId}`
    }),
  notices: (org) =>
    list(
      () => sql<Array<ChatNotice>>`
      select org, approval_id as "approvalId", channel, ts from slack_notices where org = ${org} order by approval_id limit 1000`
    ),
  forget: (org, approvalId) =>
    call(true, async () => {
      await sql`delete from slack_notices where org = ${org} and approval_id = ${approvalId}`
    })
})

export const layer: Layer.Layer<ChatRecords, never, Postgres> = Layer.effect(
  ChatRecords,
  Effect.map(Postgres, (postgres) => ChatRecords.of(make(postgres)))
)
