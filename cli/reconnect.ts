/**
 * A WebSocket of the server's that is come back to, with back-off (0.25 s → 5 s, for 10 minutes), each time with the cursor of then.
 * What cannot get better by trying again is not tried again: it ends as a `Failed` that says why.
 */
import { Effect } from "effect"
import type { Cursor } from "../adapters/gateway/protocol.ts"
import { type Connection, refusal, unreachable } from "./api.ts"
import { Failed } from "./failure.ts"
import { type Ending, type Talk, talk } from "./socket.ts"

const backoffFirstMs = 250
const backoffMaxMs = 5_000
const reconnectForMs = 10 * 60_000

/** Close codes after which the same again would end the same. */
const finalCodes: Record<number, Pick<Failed, "exit" | "todo">> = {
  1009: { exit: "usage", todo: "Send a shorter prompt, or put the text into a file of the repository." },
  4400: { exit: "failure", todo: "Bring command and server to the same version." },
  4401: { exit: "refused", todo: "Set PROLIFERATE_TOKEN; `proliferate tokens create --local` makes a token." },
  4403: { exit: "refused", todo: "`proliferate whoami` shows your role." },
  4404: { exit: "failure", todo: "`proliferate sessions list` shows the sessions of your organisation." },
  4406: { exit: "failure", todo: "Bring command and server to the same version." }
}

const finalFailure = (connection: Connection, ending: Ending, isFirst: boolean): Failed | null => {
  if (ending._tag === "Unreachable") return isFirst ? unreachable(connection, ending.why) : null
  if (ending._tag === "Refused") {
    const isPassing = ending.answered.status === 429 || ending.answered.status >= 500
    return isFirst || !isPassing ? refusal(connection, ending.answered) : null
  }
  const final = finalCodes[ending.code]
  return final ? new Failed({ ...final, what: ending.reason || `the stream was closed with code ${ending.code}` }) : null
}

const whyLost = (ending: Ending): string =>
  ending._tag === "Closed"
    ? ending.reason || `closed with code ${ending.code}`
    : ending._tag === "Refused"
      ? `the server answered ${ending.answered.status}`
      : ending.why

export interface Link extends Talk {
  readonly path: string
  readonly cursor: () => typeof Cursor.Type | null
  /** Whether the connection that has just ended was welcomed: then trying begins anew. */
  readonly wasWelcome: () => boolean
  readonly onLost: (why: string, retryInMs: number) => void
}

export const keepOpen = Effect.fnUntraced(function* (
  connection: Connection,
  { path, cursor, wasWelcome, onLost, onOpen, onText }: Link
): Effect.fn.Return<never, Failed> {
  let isFirst = true
  let wasOpen = false
  let backoffMs = backoffFirstMs
  let lostAtMs = performance.now()
  while (true) {
    const ending = yield* talk(connection, path, cursor(), {
      onText,
      onOpen: (wire) => {
        wasOpen = true
        onOpen(wire)
      }
    })
    const failure = finalFailure(connection, ending, isFirst && !wasOpen)
    if (failure !== null) return yield* failure
    if (wasWelcome()) {
      backoffMs = backoffFirstMs
      lostAtMs = performance.now()
    }
    isFirst = false
    if (performance.now() - lostAtMs > reconnectForMs) return yield* unreachable(connection, whyLost(ending))
    onLost(whyLost(ending), backoffMs)
    yield* Effect.sleep(backoffMs)
    backoffMs = Math.min(backoffMs * 2, backoffMaxMs)
  }
})
