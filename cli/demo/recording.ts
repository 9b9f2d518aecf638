/**
 * What a terminal showed, as an animated SVG: no script, no font from elsewhere, played by CSS alone and over again. Times are as
 * they were; a wait of more than 1.5 s is cut to that, and the picture says so. Where nothing moves (no CSS, or reduced motion
 * wished for) it shows the end.
 */

export interface Chunk {
  readonly atMs: number
  readonly text: string
}

export const columns = 104
const rows = 30
/** Longer than this nobody watches a still picture. */
const waitMsMax = 1_500
/** What comes within this time comes at once: nobody sees the difference, and each moment costs bytes. */
const momentMs = 80
/** To read the end, before it begins again. */
const restMs = 6_000

const size = { text: 14, character: 8.43, line: 19, margin: 16, bar: 36 } as const
const width = Math.ceil(columns * size.character + 2 * size.margin)
const height = size.bar + rows * size.line + 2 * size.margin

interface Style {
  readonly bold: boolean
  readonly dim: boolean
  readonly colour: string | null
}
interface Run extends Style {
  readonly row: number
  readonly column: number
  readonly text: string
  readonly moment: number
}

const plain: Style = { bold: false, dim: false, colour: null }
const colours: Readonly<Record<number, string>> = {
  31: "red",
  32: "green",
  33: "yellow",
  34: "blue",
  35: "magenta",
  36: "cyan",
  90: "grey"
}

const restyled = (style: Style, codes: ReadonlyArray<number>): Style => {
  let { bold, dim, colour } = style
  for (const code of codes) {
    if (code === 0 || code === 22) [bold, dim] = [false, false]
    if (code === 0 || code === 39) colour = null
    if (code === 1) bold = true
    if (code === 2) dim = true
    colour = colours[code] ?? colour
  }
  return { bold, dim, colour }
}

/** The same chunks with no wait above the limit, in moments. */
const paced = (chunks: ReadonlyArray<Chunk>): ReadonlyArray<Chunk> => {
  let [cut, before] = [0, 0]
  return chunks.map(({ atMs, text }) => {
    cut += Math.max(0, atMs - before - waitMsMax)
    before = atMs
    return { atMs: Math.round((atMs - cut) / momentMs) * momentMs, text }
  })
}

/** Text as it lies in the terminal. Of a terminal's language it knows colours and new lines; the demo says nothing else. */
const runsOf = (chunks: ReadonlyArray<Chunk>): ReadonlyArray<Run> => {
  const runs: Array<Run> = []
  let [row, column, style] = [0, 0, plain]
  for (const { atMs, text } of chunks) {
    for (const part of text.split(/(\u001b\[[0-9;?]*[A-Za-z]|\r?\n|\r)/)) {
      const [, codes] = /^\u001b\[([0-9;]*)m$/.exec(part) ?? []
      if (codes !== undefined) style = restyled(style, codes.split(";").map(Number))
      else if (part === "\n" || part === "\r\n") [row, column] = [row + 1, 0]
      else if (part === "\r") column = 0
      else if (!part.startsWith("\u001b") && part !== "") {
        const characters = [...part.replaceAll("\t", "  ")]
        while (characters.length > 0) {
          const fits = characters.splice(0, columns - column || columns)
          if (fits.join("").trim() !== "") runs.push({ ...style, row, column, text: fits.join(""), moment: atMs })
          column += fits.length
          if (column >= columns && characters.length > 0) [row, column] = [row + 1, 0]
        }
      }
    }
  }
  return runs
}

const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
const number = (value: number) => Math.round(value * 100) / 100

const markup = ({ row, column, text, bold, dim, colour, moment }: Run): string => {
  // Spaces at either end draw nothing; those within are kept by giving the whole its width.
  const begin = text.length - text.trimStart().length
  const shown = text.trim()
  const classes = [`m${moment}`, bold && "b", dim && "d", colour].filter(Boolean).join(" ")
  const x = number(size.margin + (column + begin) * size.character)
  const y = number((row + 1) * size.line)
  const wide = [...shown].length > 1 ? ` textLength="${number([...shown].length * size.character)}"` : ""
  return `<text x="${x}" y="${y}" class="${classes}"${wide}>${escaped(shown)}</text>`
}

export const recording = (chunks: ReadonlyArray<Chunk>, title: string): string => {
  const runs = runsOf(paced(chunks))
  const endMs = runs.at(-1)!.moment
  const wholeMs = endMs + restMs
  const percent = (ms: number) => `${number((ms / wholeMs) * 100)}%`
  const moments = [...new Set(runs.map(({ moment }) => moment))].sort((a, b) => a - b)

  const scrolls = new Map<number, number>()
  let lowest = 0
  for (const { row, moment } of runs) {
    lowest = Math.max(lowest, row)
    scrolls.set(moment, Math.max(0, lowest - rows + 1) * -size.line)
  }
  const last = Math.max(0, lowest - rows + 1) * -size.line
  const scroll = [...scrolls].map(([moment, y]) => `${percent(moment)}{transform:translateY(${y}px)}`).join("")
  const realS = (chunks.at(-1)!.atMs / 1000).toFixed(0)
  const note = `real time, ${realS} s; waits above ${waitMsMax / 1000} s are cut to that`

  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}">`,
    `<style>`,
    `text{font:${size.text}px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono","Liberation Mono",monospace;fill:#d7dde6;white-space:pre}`,
    ".b{font-weight:700;fill:#f2f5f9}.d{fill:#8b97a7}.red{fill:#ff8a80}.green{fill:#6fdb9a}.yellow{fill:#f0c36d}.blue{fill:#8ab4ff}.magenta{fill:#d8a6ff}.cyan{fill:#6fd6e8}.grey{fill:#8b97a7}",
    `.s{transform:translateY(${last}px);animation:s ${wholeMs}ms step-end infinite}@keyframes s{0%{transform:none}${scroll}}`,
    ...moments.flatMap((moment) =>
      moment <= 0
        ? []
        : [
            `.m${moment}{animation:k${moment} ${wholeMs}ms step-end infinite}@keyframes k${moment}{0%{opacity:0}${percent(moment)}{opacity:1}}`
          ]
    ),
    "@media (prefers-reduced-motion:reduce){*{animation:none!important}}",
    "</style>",
    `<rect width="${width}" height="${height}" rx="10" fill="#0d1117"/>`,
    `<path d="M0 ${size.bar}H${width}" stroke="#242c38"/>`,
    ...[0, 1, 2].map((at) => `<circle cx="${20 + at * 18}" cy="${size.bar / 2}" r="5.5" fill="#2f3947"/>`),
    `<text x="84" y="${size.bar / 2 + 5}" class="b">${escaped(title)}</text>`,
    `<text x="${width - size.margin}" y="${size.bar / 2 + 5}" class="d" text-anchor="end" style="font-size:12px">${escaped(note)}</text>`,
    `<svg y="${size.bar + 6}" width="${width}" height="${rows * size.line + size.margin}" viewBox="0 5 ${width} ${rows * size.line + size.margin}"><g class="s">`,
    ...runs.map(markup),
    "</g></svg>",
    "</svg>"
  ].join("\n")}\n`
}
