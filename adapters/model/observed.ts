/** An answer on its way: nothing of it waits for more than its own event, and what it says of its cost goes to the meter. */
import { Stream } from "effect"
import { dataOf, makeSplitter, type Piece } from "./events.ts"
import { isUsageChunk, type Meter } from "./meter.ts"

interface Observation {
  readonly meter: Meter
  /** Server-sent events; otherwise one body. */
  readonly isStream: boolean
  /** Leave the chunk out that tells a chat stream's cost. */
  readonly hidesUsage: boolean
  readonly heldBytesMax: number
}

type Bytes<E> = Stream.Stream<Uint8Array, E>

/** `take` sees every piece, `end` what comes last; both say what is passed on. */
export const through = <E>(bytes: Bytes<E>, take: (piece: Uint8Array) => Uint8Array, end: () => Uint8Array): Bytes<E> =>
  Stream.concat(
    Stream.map(bytes, take),
    Stream.suspend(() => Stream.succeed(end()))
  ).pipe(Stream.filter(({ length }) => length > 0))

export const observed = <E>(bytes: Bytes<E>, observation: Observation): Bytes<E> =>
  observation.isStream ? observedEvents(bytes, observation) : observedBody(bytes, observation)

const nothing = new Uint8Array(0)

const observedEvents = <E>(bytes: Bytes<E>, { meter, hidesUsage, heldBytesMax }: Observation): Bytes<E> => {
  const splitter = makeSplitter(heldBytesMax)
  const look = ({ bytes, isPart }: Piece): Uint8Array => {
    const data = isPart ? null : dataOf(bytes)
    meter.event(data)
    return hidesUsage && isUsageChunk(data) ? nothing : bytes
  }
  const all = (pieces: ReadonlyArray<Piece>) => Buffer.concat(pieces.map(look))
  return through(
    bytes,
    (piece) => {
      const passed = all(splitter.take(piece))
      return hidesUsage ? passed : piece
    },
    () => {
      const passed = all(splitter.end())
      return hidesUsage ? passed : nothing
    }
  )
}

const observedBody = <E>(bytes: Bytes<E>, { meter, heldBytesMax }: Observation): Bytes<E> => {
  const held: Array<Uint8Array> = []
  let length = 0
  return through(
    bytes,
    (piece) => {
      length += piece.length
      if (length <= heldBytesMax) held.push(piece)
      return piece
    },
    () => {
      if (length > heldBytesMax) return nothing
      try {
        meter.body(JSON.parse(Buffer.concat(held).toString("utf8")))
      } catch {
        // Whoever asked for it will see that it is no JSON; what it cost is estimated.
      }
      return nothing
    }
  )
}
