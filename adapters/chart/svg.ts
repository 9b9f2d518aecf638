/**
 * A chart as one SVG file: no script, no font, no image from elsewhere; light and dark as the reader has it, or as told. The same
 * machine gives the same bytes.
 */
import type { Chart } from "../../machines/chart.ts"
import { type Box, type Drawn, layout, type Point, sizes, widest } from "./layout.ts"
import type { Line, Word } from "./wording.ts"

export type Theme = "light" | "dark" | "reader's"

const light = {
  ground: "#ffffff",
  box: "#ffffff",
  inner: "#f6f8fb",
  region: "#eef2f8",
  edge: "#c3ccd9",
  ink: "#1b2430",
  faint: "#5d6b7e",
  line: "#8592a5",
  request: "#1d4ed8",
  fact: "#1b2430",
  deadline: "#9a5b00",
  command: "#0b6e5f"
}
const dark: typeof light = {
  ground: "#0d1117",
  box: "#1a222d",
  inner: "#131a23",
  region: "#18202b",
  edge: "#35414f",
  ink: "#e8edf4",
  faint: "#9aa7b8",
  line: "#6c7a8d",
  request: "#8ab4ff",
  fact: "#e8edf4",
  deadline: "#e9b356",
  command: "#5fd0bd"
}

/** Colours in rules of their own, not in variables: not everything that shows SVG knows those. */
const colours = (theme: typeof light) => `
.ground,.under-ground{fill:${theme.ground}}
.state{fill:${theme.box};stroke:${theme.edge}}
.compound,.parallel,.under-inner{fill:${theme.inner}}
.nested,.under-region{fill:${theme.region}}
.root{fill:none;stroke:none}
.rule,.ring{stroke:${theme.edge}}
.line{stroke:${theme.line}}
.head{fill:${theme.line}}

.line.deadline{stroke:${theme.deadline}}
.head.deadline{fill:${theme.deadline}}
.line.request{stroke:${theme.request}}
.head.request{fill:${theme.request}}
.begin{fill:${theme.ink}}
text{fill:${theme.ink}}
.about,.guard,text.always{fill:${theme.faint}}
text.request{fill:${theme.request}}
text.deadline{fill:${theme.deadline}}
text.command{fill:${theme.command}}
`

const shapes = `
text{font:${sizes.text}px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono","Liberation Mono",monospace}
.name{font:600 ${sizes.name}px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Liberation Sans",Arial,sans-serif}
.title{font-size:17px}
.request{font-weight:600}
.region{stroke-dasharray:5 4}
.ring,.line{fill:none}
.line{stroke-width:1.25}
.line.deadline{stroke-dasharray:2 3}
.line.always{stroke-dasharray:6 4}
`

const styles = (theme: Theme) =>
  `${shapes}${colours(theme === "dark" ? dark : light)}${theme === "reader's" ? `@media (prefers-color-scheme:dark){${colours(dark)}}` : ""}`

const escaped = (text: string) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;")
const text = (x: number, y: number, className: string, words: string, anchor = "") =>
  `<text x="${x}" y="${y}" class="${className}"${anchor}>${escaped(words)}</text>`
const centred = ' text-anchor="middle"'
const number = (value: number) => Math.round(value * 10) / 10

/** Straight runs with round corners; it ends where the arrow's head begins. */
const pathOf = (points: ReadonlyArray<Point>): string => {
  const [first, ...rest] = points
  const parts = [`M${first!.x} ${first!.y}`]
  for (const [at, point] of rest.entries()) {
    const before = points[at]!
    const after = rest[at + 1]
    const length = Math.hypot(point.x - before.x, point.y - before.y)
    const toward = (from: Point, distance: number, whole: number): string =>
      `${number(point.x + ((from.x - point.x) / whole) * distance)} ${number(point.y + ((from.y - point.y) / whole) * distance)}`
    if (after === undefined) {
      parts.push(`L${toward(before, Math.min(6, length), length || 1)}`)
      continue
    }
    const next = Math.hypot(after.x - point.x, after.y - point.y)
    const radius = Math.min(sizes.radius, length / 2, next / 2)
    parts.push(`L${toward(before, radius, length || 1)}Q${point.x} ${point.y} ${toward(after, radius, next || 1)}`)
  }
  return parts.join("")
}

const headOf = (points: ReadonlyArray<Point>, className: string): string => {
  const [before, end] = [points.at(-2)!, points.at(-1)!]
  const degrees = Math.round((Math.atan2(end.y - before.y, end.x - before.x) * 180) / Math.PI)
  return `<path class="head ${className}" d="M0 0L-8 -4V4Z" transform="translate(${end.x} ${end.y}) rotate(${degrees})"/>`
}

