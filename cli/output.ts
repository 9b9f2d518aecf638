/**
 * What commands print: one JSON value with `--json` and nothing else on stdout; text for people otherwise. Colour only where
 * a terminal shows it, and never when NO_COLOR is set.
 */
import { styleText } from "node:util"
import { Effect } from "effect"
import { Flag, GlobalFlag } from "effect/cli"

export const Json = GlobalFlag.Setting("json")({
  flag: Flag.Boolean("json").pipe(
    Flag.withDescription("Print JSON on stdout and nothing else there: one value, or one a line for streams"),
    Flag.withDefault(false)
  )
})

const print = (text: string) => Effect.sync(() => void process.stdout.write(text.endsWith("\n") ? text : `${text}\n`))

/** The one answer of a command: `json` as it came from the server, or what `text` makes of it. */
export const answer = Effect.fnUntraced(function* (json: unknown, text: () => string) {
  yield* print((yield* Json) ? JSON.stringify(json) : text())
})

/** A remark beside the answer; on stderr, so that it never mixes with output someone reads by program. */
export const remark = (text: string) => Effect.sync(() => void process.stderr.write(`${text}\n`))

/** Controls, which could move the cursor, hide what stands there, or turn it round; ends of lines and tabs stay. */
const unprintable = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g

const without = (words: string, instead: string): string => words.replace(/\r\n?/g, "\n").replace(unprintable, instead)

/** What programs put out is only ever text. */
export const clean = (words: string): string => without(words, "")

/** Each text within, names of fields included, with a mark where such a character stands: who decides sees that one does. */
export const cleaned = (json: unknown): unknown => {
  if (typeof json === "string") return without(json, "\ufffd")
  if (typeof json !== "object" || json === null) return json
  return Array.isArray(json)
    ? json.map(cleaned)
    : Object.fromEntries(Object.entries(json).map(([name, value]) => [without(name, "\ufffd"), cleaned(value)]))
}

export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan"
export type Paint = (style: Style | ReadonlyArray<Style>, text: string) => string

const styled: Paint = (style, text) => styleText(style as "bold", text, { validateStream: false })
const plain: Paint = (_, text) => text

export const hasColour = (stream: { readonly isTTY?: boolean }): boolean =>
  Boolean(stream.isTTY) && !process.env["NO_COLOR"] && process.env["TERM"] !== "dumb"
export const paint = (colour: boolean): Paint => (colour ? styled : plain)
export const painted = (): Paint => paint(hasColour(process.stdout))

/** Columns as wide as their widest cell; the last one is left ragged. `empty` is said instead of a table without rows. */
export const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>, empty: string): string => {
  if (rows.length === 0) return empty
  const widths = head.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at]?.length ?? 0)))
  const line = (cells: ReadonlyArray<string>) =>
    cells.map((cell, at) => (at === cells.length - 1 ? cell : cell.padEnd(widths[at]!))).join("  ")
  return [painted()("dim", line(head)), ...rows.map(line)].join("\n")
}

/** `label  value` lines, for one thing. */
export const fields = (pairs: ReadonlyArray<readonly [string, string | null]>): string => {
  const width = Math.max(...pairs.map(([label]) => label.length))
  return pairs
    .flatMap(([label, value]) => (value === null ? [] : [`${painted()("dim", label.padEnd(width))}  ${value}`]))
    .join("\n")
}

export const ago = (atMs: number, nowMs = Date.now()): string => {
  const seconds = Math.max(0, Math.round((nowMs - atMs) / 1000))
  if (seconds < 60) return `${seconds} s ago`
  if (seconds < 3600) return `${Math.round(seconds / 60)} min ago`
  if (seconds < 86_400) return `${Math.round(seconds / 3600)} h ago`
  return `${Math.round(seconds / 86_400)} d ago`
}
export const date = (atMs: number): string => new Date(atMs).toISOString().slice(0, 16).replace("T", " ")
export const oneLine = (text: string, charactersMax: number): string => {
  const line = text.replace(/\s+/g, " ").trim()
  return line.length > charactersMax ? `${line.slice(0, charactersMax - 1)}…` : line
}
