/**
 * What people do in the chat: link themselves, and decide calls by a click. A click is signed by the chat, is of a message that we
 * wrote for that call in that place, and of a user of the chat who is linked to one of ours; what that user may do is then the same as
 * everywhere, by the same check and the same service.
 *
 * People link themselves: who has a token of ours gets a code, and writes it in the chat. That proves both ends. An administrator may
 * say by their ids who is who, and answers for it. An address that the chat tells, verified or not, proves neither: whoever administers a workspace gives people their addresses there, and then would
 * decide in anybody's name.
 */
import { randomBytes } from "node:crypto"
import { Context, Effect, Layer, Schema, Semaphore } from "effect"
import { Chat, type Heard } from "../ports/chat.ts"
import { ConnectionRecords } from "../ports/connections.ts"
import type { DirectoryError } from "../ports/directory.ts"
import { type ChatPerson, chatIntegration, Notices, teamSetting } from "../ports/notices.ts"
import { Access, type Pass, reaches, userOf } from "./access.ts"
import { Approvals } from "./approvals.ts"
import { CredentialsOf } from "./credentials.ts"
import { ServiceError } from "./error.ts"
import { ShownCalls } from "./notices.ts"
import { Id } from "./words.ts"

/** A person goes from a terminal to the chat. */
const codeMs = 10 * 60_000
/** The chat waits 3 s for an answer, and says to the person that there was none. */
const decideWithinMs = 2_500
/** Answers to people that are under way at once; what is above is not said. */
const whispersMax = 64

type Failure = ServiceError | DirectoryError
type Click = Extract<Heard, { readonly _tag: "Click" }>
type Command = Extract<Heard, { readonly _tag: "Command" }>

const fail = (reason: ServiceError["reason"], message: string) => Effect.fail(new ServiceError({ reason, message }))
const codePattern = /^link\s+([A-Za-z0-9_:-]{1,128})\.([A-Za-z0-9_:-]{1,128})\.([A-Za-z0-9_-]{32})$/
const purposeOf = (user: string) => `chat.link/${user}`
const howToLink = "run `proliferate slack link` where you use proliferate, and write what it says here in Slack"

export const ChatLink = Schema.Struct({ team: Id, chatUser: Id, userId: Id })

export class Clicks extends Context.Service<
  Clicks,
  {
    /** What came from the chat, as it came. The answer is what the chat shows to whoever wrote a command; null: nothing. */
    readonly hear: (headers: Readonly<Record<string, string>>, body: Uint8Array) => Effect.Effect<string | null, Failure>
    /** A code, good for 10 min, once, and what to write in the chat. */
    readonly begin: (pass: Pass<"chat.link">) => Effect.Effect<{ readonly write: string }, Failure>
    /** As an administrator, for somebody else: whoever looked up the ids answers for them. */
    readonly link: (pass: Pass<"users.add">, person: typeof ChatLink.Type) => Effect.Effect<void, Failure>
    readonly people: (pass: Pass<"chat.read">) => Effect.Effect<ReadonlyArray<ChatPerson>, Failure>
    /** One's own, or anybody's as an administrator. */
    readonly unlink: (pass: Pass<"chat.link">, team: string, chatUser: string) => Effect.Effect<void, Failure>
  }