const rect = ({ x, y, width, height }: Box, radius: number, className: string) =>
  `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="${radius}" class="${className}"/>`

/** What is seen through beneath a label is the ground that it lies on. */
const groundBelow = ({ states }: Drawn, box: Box): string => {
  const holds = ({ x, y, width, height }: Box) =>
    x <= box.x && y <= box.y && x + width >= box.x + box.width && y + height >= box.y + box.height
  const below = states.filter((state) => state.parent !== null && holds(state.box)).at(-1)
  return below === undefined ? "ground" : fillOf(below.id)
}
const fillOf = (id: string) => (id.split(".").length > 2 ? "region" : "inner")

const stateMarkup = (state: Drawn["states"][number], regions: ReadonlySet<string>): string => {
  const { box, key, kind, body, id, parent, isInitial } = state
  const isRoot = parent === null
  const isBox = kind === "compound" || kind === "parallel"
  const classes = ["state", kind, isRoot && "root", regions.has(id) && "region", isBox && fillOf(id) === "region" && "nested"]
  const top = box.y + sizes.head + (isRoot ? 10 : 0)
  return [
    rect(box, isBox ? 12 : sizes.radius, classes.filter(Boolean).join(" ")),
    kind === "final" ? rect({ x: box.x + 3, y: box.y + 3, width: box.width - 6, height: box.height - 6 }, 6, "ring") : "",
    isInitial ? `<circle class="begin" cx="${number(box.x + 16)}" cy="${number(box.y + 15.5)}" r="4"/>` : "",
    text(number(box.x + (isInitial ? 26 : 12)), number(box.y + (isRoot ? 26 : 20)), isRoot ? "name title" : "name", key),
    kind === "parallel" ? text(number(box.x + 20 + key.length * 8), number(box.y + 20), "about", "all of these at once") : "",
    body.length > 0 && !isBox ? `<path class="rule" d="M${box.x} ${top}H${number(box.x + box.width)}"/>` : "",
    ...body.map((line, at) => text(box.x + 12, number(top + (isBox ? 10 : 16) + at * sizes.line), line.word, line.text))
  ].join("")
}

const labelMarkup = (drawn: Drawn, { box, lines }: { readonly box: Box; readonly lines: ReadonlyArray<Line> }) =>
  [
    rect(box, 4, `under-${groundBelow(drawn, box)}`),
    ...lines.map((line, at) =>
      text(number(box.x + box.width / 2), number(box.y + 13 + at * sizes.line), line.word, line.text, centred)
    )
  ].join("")

const legend: ReadonlyArray<readonly [Word, string, string]> = [
  ["request", "prompt", "a request, of people and programs; refused where no line takes it"],
  ["fact", "sandbox.ready", "a fact, of the boot, turn or capture that it names by its id"],
  ["deadline", "after 2 min", "a deadline, kept by a durable timer"],
  ["always", "at once [so]", "taken as soon as the condition holds"],
  ["command", "» startAgent", "a command, committed with the transition and then carried out"]
]

/** Beside what the whole machine takes. */
const legendMarkup = (x: number, y: number) =>
  [
    ...legend.flatMap(([word, example, meaning], at) => [
      text(x, y + at * 18, word, example),
      text(x + 110, y + at * 18, "about", meaning)
    ]),
    `<circle class="begin" cx="${x + 6}" cy="${y + legend.length * 18 - 4}" r="4"/>`,
    text(x + 110, y + legend.length * 18, "about", "where its container begins"),
    text(x, y + (legend.length + 1) * 18, "fact", "state: event"),
    text(x + 110, y + (legend.length + 1) * 18, "about", "heard in that state inside of where the line begins")
  ].join("")

export const svg = async (chart: Chart, { about, theme }: { readonly about: string; readonly theme: Theme }): Promise<string> => {
  const drawn = await layout(chart)
  const regions = new Set(
    chart.states.flatMap(({ id, parent }) =>
      chart.states.some((state) => state.id === parent && state.kind === "parallel") ? [id] : []
    )
  )
  const { width, height } = drawn
  const whole = drawn.states.find(({ parent }) => parent === null)!
  const legendX = 60 + Math.ceil(widest(whole.body))
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(`the machine ${chart.name}: ${about}`)}">`,
    `<style>${styles(theme)}</style>`,
    `<rect class="ground" width="${width}" height="${height}"/>`,
    legendMarkup(legendX, 28),
    ...drawn.states.map((state) => stateMarkup(state, regions)),
    ...drawn.lines.flatMap(({ points, word }) => [`<path class="line ${word}" d="${pathOf(points)}"/>`, headOf(points, word)]),
    ...drawn.lines.map(({ label }) => labelMarkup(drawn, label)),
    "</svg>"
  ].join("\n")}\n`
}
