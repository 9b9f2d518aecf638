/**
 * Runs the scripted agent by itself: `node adapters/agent/scripted/main.ts [--script NAME] [--pace MS]`. `--start` makes it a bad one:
 * `hang` answers nothing, `crash` ends at once, `malformed` prints what is not ACP.
 */
import { parseArgs } from "node:util"
import { NodeRuntime } from "@effect/platform-node"
import { scriptedAgent } from "./agent.ts"
import { type ScriptName, scripts } from "./scripts.ts"

const { values } = parseArgs({
  options: { script: { type: "string" }, pace: { type: "string", default: "15" }, start: { type: "string" } }
})
const { script = null, pace, start } = values
if (script !== null && !Object.hasOwn(scripts, script)) {
  console.error(`there is no script ${JSON.stringify(script)}; there is: ${Object.keys(scripts).join(", ")}`)
  process.exit(2)
}

if (start === "crash") {
  console.error("the scripted agent cannot start, as it was told")
  process.exit(3)
} else if (start === "hang") setInterval(() => {}, 60_000)
else if (start === "malformed") {
  process.stdout.write("this is not JSON\n".repeat(1_000))
  setInterval(() => {}, 60_000)
} else NodeRuntime.runMain(scriptedAgent({ script: script as ScriptName | null, paceMs: Number(pace) }))
