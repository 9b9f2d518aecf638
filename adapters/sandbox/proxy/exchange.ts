/** One request of a sandbox and its answer, and the bounds that every exchange has. */
import type { IncomingMessage, ServerResponse } from "node:http"
import * as limits from "./limits.ts"

export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** `/info/refs`, `/git-upload-pack`, `/git-receive-pack` */
  readonly path: string
  /** With its question mark, or empty. */
  readonly search: string
}

/** Plain text, which git shows to whoever typed the command. Once a body has begun, only cutting it tells the truth. */
export const refuse = (response: ServerResponse, status: number, message: string) => {
  if (response.headersSent) return response.destroy()
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8", connection: "close" }).end(`${message}\n`)
}

/** Calls `cut` once when the request's body is too large or the connection stands still. */
export const bound = ({ request, response }: Exchange, cut: () => void) => {
  let bytes = 0
  request.on("data", (part: Buffer) => {
    bytes += part.length
    if (bytes <= limits.gitRequestBytesMax) return
    refuse(response, 413, `A push of more than ${limits.gitRequestBytesMax / 2 ** 30} GB is not taken here.`)
    cut()
  })
  response.setTimeout(limits.gitSilenceMs, () => {
    response.destroy()
    cut()
  })
}
