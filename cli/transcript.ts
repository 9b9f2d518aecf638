/**
 * A session's frames as text for a terminal or a log: what the agent says as it comes, its thoughts dim, its tools with their end
 * and the last lines of their output, plans as checklists, questions with numbered options. Each frame gives the text to append,
 * nothing is ever drawn over, so the same words fit a pipe. What agents and people wrote is shown without its control characters.
 */
import type { ServerFrame } from "../adapters/gateway/protocol.ts"
import { clean, oneLine, type Paint } from "./output.ts"
import { list, text } from "./view.ts"

const outputLinesMax = 8
const toolsRememberedMax = 1_000
const margin = "  "

type Event = Extract<ServerFrame, { type: "event" }>

export interface Transcript {
  readonly write: (frame: ServerFrame) => string
  /** A line of the client's own, on a line of its own. */
  readonly remark: (line: string) => string
  /** To the start of a line, when nothing more comes. */
  readonly close: () => string
}

const lineOf = (words: string, charactersMax = 200): string => oneLine(clean(words), charactersMax)

const numbers = (body: Readonly<Record<string, unknown>>): string =>
  Object.entries(body)
    .flatMap(([name, value]) => (typeof value === "number" ? [`${lineOf(name, 30)} ${value}`] : []))
    .join(", ")

/** Breaks words at `columns` as they stream; null leaves lines as they are. */
const flowing = (columns: number | null) => {
  let column = 0
  /** Ends of lines are put out with what follows them: those at the end of a message are nobody's. */
  let held = ""
  const put = (words: string): string => {
    let out = ""
    for (const piece of words.match(/\n|[^\S\n]+|\S+/g) ?? []) {
      if (piece === "\n") {
        held += "\n"
        continue
      }
      if (held !== "") {
        out += held
        column = 0
        held = ""
      }
      const isSpace = piece.trim() === ""
      if (columns !== null && column > 0 && column + piece.length > columns) {
        out += "\n"
        column = 0
        if (isSpace) continue
      }
      if (column === 0) {
        out += margin
        column = margin.length
      }
      out += piece
      column += piece.length
    }
    return out
  }
  /** To the start of a line. */
  const end = (): string => {
    const out = column > 0 ? "\n" : ""
    column = 0
    held = ""
    return out
  }
  return { put, end }
}

