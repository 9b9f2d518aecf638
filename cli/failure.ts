/**
 * How a command ends when it does not end well: what was wrong, what to do about it, and one exit code for each kind, the same
 * everywhere. People read two lines on stderr; with `--json` a program reads one problem object there, and stdout stays clean.
 */
import { Data } from "effect"
import type { Problem } from "../adapters/gateway/protocol.ts"

export const exits = {
  ok: 0,
  failure: 1,
  usage: 2,
  /** Refused or denied. */
  refused: 3,
  expired: 4,
  provider: 5,
  limit: 6,
  pending: 7,
  drift: 8,
  unavailable: 69,
  interrupted: 130
} as const
export type ExitName = keyof typeof exits

export class Failed extends Data.TaggedError("Failed")<{
  readonly exit: ExitName
  readonly what: string
  readonly todo: string
  /** What the server said, if it was the server that refused. */
  readonly problem?: typeof Problem.Type
}> {
  override get message(): string {
    return this.what
  }
}

const exitOf: Record<string, ExitName> = {
  invalid: "usage",
  unauthenticated: "refused",
  forbidden: "refused",
  conflict: "refused",
  refused: "refused",
  quarantined: "refused",
  expired: "expired",
  provider: "provider",
  limit: "limit",
  pending: "pending",
  busy: "unavailable",
  unavailable: "unavailable"
}
const exitOfStatus: Record<number, ExitName> = {
  400: "usage",
  401: "refused",
  403: "refused",
  409: "refused",
  410: "expired",
  423: "refused",
  429: "limit",
  502: "provider",
  503: "unavailable",
  504: "provider"
}

const todoOf: Record<string, string> = {
  unauthenticated:
    "Set PROLIFERATE_TOKEN, or put a token into ~/.config/proliferate/token; `proliferate tokens create --local` makes one.",
  forbidden: "`proliferate whoami` shows your role; an administrator can give you another.",
  "not-found": "Look at the id: the matching `list` command shows what there is in your organisation.",
  conflict: "Choose another name or key; the matching `list` command shows those that are taken.",
  quarantined:
    "`proliferate actor show session ID` says why; an administrator lets it go on with `proliferate ops release ID --reason`.",
  limit: "Wait a little, then try again.",
  busy: "Wait a little, then try again.",
  unavailable: "Wait a little, then try again.",
  internal: "Try again; if it stays, the server's log says more."
}

/** The server's answer as our failure. `retryAfterS` is its Retry-After. */
export const fromProblem = (problem: typeof Problem.Type, retryAfterS: number | null = null): Failed => {
  const { status, code, detail, title, state, accepts } = problem
  return new Failed({
    exit: exitOf[code] ?? exitOfStatus[status] ?? "failure",
    what: detail || title,
    todo:
      accepts !== undefined
        ? `It is ${state ?? "in a state"} that takes: ${accepts.join(", ") || "nothing"}.`
        : retryAfterS !== null
          ? `Try again in ${retryAfterS} s.`
          : (todoOf[code] ?? (status >= 500 ? todoOf["internal"]! : "Correct it and try again.")),
    problem
  })
}

export const usage = (what: string, todo: string): Failed => new Failed({ exit: "usage", what, todo })

const capitalised = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

export const asText = ({ what, todo }: Failed): string => `proliferate: ${what}\n  ${todo}`

/** A local failure has no `status`: no server spoke. */
export const asJson = ({ exit, what, todo, problem }: Failed): string =>
  JSON.stringify({
    ...(problem ?? { type: `urn:proliferate:problem:${exit}`, title: capitalised(exit), detail: what, code: exit }),
    todo,
    exit: exits[exit]
  })
