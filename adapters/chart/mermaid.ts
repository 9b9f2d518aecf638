/** A chart as a mermaid state diagram: plainer than ours, and shown wherever mermaid is. The same machine gives the same text. */
import type { Chart, ChartState } from "../../machines/chart.ts"
import { bodyOf, linesOf } from "./wording.ts"

/** Mermaid takes letters and digits in an id, and ends a label at some marks. */
const idOf = (id: string) => id.replaceAll(".", "_")
const labelOf = (text: string) => text.replaceAll(":", " ·").replaceAll("→", "to")

export const mermaid = (chart: Chart): string => {
  const childrenOf = (id: string) => chart.states.filter(({ parent }) => parent === id)
  const markup = (state: ChartState, depth: number): ReadonlyArray<string> => {
    const margin = "  ".repeat(depth)
    const id = idOf(state.id)
    const own = childrenOf(state.id)
    const body = bodyOf(chart, state).map(({ text }) => `${margin}  ${labelOf(text)}`)
    const notes = body.length === 0 ? [] : [`${margin}note right of ${id}`, ...body, `${margin}end note`]
    const names = [`${margin}state "${state.key}" as ${id}`]
    const begins = state.isInitial ? [`${margin}[*] --> ${id}`] : []
    if (own.length === 0) return [...names, ...begins, ...notes, ...(state.kind === "final" ? [`${margin}${id} --> [*]`] : [])]
    const inside = own.flatMap((child, at) => [
      ...(state.kind === "parallel" && at > 0 ? [`${margin}  --`] : []),
      ...markup(child, depth + 1)
    ])
    return [...names, ...begins, `${margin}state ${id} {`, ...inside, `${margin}}`, ...notes]
  }
  const [root] = chart.states
  const states = childrenOf(root!.id).flatMap((state) => markup(state, 1))
  const arrows = chart.lines
    .filter(({ from, to }) => !to.startsWith(`${from}.`))
    .map(({ from, to, taken }) => {
      const said = linesOf(taken.map((each) => ({ taken: each, leaving: null }))).map(({ text }) => labelOf(text))
      return `  ${idOf(from)} --> ${idOf(to)} : ${said.join(", ").replaceAll(", [", " [").replaceAll(", »", " »")}`
    })
  const whole = bodyOf(chart, root!).map(({ text }) => `%% in every state: ${text}`)
  return `${["stateDiagram-v2", ...whole, ...states, ...arrows].join("\n")}\n`
}