export const transcript = ({ paint, columns }: { readonly paint: Paint; readonly columns: number | null }): Transcript => {
  const flow = flowing(columns)
  /** The message or thought that the next piece may continue. */
  let open: string | null = null
  let hasHeader = false
  let title = ""
  let commands = ""
  let state = ""
  let planned: ReadonlyArray<{ readonly status: string; readonly content: string }> = []
  let usage = ""
  let turnStartedAt = 0
  let watchers = 1
  const tools = new Map<string, { readonly status: string; readonly title: string }>()

  const line = (words: string): string => {
    open = null
    return `${flow.end()}${words}\n`
  }
  const dim = (words: string): string => line(paint("dim", `${margin}${words}`))

  const words = (event: Event, isThought: boolean): string => {
    const id = `${event.kind}:${text(event.body, "messageId")}`
    const start = open === id ? "" : `${flow.end()}\n`
    open = id
    const flowed = flow.put(clean(text(event.body, "delta")))
    return start + (isThought ? paint("dim", flowed) : flowed)
  }

  const output = (body: Event["body"]): string => {
    const lines = clean(text(body, "output")).replace(/\n+$/, "").split("\n")
    if (lines.length === 1 && lines[0] === "") return ""
    const left = lines.length - outputLinesMax
    const shown = left > 0 ? [`… ${left} more line${left === 1 ? "" : "s"} above`, ...lines.slice(-outputLinesMax)] : lines
    const width = (columns ?? 160) - 6
    return shown
      .map((each) => `${paint("dim", `${margin}  │ ${each.length > width ? `${each.slice(0, width - 1)}…` : each}`)}\n`)
      .join("")
  }

  const tool = ({ body }: Event): string => {
    const [id, status] = [text(body, "toolCallId"), text(body, "status")]
    const title = lineOf(text(body, "title") || id)
    const before = tools.get(id)
    tools.delete(id)
    tools.set(id, { status, title })
    if (tools.size > toolsRememberedMax) tools.delete(tools.keys().next().value!)
    const isOver = status === "completed" || status === "failed"
    if (before?.status === status || (before !== undefined && !isOver)) return ""
    if (!isOver) {
      const start = line(`${margin}${paint("cyan", "▸")} ${title}`)
      open = `tool:${id}`
      return start
    }
    const mark = status === "failed" ? paint("red", "✘ failed") : paint("green", "✔ done")
    // Its title is not said again right below itself.
    const isBelow = open === `tool:${id}` && before?.title === title
    return line(`${margin}${mark}${isBelow ? "" : `  ${title}`}`) + output(body)
  }

  const plan = ({ body }: Event): string => {
    const marks: Record<string, string> = { completed: paint("green", "[x]"), in_progress: paint("cyan", "[~]") }
    const entries = list(body, "entries").map((entry) => ({
      status: text(entry, "status"),
      content: lineOf(text(entry, "content"))
    }))
    const before = planned
    planned = entries
    const isKnown = entries.length === before.length && entries.every(({ content }, at) => content === before[at]!.content)
    // Of a plan that is known only what changed is told.
    const told = isKnown ? entries.filter(({ status }, at) => status !== before[at]!.status) : entries
    if (told.length === 0) return ""
    const lines = told.map(({ status, content }) => `${margin}${marks[status] ?? "[ ]"} ${content}\n`)
    return `${line(isKnown ? "" : `\n${margin}${paint("bold", "Plan")}`)}${lines.join("")}`
  }

  const question = ({ body }: Event): string => {
    const options = list(body, "options").map((option, at) => `${margin}  ${at + 1}  ${lineOf(text(option, "name"))}\n`)
    return `${line(`\n${margin}${paint("yellow", "?")} ${paint("bold", lineOf(text(body, "title"), 500))}`)}${options.join("")}`
  }

  const turnEnded = ({ at, body }: Event): string => {
    const [stopReason, message] = [text(body, "stopReason"), text(body, "message")]
    const seconds = turnStartedAt > 0 ? ` after ${((at - turnStartedAt) / 1000).toFixed(1)} s` : ""
    const words = `turn ended${seconds}: ${lineOf(stopReason)}${message === "" ? "" : ` (${lineOf(message)})`}${usage === "" ? "" : `; ${usage}`}`
    usage = ""
    turnStartedAt = 0
    return line(paint(stopReason === "end_turn" ? "dim" : "yellow", `\n${margin}${words}`))
  }

  const event = (heard: Event): string => {
    const { body, kind } = heard
    switch (kind) {
      case "prompt":
        return line(
          `\n${paint(["bold", "cyan"], "❯")} ${paint("bold", clean(text(body, "text")).replace(/\n/g, `\n${margin}`))}${list(
            body,
            "attachments"
          )
            .map((file) => `\n${margin}${paint("dim", `attached: ${lineOf(text(file, "name"))}`)}`)
            .join("")}`
        )
      case "message":
        return words(heard, false)
      case "thought":
        return words(heard, true)
      case "tool":
        return tool(heard)
      case "plan":
        return plan(heard)
      case "question":
        return question(heard)
      case "question.closed":
        return dim(
          text(body, "optionId") === ""
            ? "the question was closed without an answer"
            : `answered: ${lineOf(text(body, "optionId"))}`
        )
      case "turn.opened":
        turnStartedAt = heard.at
        return ""
      case "turn.ended":
        return turnEnded(heard)
      case "usage":
        usage = numbers(body)
        return ""
      case "state": {
        const before = state
        state = stateOf(body)
        return state === before ? "" : dim(`· ${state}`)
      }
      case "queue": {
        const waiting = Array.isArray(body["promptIds"]) ? body["promptIds"].length : 0
        // Before a turn the only one is about to be its prompt.
        return waiting > 0 && turnStartedAt > 0 ? dim(`· ${waiting} prompt${waiting === 1 ? "" : "s"} waiting`) : ""
      }
      case "title":
        if (text(body, "title") === title) return ""
        title = text(body, "title")
        return dim(`· now called ${lineOf(title)}`)
      case "snapshot":
        return dim(`· snapshot ${lineOf(text(body, "snapshotId"))} saved`)
      case "state.lost":
        return line(
          paint(
            "yellow",
            `${margin}! what was in the sandbox is lost; ${lineOf(text(body, "message")) || "it starts from its last snapshot"}`
          )
        )
      case "workspace":
        return dim(
          `· ${text(body, "path") === "." ? "" : `${lineOf(text(body, "path"))}: `}${lineOf(text(body, "message") || text(body, "step"))}`
        )
      case "agent.ready":
        return dim(
          `· agent ${lineOf(text(body, "program") || (heard.agent ?? ""))} is ready${text(body, "model") && `, with ${lineOf(text(body, "model"))}`}`
        )
      case "commands": {
        const before = commands
        commands = list(body, "commands")
          .map((command) => `/${text(command, "name")}`)
          .join(", ")
        return commands === before || commands === "" ? "" : dim(`· it takes ${lineOf(commands)}`)
      }
      case "model":
        return dim(`· from its next turn on it thinks with ${lineOf(text(body, "model"))}`)
      case "agent.exited":
        return line(
          paint("yellow", `${margin}! the agent ended (${lineOf(text(body, "reason"))}): ${lineOf(text(body, "message"))}`)
        )
      case "log":
        return clean(text(body, "text"))
          .replace(/\n+$/, "")
          .split("\n")
          .map((each) => dim(`${heard.agent ?? ""} │ ${each}`))
          .join("")
      // `turn.started` and `turn.finished` are the daemon's word for what the session says itself; new kinds are for newer clients.
      default:
        return ""
    }
  }

  const write = (frame: ServerFrame): string => {
    switch (frame.type) {
      case "welcome": {
        if (hasHeader) return ""
        hasHeader = true
        const { id, status, agent, reason } = frame.session
        title = frame.session.title
        const why = reason === null ? "" : `: ${lineOf(reason)}`
        return line(
          `${paint("bold", lineOf(title) || "untitled")}  ${paint("dim", `${id} · ${status}${why} · agent ${lineOf(agent)}`)}`
        )
      }
      case "gap":
        return line(
          paint("yellow", `${margin}! events ${frame.from} to ${frame.through} are not stored any more (${lineOf(frame.reason)})`)
        )
      case "presence": {
        const before = watchers
        watchers = frame.watchers.reduce((sum, { sockets }) => sum + sockets, 0)
        return watchers === before ? "" : dim(watchers === 1 ? "· only you watch now" : `· ${watchers} watch now`)
      }
      case "refused":
        return line(`${margin}${paint("red", "✘")} ${lineOf(frame.problem.detail || frame.problem.title, 500)}`)
      case "event":
        return event(frame)
      default:
        return ""
    }
  }
  return { write, remark: dim, close: flow.end }
}

/** `provisioning (booting)`; of a running session only what is unusual, for its turns are told as turns. */
const stateOf = (body: Event["body"]): string => {
  const status = lineOf(text(body, "status"))
  const parts = Object.values((body["state"] ?? {}) as object).flatMap((value) =>
    typeof value === "string" ? [value] : Object.values(value as object).map(String)
  )
  const told = status === "running" ? parts.filter((word) => word === "reconnecting") : parts
  return typeof body["state"] === "object" && told.length > 0 ? `${status} (${lineOf(told.join(", "))})` : status
}
