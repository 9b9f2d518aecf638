/**
 * Decisions from Slack: a call that waits is shown in the channel that the Slack connection names as `approvals`, once, with buttons;
 * whoever presses one is the user of ours that an administrator linked, with that user's role, or nobody. What became of the call is
 * shown in its place, whoever decided it and wherever.
 *
 * Slack signs what it sends: HMAC-SHA256 of `v0:<time>:<body>`; older than 5 min it is refused.
 */
import { createHmac, timingSafeEqual } from "node:crypto"
import { Clock, Context, Effect, Layer, Redacted, Schedule, Schema } from "effect"
import type { ApprovalContext } from "../../machines/approval/context.ts"
import { Calls } from "../ports/calls.ts"
import { ChatBoard, ChatRecords, type Shown } from "../ports/chat.ts"
import { ConnectionRecords } from "../ports/connections.ts"
import { Directory, type DirectoryError } from "../ports/directory.ts"
import { Access, type Pass } from "./access.ts"
import { Approvals } from "./approvals.ts"
import { CredentialsOf } from "./credentials.ts"
import { ServiceError } from "./error.ts"
import { Id } from "./words.ts"

const lookEveryMs = 2_000
const signedForS = 300
const shownMax = 200

export const ChatPerson = Schema.Struct({ team: Id, chatUser: Id, userId: Id })
const Pressed = Schema.fromJsonString(
  Schema.Struct({
    type: Schema.String,
    team: Schema.Struct({ id: Schema.String }),
    user: Schema.Struct({ id: Schema.String }),
    actions: Schema.Array(Schema.Struct({ action_id: Schema.String, value: Schema.String }))
  })
)
const decodePressed = Schema.decodeUnknownEffect(Pressed)

const fail = (reason: ServiceError["reason"], message: string) => Effect.fail(new ServiceError({ reason, message }))

