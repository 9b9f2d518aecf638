/** What a node does in rounds of failing over: it finds out which sessions are held elsewhere, and has an event of each acknowledged. */
import { answering } from "./answering.ts"

export interface FailoverNode {
  readonly url: string
  readonly name: string
  readonly port: number
}

/** `spread`: until another node holds some. `ask`: an event for each of those. */
export type FailoverLine = { readonly do: "spread" | "ask"; readonly sessions: number }

const lookAgainMs = 500

/** `send` has a session acknowledge an event, whatever that takes; whether it did so in this process. */
export const failingOver = async (send: (id: string, message: string) => Promise<boolean>): Promise<void> => {
  let elsewhere: ReadonlyArray<string> = []
  let sent = 0
  await answering<FailoverLine>(async ({ do: what, sessions }) => {
    const sendAll = async (ids: ReadonlyArray<string>) => {
      const message = `${++sent}`
      return Promise.all(ids.map((id) => send(id, message)))
    }
    if (what === "ask") {
      const areHere = await sendAll(elsewhere)
      return { asked: areHere.length, here: areHere.filter((isHere) => isHere).length }
    }
    const all = Array.from({ length: sessions }, (_, n) => `session_${n}`)
    do {
      await new Promise((resolve) => setTimeout(resolve, lookAgainMs))
      const areHere = await sendAll(all)
      elsewhere = all.filter((_, index) => !areHere[index])
    } while (elsewhere.length < sessions / 4)
    return { elsewhere: elsewhere.length }
  })
}
