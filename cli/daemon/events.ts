/**
 * What happened in the sandbox, numbered, kept until the host has stored it.
 *
 *   E1  Numbers start at 1, have no gaps, and are given once, in the order of the happening.
 *   E2  An event is forgotten only after its acknowledgement. When too much is unacknowledged, `room` makes its source wait.
 *   E3  What is to be hidden is in no event. Who tells words in pieces asks `openEnd` how much to hold back.
 */
import { randomBytes } from "node:crypto"
import { Clock, Context, Effect, Latch, Layer } from "effect"
import { Limits } from "./limits.ts"
import { badInput, type Refusal, stale } from "./refusal.ts"
import { cleanJson } from "./text.ts"

export class Events extends Context.Service<
  Events,
  {
    readonly daemonId: string
    /** Never waits: a source that may flood asks for `room` before it reads on. */
    readonly append: (kind: string, agent: string | null, body: Record<string, unknown>) => void
    /** From now on it is told as `[secret]`: letters, digits and . _ - alone. */
    readonly hide: (secret: string) => void
    /** How many characters at the end of a text may be the beginning of what is hidden. */
    readonly openEnd: (text: string) => number
    readonly firstSeq: () => number
    readonly lastSeq: () => number
    readonly isFull: () => boolean
    readonly room: Effect.Effect<void>
    /** Encoded events after `seq`, up to about one write; waits for the first. */
    readonly after: (seq: number) => Effect.Effect<{ readonly lines: ReadonlyArray<string>; readonly lastSeq: number }>
    readonly ack: (daemonId: string, seq: number) => Effect.Effect<void, Refusal>
  }
>()("proliferate/cli/daemon/Events") {
  static readonly layer = Layer.effect(
    Events,
    Effect.gen(function* () {
      const limits = yield* Limits
      const clock = yield* Clock.Clock
      const daemonId = `dmn_${randomBytes(8).toString("hex")}`
      const roomy = Latch.makeUnsafe(true)
      const news = Latch.makeUnsafe(false)
      let kept: Array<{ readonly line: string; readonly bytes: number }> = []
      let firstSeq = 1
      let bytes = 0

      const hidden = new Set<string>()
      const openEnd = (text: string) => {
        let longest = 0
        for (const secret of hidden)
          for (let length = Math.min(secret.length - 1, text.length); length > longest; length -= 1)
            if (text.endsWith(secret.slice(0, length))) longest = length
        return longest
      }

      const lastSeq = () => firstSeq + kept.length - 1
      const isFull = () => kept.length >= limits.eventsMax || bytes >= limits.eventBytesMax

      const append: Events["Service"]["append"] = (kind, agent, body) => {
        const at = clock.currentTimeMillisUnsafe()
        let line = `${cleanJson({ seq: lastSeq() + 1, at, kind, agent, parent: null, body })}\n`
        for (const secret of hidden) line = line.replaceAll(secret, "[secret]")
        const event = { line, bytes: Buffer.byteLength(line) }
        kept.push(event)
        bytes += event.bytes
        if (isFull()) roomy.closeUnsafe()
        news.openUnsafe()
      }

      const after = Effect.fnUntraced(function* (seq: number) {
        while (lastSeq() <= seq) {
          news.closeUnsafe()
          yield* news.await
        }
        const from = Math.max(0, seq + 1 - firstSeq)
        const first = firstSeq + from
        const lines: Array<string> = []
        for (let size = 0, index = from; index < kept.length && size < limits.streamWriteBytes; index += 1) {
          lines.push(kept[index]!.line)
          size += kept[index]!.bytes
        }
        return { lines, lastSeq: first + lines.length - 1 }
      })

      const ack = Effect.fnUntraced(function* (ofDaemon: string, seq: number) {
        if (ofDaemon !== daemonId) return yield* stale(`these are the events of daemon ${daemonId}, not of ${ofDaemon}`)
        if (seq > lastSeq()) return yield* badInput(`event ${seq} cannot be acknowledged: the newest is ${lastSeq()}`)
        const count = Math.max(0, seq + 1 - firstSeq)
        for (const event of kept.slice(0, count)) bytes -= event.bytes
        kept = kept.slice(count)
        firstSeq += count
        if (!isFull()) roomy.openUnsafe()
      })

      return {
        daemonId,
        append,
        hide: (secret) => hidden.add(secret),
        openEnd,
        firstSeq: () => firstSeq,
        lastSeq,
        isFull,
        room: roomy.await,
        after,
        ack
      }
    })
  )
}
