/**
 * Draws machines: what `proliferate machines` runs, on the package's own node. Apart from the command, because the machines and
 * the layout (1.4 MB) belong into no sandbox and into no start of the command.
 *
 *   node cli/chart.ts list [--json]
 *   node cli/chart.ts render NAME svg|mermaid light|dark|reader's [FILE]
 */
import { writeFileSync } from "node:fs"
import { mermaid } from "../adapters/chart/mermaid.ts"
import { svg, type Theme } from "../adapters/chart/svg.ts"
import { chartOf } from "../machines/chart.ts"
import { machines } from "../machines/machines.ts"
import { asText, exits, Failed, usage } from "./failure.ts"
import { table } from "./output.ts"

const list = (asJson: boolean): string => {
  const rows = Object.entries(machines).map(([name, charted]) => {
    const { states, lines } = chartOf(charted)
    const transitions = lines.flatMap(({ taken }) => taken).length + states.flatMap(({ stays }) => stays).length
    return { name, about: charted.about, states: states.length - 1, transitions }
  })
  if (asJson) return `${JSON.stringify({ machines: rows })}\n`
  const cells = rows.map(({ name, about, states, transitions }) => [name, String(states), String(transitions), about])
  return `${table(["MACHINE", "STATES", "TRANSITIONS", ""], cells, "")}\n`
}

const render = async (name: string, format: string, theme: Theme): Promise<string> => {
  const charted = machines[name]
  if (charted === undefined)
    throw usage(`there is no machine ${name}`, `\`proliferate machines list\` shows them: ${Object.keys(machines).join(", ")}.`)
  return format === "mermaid" ? mermaid(chartOf(charted)) : svg(chartOf(charted), { about: charted.about, theme })
}

const [verb, ...rest] = process.argv.slice(2)
try {
  if (verb === "list") process.stdout.write(list(rest.includes("--json")))
  else {
    const [name = "", format = "svg", theme = "reader's", file] = rest
    const drawn = await render(name, format, theme as Theme)
    if (file === undefined) process.stdout.write(drawn)
    else writeFileSync(file, drawn)
  }
} catch (error) {
  const { code, message, stack } = error as NodeJS.ErrnoException
  const failed =
    error instanceof Failed
      ? error
      : new Failed(
          code === undefined
            ? { exit: "failure", what: `this is a fault of the command itself: ${stack}`, todo: "Please report it." }
            : { exit: "failure", what: `the drawing cannot be written: ${message}`, todo: "Look at --out." }
        )
  console.error(asText(failed))
  process.exitCode = exits[failed.exit]
}
