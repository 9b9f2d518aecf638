/**
 * The lines of a daemon's event stream, as the batches that they arrive in, the first as soon as it begins. Heartbeats only break
 * the silence.
 */
import { Effect, Schema, Stream } from "effect"
import { DaemonEvent, StreamHead } from "../../actors/ports/daemon.ts"
import type { DaemonError } from "../../actors/ports/daemons.ts"
import { malformed, unreachable } from "./http.ts"

/** Three heartbeats. */
const silenceMs = 15_000
const lineCharactersMax = 4 * 1_048_576

interface Batch {
  readonly daemonId: string
  readonly events: ReadonlyArray<DaemonEvent>
}

const asHead = Schema.decodeUnknownEffect(Schema.fromJsonString(StreamHead))
const asEvent = Schema.decodeUnknownEffect(Schema.fromJsonString(DaemonEvent))

/** Fails when the stream is not `daemonId`'s: it was restarted since it was asked for its name. */
export const eventBatches = (chunks: AsyncIterable<Buffer>, daemonId: string): Stream.Stream<Batch, DaemonError> => {
  const split = lineSplitter()
  let isBegun = false

  const read = Effect.fnUntraced(
    function* (chunk: Buffer) {
      const events: Array<DaemonEvent> = []
      const waited = !isBegun
      for (const line of yield* split(chunk)) {
        if (!isBegun) {
          const head = yield* asHead(line)
          if (head.daemonId !== daemonId) return yield* unreachable(`the daemon is another one now: ${head.daemonId}`)
          isBegun = true
        } else if (line !== "{}") events.push(yield* asEvent(line))
      }
      return { batch: { daemonId, events }, begins: waited && isBegun }
    },
    Effect.catchTag("SchemaError", (error) => Effect.fail(malformed(`a line of the event stream is no event: ${error.message}`)))
  )

  return Stream.fromAsyncIterable(chunks, (error) => unreachable(`the event stream broke off: ${(error as Error).message}`)).pipe(
    Stream.timeoutOrElse({
      duration: silenceMs,
      orElse: () => Stream.fail(unreachable(`the event stream was silent for ${silenceMs / 1000} s`))
    }),
    Stream.concat(Stream.fail(unreachable("the event stream ended"))),
    Stream.mapEffect(read),
    Stream.filter(({ batch, begins }) => begins || batch.events.length > 0),
    Stream.map(({ batch }) => batch)
  )
}

const lineSplitter = () => {
  const decoder = new TextDecoder()
  let rest = ""
  return (chunk: Buffer): Effect.Effect<ReadonlyArray<string>, DaemonError> => {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n")
    rest = lines.pop()!
    if (rest.length > lineCharactersMax)
      return Effect.fail(malformed(`a line of the event stream is longer than ${lineCharactersMax} characters`))
    return Effect.succeed(lines)
  }
}
