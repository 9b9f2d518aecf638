/** The content of an ACP tool call as one text: what was printed, what was changed. */
import { Option, Predicate, Schema } from "effect"

const Chunk = Schema.Struct({ data: Schema.String })
const Terminal = Schema.Struct({
  terminal_output_delta: Schema.optionalKey(Chunk),
  terminal_output: Schema.optionalKey(Chunk),
  terminal_exit: Schema.optionalKey(Schema.Struct({ exit_code: Schema.NullOr(Schema.Int) }))
})
const asTerminal = Schema.decodeUnknownOption(Terminal)

/** Some agents print into a terminal of ours that we do not offer; what it would show comes in pieces beside the content. */
export const printed = (meta: unknown): string => {
  const { terminal_output_delta, terminal_output, terminal_exit } = Option.getOrElse(
    asTerminal(meta),
    (): typeof Terminal.Type => ({})
  )
  const exitCode = terminal_exit?.exit_code ?? 0
  return `${terminal_output_delta?.data ?? terminal_output?.data ?? ""}${exitCode === 0 ? "" : `\nexit code ${exitCode}`}`
}

export const toolOutput = (content: ReadonlyArray<unknown>, rawOutput: unknown): string => {
  const text = content
    .map(partText)
    .filter((part) => part !== "")
    .join("\n")
  if (text !== "" || rawOutput === undefined || rawOutput === null) return text
  return typeof rawOutput === "string" ? rawOutput : JSON.stringify(rawOutput)
}

const partText = (part: unknown): string => {
  if (!Predicate.isObject(part)) return ""
  const { type, content, path, oldText, newText } = part as Record<string, unknown>
  if (type === "diff" && typeof path === "string" && typeof newText === "string") {
    return changedLines(path, typeof oldText === "string" ? oldText : null, newText)
  }
  if (type === "content" && Predicate.isObject(content)) {
    const block = content as Record<string, unknown>
    return typeof block["text"] === "string" ? block["text"] : `[${block["type"]}]`
  }
  return typeof type === "string" && type !== "terminal" ? `[${type}]` : ""
}

/** The lines between the first and the last change, in the manner of a unified diff without its context. */
const changedLines = (path: string, oldText: string | null, newText: string): string => {
  const before = oldText === null ? [] : oldText.split("\n")
  const after = newText.split("\n")
  let start = 0
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1
  let end = 0
  const common = Math.min(before.length, after.length) - start
  while (end < common && before[before.length - 1 - end] === after[after.length - 1 - end]) end += 1
  const removed = before.slice(start, before.length - end).map((line) => `-${line}`)
  const added = after.slice(start, after.length - end).map((line) => `+${line}`)
  return [`--- ${oldText === null ? "/dev/null" : path}`, `+++ ${path}`, `@@ line ${start + 1} @@`, ...removed, ...added].join(
    "\n"
  )
}
