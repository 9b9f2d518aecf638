/**
 * The drawings of all machines, as they are checked in: a change of a machine is seen in the difference of its drawing.
 * `GENERATE=1 npm test -- test/machines/charts` draws them anew. README.md shows the one of the session.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { type Box, layout } from "../../adapters/chart/layout.ts"
import { mermaid } from "../../adapters/chart/mermaid.ts"
import { svg } from "../../adapters/chart/svg.ts"
import { chartOf } from "../../machines/chart.ts"
import { machines } from "../../machines/machines.ts"

const golden = join(import.meta.dirname, "golden")
const drawsWithinMs = 60_000

const meet = (one: Box, other: Box): boolean =>
  one.x < other.x + other.width && other.x < one.x + one.width && one.y < other.y + other.height && other.y < one.y + one.height

/** A straight run of a line, half a pixel thick. */
const runOf = (from: { x: number; y: number }, to: { x: number; y: number }): Box => ({
  x: Math.min(from.x, to.x),
  y: Math.min(from.y, to.y),
  width: Math.abs(from.x - to.x) + 0.5,
  height: Math.abs(from.y - to.y) + 0.5
})

const isCheckedIn = (file: string, drawn: string) => {
  const path = join(golden, file)
  if (process.env["GENERATE"]) {
    mkdirSync(golden, { recursive: true })
    writeFileSync(path, drawn)
  }
  const stored = existsSync(path) ? readFileSync(path, "utf8") : "nothing"
  // Not the texts themselves: what matters of the difference is seen in git.
  assert.isTrue(
    stored === drawn,
    `${file} is not what the machine looks like: GENERATE=1 npm test -- test/machines/charts, and look at the difference`
  )
}

describe.each(Object.entries(machines))("the drawing of the machine %s", (name, charted) => {
  const chart = chartOf(charted)

  it("is the one that is checked in, and the same bytes each time", { timeout: drawsWithinMs }, async () => {
    const options = { about: charted.about, theme: "reader's" } as const
    const drawn = await svg(chart, options)
    assert.strictEqual(await svg(chartOf(charted), options), drawn)
    isCheckedIn(`${name}.svg`, drawn)
    isCheckedIn(`${name}.mmd`, mermaid(chart))
  })

  it("can be read: no label lies on a box, on another label or on another's line", { timeout: drawsWithinMs }, async () => {
    const { states, lines, width, height } = await layout(chart)
    const offences: Array<string> = []
    const said = (at: number) => lines[at]!.label.lines.map(({ text }) => text).join(" ")
    for (const [at, { label }] of lines.entries()) {
      const { box } = label
      const isWithin = box.x >= 0 && box.y >= 0 && box.x + box.width <= width && box.y + box.height <= height
      if (!isWithin) offences.push(`${said(at)} is cut off`)
      for (const state of states) {
        const surrounds = state.box.x <= box.x && state.box.x + state.box.width >= box.x + box.width
        if (meet(box, state.box) && !(surrounds && state.box.y <= box.y)) offences.push(`${said(at)} lies on ${state.id}`)
      }
      for (const [other, { label: its, points }] of lines.entries()) {
        if (other === at) continue
        if (meet(box, its.box)) offences.push(`${said(at)} lies on ${said(other)}`)
        const runs = points.slice(1).map((point, index) => runOf(points[index]!, point))
        if (runs.some((run) => meet(box, run))) offences.push(`${said(at)} is crossed by the line of ${said(other)}`)
      }
    }
    assert.deepStrictEqual(offences, [])
  })

  it("has every state, every deadline and every command", async () => {
    const drawn = await svg(chart, { about: charted.about, theme: "light" })
    for (const { key } of chart.states.slice(1)) assert.include(drawn, `>${key}</text>`)
    for (const command of charted.commands) assert.include(drawn, `» ${command}</text>`)
    const all = [...chart.lines.flatMap(({ taken }) => taken), ...chart.states.flatMap(({ stays }) => stays)]
    const deadlines = all.filter(({ by }) => by === "deadline")
    assert.isTrue(deadlines.every(({ lasts }) => lasts.length > 0 && lasts.every(({ ms }) => ms > 0)))
    assert.isAbove(drawn.match(/>[^<]*after \d/g)!.length, 0)
  })

  it("stands alone: nothing in it is fetched or run", async () => {
    for (const theme of ["light", "dark", "reader's"] as const) {
      const drawn = await svg(chart, { about: charted.about, theme })
      assert.notMatch(drawn, /<script|href=|url\(|@import|<image|<foreignObject| on\w+=/)
      assert.strictEqual(drawn.includes("prefers-color-scheme"), theme === "reader's")
    }
  })
})
