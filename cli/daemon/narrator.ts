/**
 * Tells the events of one agent, words in pieces that are worth sending: what comes in a rush is told at most 30 ms later, as
 * one event of at most 4,096 characters. Nothing is lost and nothing overtakes: whatever cannot join what is held is told after it.
 */
import { Effect, FiberSet } from "effect"
import { Events } from "./events.ts"
import { Limits } from "./limits.ts"

export type Wording = "message" | "thought" | "log"

interface Held {
  readonly kind: Wording
  readonly body: Record<string, unknown>
  readonly key: string
  text: string
}

export interface Narrator {
  readonly tell: (kind: string, body: Record<string, unknown>) => void
  /** Words that continue those told before under the same key. `body` is told with each piece, the words as `field`. */
  readonly say: (kind: Wording, key: string, body: Record<string, unknown>, text: string) => void
}

const fieldOf: Record<Wording, string> = { message: "delta", thought: "delta", log: "text" }
const endsInHalf = (text: string) => /[\ud800-\udbff]$/.test(text)

export const makeNarrator = Effect.fnUntraced(function* (agent: string) {
  const events = yield* Events
  const limits = yield* Limits
  const fork = yield* FiberSet.runtime(yield* FiberSet.make<void>())<never>()
  let held: Held | null = null
  let isDue = false

  const tellPiece = ({ kind, body }: Held, text: string) => {
    if (text !== "") events.append(kind, agent, { ...body, [fieldOf[kind]]: text })
  }
  const tellHeld = () => {
    if (held !== null) tellPiece(held, held.text)
    held = null
  }
  /** Half a character waits for its other half, and what may be half of a secret for the rest: it may be in the next piece. */
  const waiting = (text: string) => Math.max(endsInHalf(text) ? 1 : 0, events.openEnd(text))
  const tellSome = (words: Held) => {
    while (words.text.length >= limits.deltaCharacters) {
      const piece = words.text.slice(0, limits.deltaCharacters)
      const end = piece.length - waiting(piece)
      tellPiece(words, piece.slice(0, end))
      words.text = words.text.slice(end)
    }
  }

  const narrator: Narrator = {
    tell: (kind, body) => {
      tellHeld()
      events.append(kind, agent, body)
    },
    say: (kind, key, body, text) => {
      if (held !== null && (held.kind !== kind || held.key !== key)) tellHeld()
      held ??= { kind, key, body, text: "" }
      held.text += text
      tellSome(held)
      if (isDue || held.text === "") return
      isDue = true
      fork(
        Effect.sync(() => {
          isDue = false
          if (held === null) return
          const end = held.text.length - waiting(held.text)
          tellPiece(held, held.text.slice(0, end))
          held.text = held.text.slice(end)
        }).pipe(Effect.delay(limits.deltaMs))
      )
    }
  }
  return narrator
})
