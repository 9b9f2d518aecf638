/**
 * What is sent to one client, and how much of it may wait. Above 8 MB nothing more is sent until some has left; a client that
 * stays above for 10 s is cut. While more than 64 KB wait it is behind, and is told in fewer frames.
 */
import { Effect, Latch } from "effect"
import { type Cut, cut } from "./cut.ts"
import { encode } from "./frames.ts"
import type { InboxFrame } from "./inbox-protocol.ts"
import { pendingBytesMax, type ServerFrame } from "./protocol.ts"
import type { Wire } from "./transport.ts"

const behindBytes = 64 * 1024
const slowForMs = 10_000
/** Sent in one go before it is asked again how much waits. */
const batchBytes = 256 * 1024

const tooSlow = cut(
  4413,
  `too slow: more than ${pendingBytesMax / 1024 / 1024} MB were waiting for you; come back with your cursor`
)

export interface Sender {
  readonly isBehind: () => boolean
  /** At once, however much waits: what is told so is small and rare. */
  readonly tell: (frame: ServerFrame | InboxFrame) => Effect.Effect<void, Cut>
  /** In order, as room is made. */
  readonly sendAll: (frames: ReadonlyArray<Uint8Array>) => Effect.Effect<void, Cut>
  /** Of these, from `first` on, what can be sent without waiting: how many; none for a client that is behind. */
  readonly sendNow: (frames: ReadonlyArray<Uint8Array>, first: number) => number
  readonly drained: () => void
}

export const senderTo = (wire: Wire): Sender => {
  const room = Latch.makeUnsafe(true)
  const hasRoom = () => wire.waitingBytes() <= pendingBytesMax

  const roomMade = Effect.suspend(() => {
    if (hasRoom()) return Effect.void
    room.closeUnsafe()
    return room.await.pipe(Effect.timeoutOrElse({ duration: slowForMs, orElse: () => tooSlow }))
  })

  const isBehind = () => wire.waitingBytes() > behindBytes

  return {
    isBehind,
    sendNow: (frames, first) => {
      if (isBehind()) return 0
      let next = first
      wire.together(() => {
        for (let bytes = 0; next < frames.length && bytes < batchBytes; next++) {
          bytes += frames[next]!.byteLength
          if (!wire.send(frames[next]!)) return
        }
      })
      return next - first
    },
    tell: (frame) => Effect.suspend(() => (wire.send(encode(frame)) ? Effect.void : tooSlow)),
    sendAll: Effect.fnUntraced(function* (frames) {
      let next = 0
      let isTaken = true
      while (next < frames.length) {
        yield* roomMade
        wire.together(() => {
          for (let bytes = 0; isTaken && next < frames.length && bytes < batchBytes; next++) {
            bytes += frames[next]!.byteLength
            isTaken = wire.send(frames[next]!)
          }
        })
        if (!isTaken) return yield* tooSlow
      }
    }),
    drained: () => {
      if (hasRoom()) room.openUnsafe()
    }
  }
}
