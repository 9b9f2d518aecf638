/**
 * Where everything of a chart goes: boxes, lines with round corners, labels that lie on nothing else. ELK does the work, in the
 * process that draws; the same chart has the same layout, byte for byte.
 */
import ElkConstructor, { type ElkNode } from "elkjs/lib/elk.bundled.js"
import type { Chart, ChartState } from "../../machines/chart.ts"
import { bodyOf, type Line, linesOf, type Told } from "./wording.ts"

export interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}
export interface Point {
  readonly x: number
  readonly y: number
}
export interface Drawn {
  readonly width: number
  readonly height: number
  readonly states: ReadonlyArray<ChartState & { readonly box: Box; readonly body: ReadonlyArray<Line> }>
  readonly lines: ReadonlyArray<{
    readonly points: ReadonlyArray<Point>
    readonly label: { readonly box: Box; readonly lines: ReadonlyArray<Line> }
    readonly word: Line["word"]
  }>
}

/** Sizes in pixels. A monospaced character of any system font is 0.6 of its height wide; a bold one of the names is taken as 0.62. */
export const sizes = { text: 11, name: 13, line: 15, head: 30, radius: 8, margin: 24 } as const
const textWidth = (text: string) => text.length * sizes.text * 0.605
const nameWidth = ({ key, isInitial }: ChartState) => key.length * sizes.name * 0.62 + (isInitial ? 16 : 0)

export const widest = (lines: ReadonlyArray<Line>) => Math.max(0, ...lines.map(({ text }) => textWidth(text)))
const bodyHeight = (lines: ReadonlyArray<Line>) => (lines.length === 0 ? 0 : lines.length * sizes.line + 8)

/** A state that holds others is laid out for itself, from left to right where that is no wider than this. */
const widthMax = 800

const spacing = {
  "elk.algorithm": "layered",
  "elk.edgeRouting": "ORTHOGONAL",
  "elk.randomSeed": "1",
  "elk.spacing.nodeNode": "24",
  "elk.layered.spacing.nodeNodeBetweenLayers": "20",
  "elk.spacing.edgeNode": "14",
  "elk.layered.spacing.edgeNodeBetweenLayers": "12",
  "elk.spacing.edgeEdge": "12",
  "elk.layered.spacing.edgeEdgeBetweenLayers": "10",
  "elk.spacing.edgeLabel": "4",
  "elk.spacing.componentComponent": "24",
  "elk.layered.compaction.postCompaction.strategy": "LEFT",
  "elk.layered.cycleBreaking.strategy": "MODEL_ORDER",
  "elk.layered.thoroughness": "40"
}

/** A line on one level: between two children of one state. */
interface Lifted {
  readonly parent: string
  readonly from: string
  readonly to: string
  readonly told: Array<Told>
}

/** Lines that begin or end deeper are drawn where they cross; their label says which state they leave. */
const lifted = ({ states, lines }: Chart): ReadonlyArray<Lifted> => {
  const parentOf = new Map(states.map(({ id, parent }) => [id, parent]))
  const pathOf = (id: string): ReadonlyArray<string> => {
    const parent = parentOf.get(id) ?? null
    return parent === null ? [id] : [...pathOf(parent), id]
  }
  const keyOf = new Map(states.map(({ id, key }) => [id, key]))
  const found = new Map<string, Lifted>()
  for (const { from, to, taken } of lines) {
    const [left, right] = [pathOf(from), pathOf(to)]
    // A state that leads to one of its own says so in its box.
    if (left.every((id, at) => right[at] === id) && right.length > left.length) continue
    const parting = left.findIndex((id, at) => right[at] !== id)
    const level = parting === -1 ? left.length - 1 : parting
    const parent = left[level - 1]!
    const start = left[level]!
    const key = `${start}→${right[level]}`
    const line = found.get(key) ?? { parent, from: start, to: right[level]!, told: [] }
    const leaving = start === from ? null : keyOf.get(from)!
    line.told.push(...taken.map((each) => ({ taken: each, leaving })))
    found.set(key, line)
  }
  return [...found.values()]
}

const Elk = ElkConstructor as unknown as new () => { layout: (graph: ElkNode) => Promise<ElkNode> }

/** What is inside of one state, its corner at 0, 0. */
interface Inside {
  readonly width: number
  readonly height: number
  readonly boxes: ReadonlyMap<string, Box>
  readonly lines: Drawn["lines"]
}

