/** Who people of Slack are, and where calls were shown, in memory; promises: actors/ports/chat.ts. */
import { Effect, Layer } from "effect"
import { type ChatNotice, ChatRecords } from "../../actors/ports/chat.ts"

export const layer: Layer.Layer<ChatRecords> = Layer.sync(ChatRecords, () => {
  const people = new Map<string, { readonly org: string; readonly userId: string }>()
  const notices = new Map<string, ChatNotice>()
  return ChatRecords.of({
    link: ({ team, chatUser, org, userId }) => Effect.sync(() => void people.set(`${team}/${chatUser}/${org}`, { org, userId })),
    linked: (team, chatUser) =>
      Effect.sync(() => [...people].filter(([key]) => key.startsWith(`${team}/${chatUser}/`)).map(([, person]) => person)),
    claim: (notice) =>
      Effect.sync(() => {
        const key = `${notice.org}/${notice.approvalId}`
        if (notices.has(key)) return false
        notices.set(key, { ...notice, ts: "" })
        return true
      }),
    posted: (notice) => Effect.sync(() => void notices.set(`${notice.org}/${notice.approvalId}`, notice)),
    notices: (org) => Effect.sync(() => [...notices.values()].filter((notice) => notice.org === org)),
    forget: (org, approvalId) => Effect.sync(() => void notices.delete(`${org}/${approvalId}`))
  })
})
