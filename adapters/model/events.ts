/** Server-sent events out of a stream of bytes, each with the blank line that ends it, so that together they are the stream again. */

export interface Piece {
  readonly bytes: Buffer
  /** Its event is longer than may be held: this is a part of it, and no event. */
  readonly isPart: boolean
}

const lineFeed = 10
const carriageReturn = 13

export interface Splitter {
  readonly take: (bytes: Uint8Array) => ReadonlyArray<Piece>
  /** What stands behind the last blank line. */
  readonly end: () => ReadonlyArray<Piece>
}

export const makeSplitter = (heldBytesMax: number): Splitter => {
  let held: Array<Buffer> = []
  let heldBytes = 0
  let isPart = false
  /** Of the line that has begun: how long it is, and its last byte. */
  let lineBytes = 0
  let last = 0

  const release = (): ReadonlyArray<Piece> => {
    if (heldBytes === 0) return []
    const piece = { bytes: Buffer.concat(held), isPart }
    held = []
    heldBytes = 0
    return [piece]
  }
  const hold = (bytes: Buffer) => {
    held.push(bytes)
    heldBytes += bytes.length
  }

  return {
    take: (given) => {
      const bytes = Buffer.from(given.buffer, given.byteOffset, given.length)
      const pieces: Array<Piece> = []
      let from = 0
      let lineFrom = 0
      for (let at = bytes.indexOf(lineFeed); at !== -1; at = bytes.indexOf(lineFeed, at + 1)) {
        const length = lineBytes + at - lineFrom
        const isBlank = length === 0 || (length === 1 && (at > lineFrom ? bytes[at - 1] : last) === carriageReturn)
        lineBytes = 0
        lineFrom = at + 1
        if (!isBlank) continue
        hold(bytes.subarray(from, at + 1))
        pieces.push(...release())
        isPart = false
        from = at + 1
      }
      lineBytes += bytes.length - lineFrom
      last = bytes.at(-1) ?? last
      // A copy, since what we hold must not keep all of a large piece.
      if (from < bytes.length) hold(Buffer.from(bytes.subarray(from)))
      if (isPart || heldBytes > heldBytesMax) {
        isPart = true
        pieces.push(...release())
      }
      return pieces
    },
    end: release
  }
}

/** The data of an event as JSON, or null: `[DONE]`, a comment, or no JSON at all. */
export const dataOf = (event: Buffer): unknown => {
  const lines = event
    .toString("utf8")
    .split(/\r?\n/)
    .flatMap((line) => (line.startsWith("data:") ? [line.slice(5)] : []))
  try {
    return JSON.parse(lines.join("\n"))
  } catch {
    return null
  }
}
