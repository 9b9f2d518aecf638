/**
 * The standard streams of an agent as the two ends of an ACP connection: one JSON-RPC message a line.
 *
 *   T1  Lines are taken one by one, in order. `session/update` is handed to `onUpdate` right here, so that what an agent says
 *       before it answers a prompt is told before the turn ends.
 *   T2  While the events have no room, nothing is read: the agent waits in its own write.
 *   T3  More than 100 lines that are not JSON-RPC, or one line of more than 32 MB, end the connection as malformed.
 */
import type { Readable, Writable } from "node:stream"
import type { AnyMessage, Stream } from "@agentclientprotocol/sdk"
import { Predicate } from "effect"
import type { Limits } from "./limits.ts"
import { clean, cutEnd } from "./text.ts"

export class Malformed extends Error {
  override readonly name = "Malformed"
}

export interface Hooks {
  /** Whether the update could be read. */
  readonly onUpdate: (params: unknown) => boolean
  /** Null when there is room, else what to wait for. */
  readonly room: () => Promise<void> | null
}

export const agentStream = (stdin: Writable, stdout: Readable, limits: Limits, { onUpdate, room }: Hooks): Stream => {
  const asked = new Set<unknown>()
  let junk = 0

  const complain = (line: string) => {
    junk += 1
    if (junk <= limits.junkLinesMax) return
    throw new Malformed(`more than ${limits.junkLinesMax} lines are not ACP, the last: ${cutEnd(clean(line), 200)}`)
  }

  async function* messages() {
    for await (const line of linesOf(stdout, limits.lineBytesMax)) {
      const wait = room()
      if (wait !== null) await wait
      const message = parse(line)
      if (message === null) complain(line)
      else if (message["method"] === "session/update" && !("id" in message)) {
        if (!onUpdate(message["params"])) complain(line)
      } else if ("method" in message || asked.delete(message["id"])) yield message as unknown as AnyMessage
      // An answer to what nobody asked.
      else complain(line)
    }
  }

  return {
    readable: ReadableStream.from(messages()),
    writable: new WritableStream<AnyMessage>({
      write: (message) => {
        if ("method" in message && "id" in message) asked.add(message.id)
        return new Promise((resolve, reject) => {
          stdin.write(`${JSON.stringify(message)}\n`, (error) => (error ? reject(error) : resolve()))
        })
      }
    })
  }
}

/** A JSON-RPC request, notification or answer; null for anything else. */
const parse = (line: string): Record<string, unknown> | null => {
  let message: unknown
  try {
    message = JSON.parse(line)
  } catch {
    return null
  }
  if (!Predicate.isObject(message) || Array.isArray(message)) return null
  const fields = message as Record<string, unknown>
  const isCall = typeof fields["method"] === "string"
  const isAnswer = "id" in fields && ("result" in fields || "error" in fields)
  return fields["jsonrpc"] === "2.0" && (isCall || isAnswer) ? fields : null
}

async function* linesOf(stdout: Readable, bytesMax: number) {
  let parts: Array<Buffer> = []
  let bytes = 0
  for await (const chunk of stdout as AsyncIterable<Buffer>) {
    let start = 0
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      const line = Buffer.concat([...parts, chunk.subarray(start, end)])
        .toString("utf8")
        .trim()
      parts = []
      bytes = 0
      start = end + 1
      if (line !== "") yield line
    }
    if (start === chunk.length) continue
    parts.push(chunk.subarray(start))
    bytes += chunk.length - start
    if (bytes > bytesMax) throw new Malformed(`a line is longer than ${bytesMax} bytes`)
  }
}