export const layout = async (chart: Chart): Promise<Drawn> => {
  const elk = new Elk()
  const lines = lifted(chart)

  const inside = async (state: ChartState): Promise<Inside> => {
    const body = bodyOf(chart, state)
    const width = Math.ceil(Math.max(nameWidth(state) + 28, widest(body) + 24, 84))
    const children = chart.states.filter(({ parent }) => parent === state.id)
    if (children.length === 0) return { width, height: sizes.head + bodyHeight(body), boxes: new Map(), lines: [] }

    const insides = new Map<string, Inside>()
    for (const child of children) insides.set(child.id, await inside(child))
    const own = lines.filter(({ parent }) => parent === state.id)
    const words = own.map(({ told }) => linesOf(told))
    const isRoot = state.parent === null
    const top = sizes.head + 10 + bodyHeight(body)
    const graph = (direction: "DOWN" | "RIGHT"): ElkNode => ({
      id: state.id,
      layoutOptions: {
        ...spacing,
        "elk.direction": direction,
        // Straight lines where there are few, a narrow drawing where there are many.
        "elk.layered.nodePlacement.strategy": isRoot ? "LINEAR_SEGMENTS" : "NETWORK_SIMPLEX",
        "elk.padding": isRoot ? `[top=${top + 14},left=24,bottom=24,right=24]` : `[top=${top},left=18,bottom=18,right=18]`,
        "elk.aspectRatio": "8"
      },
      children: children.map(({ id }) => ({ id, width: insides.get(id)!.width, height: insides.get(id)!.height })),
      edges: own.map(({ from, to }, at) => ({
        id: String(at),
        sources: [from],
        targets: [to],
        labels: [
          {
            text: "label",
            width: Math.ceil(widest(words[at]!)) + 12,
            height: words[at]!.length * sizes.line + 4,
            layoutOptions: { "elk.edgeLabels.inline": "true", "elk.edgeLabels.placement": "CENTER" }
          }
        ]
      }))
    })
    const lying = isRoot ? null : await elk.layout(graph("RIGHT"))
    const best = lying !== null && lying.width! <= widthMax ? lying : await elk.layout(graph("DOWN"))

    const boxes = new Map<string, Box>()
    const drawn: Array<Drawn["lines"][number]> = []
    for (const node of best.children ?? []) {
      const box = boxOf(node)
      boxes.set(node.id, box)
      const deeper = insides.get(node.id)
      for (const [id, inner] of deeper?.boxes ?? []) boxes.set(id, { ...inner, ...moved(inner, box) })
      for (const line of deeper?.lines ?? []) drawn.push(movedLine(line, box))
    }
    for (const edge of best.edges ?? []) {
      const [section] = edge.sections ?? []
      if (section === undefined) throw new Error(`a line of ${state.id} was not laid out`)
      const points = [section.startPoint, ...(section.bendPoints ?? []), section.endPoint].map(pointOf)
      const at = Number(edge.id)
      drawn.push({ points, label: { box: boxOf(edge.labels![0]!), lines: words[at]! }, word: wordOf(own[at]!.told) })
    }
    return { width: Math.max(width, Math.ceil(best.width ?? 0)), height: Math.ceil(best.height ?? 0), boxes, lines: drawn }
  }

  const root = chart.states.find(({ parent }) => parent === null)!
  const all = await inside(root)
  const boxes = new Map(all.boxes).set(root.id, { x: 0, y: 0, width: all.width, height: all.height })
  return {
    width: all.width,
    height: all.height,
    states: chart.states.map((state) => ({ ...state, box: boxes.get(state.id)!, body: bodyOf(chart, state) })),
    lines: all.lines
  }
}

/** A line that several kinds of events take is drawn like the plainest of them. */
const wordOf = (told: ReadonlyArray<Told>): Line["word"] => {
  const words = new Set(told.map(({ taken }) => taken.by))
  return words.size === 1 ? [...words][0]! : words.has("request") ? "request" : "fact"
}

const moved = ({ x, y }: Point, by: Point): Point => ({ x: rounded(x + by.x), y: rounded(y + by.y) })
const movedLine = ({ points, label, word }: Drawn["lines"][number], by: Point): Drawn["lines"][number] => ({
  points: points.map((point) => moved(point, by)),
  label: { ...label, box: { ...label.box, ...moved(label.box, by) } },
  word
})
const pointOf = ({ x, y }: Point): Point => ({ x: rounded(x), y: rounded(y) })
const rounded = (value = 0) => Math.round(value * 10) / 10
const boxOf = ({ x, y, width, height }: { x?: number; y?: number; width?: number; height?: number }): Box => ({
  x: rounded(x),
  y: rounded(y),
  width: rounded(width),
  height: rounded(height)
})
