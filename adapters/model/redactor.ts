/**
 * Takes a secret out of a stream of bytes, wherever the pieces are cut. Of a piece only an end that may be the secret's beginning is
 * kept back, until the next one says.
 */
const mark = Buffer.from("[redacted]")
/** What is shorter is no secret, but a word that an endpoint on the loopback is content with: taking it out would maim answers. */
const secretBytesMin = 6

export interface Redactor {
  readonly take: (piece: Uint8Array) => Uint8Array
  /** What was kept back. */
  readonly end: () => Uint8Array
}

const nothing = new Uint8Array(0)
const plain: Redactor = { take: (piece) => piece, end: () => nothing }

/** How many bytes at the end of `bytes` are a beginning of `secret`. */
const tailOf = (bytes: Buffer, secret: Buffer): number => {
  for (let length = Math.min(secret.length - 1, bytes.length); length > 0; length--) {
    if (bytes.subarray(bytes.length - length).equals(secret.subarray(0, length))) return length
  }
  return 0
}

export const makeRedactor = (text: string | null): Redactor => {
  const secret = Buffer.from(text ?? "")
  if (secret.length < secretBytesMin) return plain
  let kept: Buffer = Buffer.alloc(0)
  return {
    take: (piece) => {
      const bytes = kept.length === 0 ? Buffer.from(piece.buffer, piece.byteOffset, piece.length) : Buffer.concat([kept, piece])
      const parts: Array<Buffer> = []
      let from = 0
      for (let at = bytes.indexOf(secret); at !== -1; at = bytes.indexOf(secret, from)) {
        parts.push(bytes.subarray(from, at), mark)
        from = at + secret.length
      }
      const rest = bytes.subarray(from)
      const tail = tailOf(rest, secret)
      kept = Buffer.from(rest.subarray(rest.length - tail))
      const said = rest.subarray(0, rest.length - tail)
      return parts.length === 0 ? said : Buffer.concat([...parts, said])
    },
    end: () => {
      const last = kept
      kept = Buffer.alloc(0)
      return last
    }
  }
}

/** The same for a text that is all there. */
export const redact = (text: string, secret: string | null): string =>
  secret === null || Buffer.byteLength(secret) < secretBytesMin ? text : text.replaceAll(secret, mark.toString())
