/** How a chart says things: the words of a transition, line by line, each with what kind of word it is. */
import type { Chart, ChartState, Taken } from "../../machines/chart.ts"

/** `on` is the event itself, in the manner of whoever causes it. */
export type Word = "request" | "fact" | "deadline" | "always" | "guard" | "command"

export interface Line {
  readonly word: Word
  readonly text: string
}

const charactersMax = 34

const second = 1_000
const minute = 60 * second
const day = 24 * 60 * minute

export const time = (ms: number): string =>
  ms % day === 0
    ? `${ms / day} d`
    : ms % minute === 0
      ? `${ms / minute} min`
      : ms % second === 0
        ? `${ms / second} s`
        : `${ms} ms`

const eventText = ({ by, event, lasts }: Taken): string => {
  if (by === "always") return "at once"
  if (by !== "deadline") return event
  return `after ${lasts.map(({ when, ms }) => `${time(ms)}${when === "" ? "" : ` ${when}`}`).join(", ")}`
}

/** A transition, and the state that it leaves where the line begins further out than there. */
export interface Told {
  readonly taken: Taken
  readonly leaving: string | null
}

/** Those that differ by their event alone are told together. */
const grouped = (told: ReadonlyArray<Told>): ReadonlyArray<{ readonly events: ReadonlyArray<string>; readonly like: Taken }> => {
  const groups = new Map<string, { readonly events: Array<string>; readonly like: Taken }>()
  for (const { taken, leaving } of told) {
    const key = JSON.stringify([taken.by, taken.guard, taken.commands])
    const group = groups.get(key) ?? { events: [], like: taken }
    group.events.push(`${leaving === null ? "" : `${leaving}: `}${eventText(taken)}`)
    groups.set(key, group)
  }
  return [...groups.values()]
}

export const linesOf = (told: ReadonlyArray<Told>): ReadonlyArray<Line> =>
  grouped(told).flatMap(({ events, like: { by, guard, commands } }): ReadonlyArray<Line> => {
    const condition = guard === null ? "" : `[${guard}]`
    // What needs no event is one line with its condition, which must not be taken for that of the line above.
    const said =
      by === "always" || guard === null
        ? events.map((event) => ({ word: by, text: `${event} ${condition}`.trim() }))
        : [...events.map((event) => ({ word: by, text: event })), { word: "guard" as const, text: condition }]
    return [...said.flatMap(folded), ...commands.map((command) => ({ word: "command" as const, text: `» ${command}` }))]
  })

/** A long condition goes on in the next line, after an `and`. */
const folded = (line: Line): ReadonlyArray<Line> => {
  if (line.text.length <= charactersMax) return [line]
  const rows: Array<string> = []
  for (const part of line.text.split(/(?<= and) |(?<=,) /)) {
    const last = rows.at(-1)
    if (last !== undefined && last.length + part.length < charactersMax) rows[rows.length - 1] = `${last} ${part}`
    else rows.push(part)
  }
  return rows.map((text) => ({ ...line, text }))
}

/** What stands in the box of a state: what it raises, what it takes without leaving, and what any of its states takes it to. */
export const bodyOf = (chart: Chart, { id, entry, exit, stays }: ChartState): ReadonlyArray<Line> => {
  const keyOf = (wanted: string) => chart.states.find((state) => state.id === wanted)!.key
  const said = (taken: Taken, then: string): ReadonlyArray<Line> => [
    {
      word: taken.by,
      text: `${eventText(taken)}${taken.guard === null ? "" : ` [${taken.guard}]`}${then}`
    },
    ...taken.commands.map((command) => ({ word: "command" as const, text: `  » ${command}` }))
  ]
  return [
    ...entry.map((command) => ({ word: "command" as const, text: `» ${command}` })),
    ...exit.map((command) => ({ word: "command" as const, text: `on leaving » ${command}` })),
    ...chart.lines.flatMap(({ from, to, taken }) =>
      from === id && to.startsWith(`${id}.`) ? taken.flatMap((each) => said(each, ` → ${keyOf(to)}`)) : []
    ),
    ...stays.flatMap((each) => said(each, ""))
  ]
}