export interface Signed {
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

export class ChatApprovals extends Context.Service<
  ChatApprovals,
  {
    readonly link: (pass: Pass<"users.add">, person: typeof ChatPerson.Type) => Effect.Effect<void, ServiceError | DirectoryError>
    /** What is said to whoever pressed. */
    readonly pressed: (signed: Signed) => Effect.Effect<{ readonly text: string }, ServiceError | DirectoryError>
  }
>()("proliferate/actors/services/ChatApprovals") {
  static readonly layer = (
    signingSecret: Redacted.Redacted<string> | null
  ): Layer.Layer<
    ChatApprovals,
    never,
    Access | Approvals | Calls | ChatBoard | ChatRecords | ConnectionRecords | CredentialsOf | Directory
  > =>
    Layer.effect(
      ChatApprovals,
      Effect.gen(function* () {
        const [access, approvals, calls, board] = [yield* Access, yield* Approvals, yield* Calls, yield* ChatBoard]
        const [records, connections, credentials] = [yield* ChatRecords, yield* ConnectionRecords, yield* CredentialsOf]
        const directory = yield* Directory

        const shownOf = Effect.fnUntraced(function* (org: string, status: string, context: ApprovalContext) {
          const { approvalId: callId, integration, action, risk, params, sessionId, by, message } = context
          const session = yield* directory.session(org, sessionId)
          const users = by === null ? [] : yield* directory.users(org)
          const who = users.find(({ id }) => id === by)?.name ?? by
          return {
            callId,
            title: `${integration}.${action} (${risk})`,
            lines: [
              `session ${sessionId} ${session?.title ?? ""}`,
              `arguments ${JSON.stringify(params)}`,
              status === "pending"
                ? "waits for a person"
                : `${status}${who === null ? "" : `, decided by ${who}`}${message === null ? "" : `: ${message}`}`
            ],
            open: status === "pending"
          } satisfies Shown
        })

        const showOf = Effect.fnUntraced(function* (org: string, channel: string) {
          const credential = yield* credentials.usable(org, "slack")
          const waiting = yield* calls.list(org, { statuses: ["pending"], limit: shownMax })
          const noticed = yield* records.notices(org)
          const known = new Set(noticed.map(({ approvalId }) => approvalId))
          for (const row of waiting.filter(({ id }) => !known.has(id))) {
            // Claimed first: a message that may have been posted is not posted again.
            if (!(yield* records.claim({ org, approvalId: row.id, channel }))) continue
            const at = yield* board.post(
              credential,
              channel,
              yield* shownOf(org, row.status, row.context as unknown as ApprovalContext)
            )
            yield* records.posted({ org, approvalId: row.id, ...at })
          }
          const open = new Set(waiting.map(({ id }) => id))
          for (const { approvalId, channel: where, ts } of noticed.filter((notice) => !open.has(notice.approvalId))) {
            const sessionId = yield* calls.sessionOf(org, approvalId)
            const rows = sessionId === null ? [] : yield* calls.list(org, { sessionId, limit: shownMax })
            const row = rows.find(({ id }) => id === approvalId)
            if (row?.status === "pending") continue
            if (row !== undefined && ts !== "")
              yield* board.update(
                credential,
                { channel: where, ts },
                yield* shownOf(org, row.status, row.context as unknown as ApprovalContext)
              )
            yield* records.forget(org, approvalId)
          }
        })

        const look = Effect.gen(function* () {
          for (const { id: org } of yield* directory.organisations) {
            const live = yield* connections.live(org, "slack")
            const channel = live?.connection.settings["approvals"]
            if (live?.connection.status !== "active" || channel === undefined) continue
            yield* showOf(org, channel).pipe(
              Effect.catch(({ message }) => Effect.logWarning(`calls of ${org} are not shown in Slack: ${message}`))
            )
          }
        }).pipe(Effect.catch(() => Effect.void))
        if (signingSecret !== null) yield* Effect.forkScoped(Effect.repeat(look, Schedule.spaced(lookEveryMs)))

        const verified = Effect.fnUntraced(function* ({ headers, body }: Signed) {
          if (signingSecret === null)
            return yield* fail("not-found", "this server takes nothing from Slack: PROLIFERATE_SLACK_SIGNING_SECRET is not set")
          const time = headers["x-slack-request-timestamp"] ?? ""
          const nowS = (yield* Clock.currentTimeMillis) / 1_000
          const wrong = fail("unauthenticated", "this is not signed by Slack, or is older than 5 min")
          if (!/^\d{1,12}$/.test(time) || Math.abs(nowS - Number(time)) > signedForS) return yield* wrong
          const mac = createHmac("sha256", Redacted.value(signingSecret)).update(`v0:${time}:`).update(body).digest("hex")
          const [own, given] = [Buffer.from(`v0=${mac}`), Buffer.from(headers["x-slack-signature"] ?? "")]
          if (own.length !== given.length || !timingSafeEqual(own, given)) return yield* wrong
          const payload = new URLSearchParams(Buffer.from(body).toString("utf8")).get("payload")
          return yield* decodePressed(payload).pipe(
            Effect.mapError(() => new ServiceError({ reason: "invalid", message: "this is no press of a button" }))
          )
        })

        return ChatApprovals.of({
          link: Effect.fn("ChatApprovals.link")(function* ({ organisation: org }, { team, chatUser, userId }) {
            const users = yield* directory.users(org)
            if (!users.some(({ id }) => id === userId))
              return yield* fail("reference", `userId: there is no user ${userId} in your organisation`)
            yield* records.link({ team, chatUser, org, userId })
          }),

          pressed: Effect.fn("ChatApprovals.pressed")(function* (signed) {
            const { team, user, actions } = yield* verified(signed)
            const [pressed] = actions
            if (pressed === undefined) return { text: "Nothing was pressed." }
            for (const { org, userId } of yield* records.linked(team.id, user.id)) {
              if ((yield* calls.sessionOf(org, pressed.value)) === null) continue
              return yield* access.asUser(org, userId, "approvals.decide").pipe(
                Effect.flatMap((pass) =>
                  pressed.action_id === "approve"
                    ? approvals.approve(pass, pressed.value, { as: "once" }, null)
                    : approvals.deny(pass, pressed.value, "denied in Slack", null)
                ),
                Effect.map(({ status }) => ({ text: `Done: it is ${status}.` })),
                Effect.catch(({ message }) => Effect.succeed({ text: message }))
              )
            }
            return {
              text: `Nobody here is linked to you. An administrator does it: proliferate users link-slack USER --team ${team.id} --slack-user ${user.id}`
            }
          })
        })
      })
    )
}