>()("proliferate/actors/services/Clicks") {
  static readonly layer: Layer.Layer<
    Clicks,
    never,
    Access | Approvals | Chat | ConnectionRecords | CredentialsOf | Notices | ShownCalls
  > = Layer.effect(
    Clicks,
    Effect.gen(function* () {
      const [access, approvals, chat, notices] = [yield* Access, yield* Approvals, yield* Chat, yield* Notices]
      const [connections, credentials, shown] = [yield* ConnectionRecords, yield* CredentialsOf, yield* ShownCalls]
      const scope = yield* Effect.scope
      const whispers = yield* Semaphore.make(whispersMax)

      /** Not waited for: the chat hears within its 3 s that the click has arrived. */
      const whisper = ({ org, channel, chatUser }: Click, text: string) =>
        Effect.gen(function* () {
          const credential = yield* credentials.usable(org, chatIntegration)
          yield* chat.whisper({ credential, channel }, chatUser, text)
        }).pipe(
          Effect.catch((error) => Effect.logWarning(`an answer to ${chatUser} in ${channel}: ${error.message}`)),
          whispers.withPermitsIfAvailable(1),
          Effect.forkIn(scope),
          Effect.asVoid
        )

      /** The connection that speaks with this team, in this organisation. */
      const isOurs = Effect.fnUntraced(function* (org: string, team: string) {
        const live = yield* connections.live(org, chatIntegration)
        return live?.connection.settings[teamSetting] === team
      })

      const decide = Effect.fnUntraced(function* (click: Click) {
        const { id, org, approvalId, team, chatUser, channel, ts, decision } = click
        const notice = yield* notices.find(org, approvalId)
        const isItsMessage = notice !== null && notice.channel === channel && (notice.ts === null || notice.ts === ts)
        if (!isItsMessage || !(yield* isOurs(org, team)))
          return yield* fail(
            "not-found",
            "this message is of no call that can be decided here; `proliferate inbox` shows what waits"
          )
        const userId = yield* notices.person(org, team, chatUser)
        if (userId === null)
          return yield* fail(
            "unauthenticated",
            `you are not linked to a user of this organisation: ${howToLink}; then click again`
          )
        const pass = yield* access.asUser(org, userId, "approvals.decide")
        // Whoever showed it died before it could note where: it is kept true all the same, and at once.
        if (notice.ts === null) yield* notices.shown(notice, ts)
        const key = `chat:${id}`
        if (decision === "deny") yield* approvals.deny(pass, approvalId, "denied in Slack", key)
        else yield* approvals.approve(pass, approvalId, { as: "once" }, key)
      })

      const clicked = Effect.fnUntraced(function* (click: Click) {
        const decided = yield* decide(click).pipe(
          Effect.timeoutOrElse({
            duration: decideWithinMs,
            orElse: () => fail("provider", "this takes longer than it should; the message says what became of it, or click again")
          }),
          Effect.result
        )
        yield* shown.look
        if (decided._tag === "Failure") yield* whisper(click, decided.failure.message)
        return null
      })

      const linked = Effect.fnUntraced(function* ({ team, chatUser, text }: Command) {
        const [, org, user, nonce] = codePattern.exec(text.trim()) ?? []
        if (nonce === undefined) return `To decide calls of agents here, ${howToLink}.`
        // The code is looked at only in its own team: elsewhere it is not used up.
        if (!(yield* isOurs(org!, team))) return "This workspace is not connected to that organisation."
        if ((yield* connections.takeNonce(org!, purposeOf(user!), nonce)) === null)
          return `This code is used, or older than 10 min: ${howToLink}.`
        yield* notices.link({ org: org!, team, chatUser, userId: user! })
        return "You are linked: what you click here is decided in your name. `proliferate slack unlink` undoes it."
      })

      return Clicks.of({
        hear: Effect.fn("Clicks.hear")(function* (headers, body) {
          const heard = yield* chat
            .hear(headers, body)
            .pipe(
              Effect.catchTag("ChatError", ({ reason, message }) =>
                fail(reason === "unset" ? "not-found" : reason === "unsigned" ? "unauthenticated" : "invalid", message)
              )
            )
          switch (heard._tag) {
            case "Click":
              return yield* clicked(heard)
            case "Command":
              return yield* linked(heard)
            case "Other":
              return null
          }
        }),

        begin: Effect.fn("Clicks.begin")(function* (pass) {
          const user = userOf(pass)
          if (user === null) return yield* fail("forbidden", "people link themselves")
          const { organisation: org } = pass
          const live = yield* connections.live(org, chatIntegration)
          if (live?.connection.settings[teamSetting] === undefined)
            return yield* fail(
              "reference",
              "Slack is not connected; an administrator connects it: `proliferate connections add slack`"
            )
          const nonce = randomBytes(24).toString("base64url")
          yield* connections.giveNonce(org, purposeOf(user), nonce, codeMs)
          return { write: `/proliferate link ${org}.${user}.${nonce}` }
        }),

        link: Effect.fn("Clicks.link")(function* ({ organisation: org }, { team, chatUser, userId }) {
          const unknown = fail("reference", `userId: there is no user ${userId} in your organisation`)
          yield* access.asUser(org, userId, "self.read").pipe(Effect.catchTag("ServiceError", () => unknown))
          yield* notices.link({ org, team, chatUser, userId })
        }),

        people: ({ organisation }) => notices.people(organisation),

        unlink: Effect.fn("Clicks.unlink")(function* (pass, team, chatUser) {
          const { organisation: org, principal } = pass
          const userId = yield* notices.person(org, team, chatUser)
          const absent = fail("not-found", `${chatUser} of ${team} is not linked; \`proliferate slack list\` shows who is`)
          if (userId === null) return yield* absent
          if (userId !== userOf(pass) && !(principal.kind === "user" && reaches(principal.user.role, "admin")))
            return yield* fail("forbidden", "whom another linked is unlinked by an administrator")
          if (!(yield* notices.unlink(org, team, chatUser))) return yield* absent
        })
      })
    })
  )
}
