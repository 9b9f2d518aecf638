/**
 * The scripted model as a program: `node test/support/model-server.ts --port 0` prints its base URL and serves until it is ended.
 * A prompt that names no script is answered as the demo needs it: mend the sample, and say later what was noted.
 */
import { parseArgs } from "node:util"
import { startModel } from "./model.ts"
import { type ScriptName, scripts } from "./model-scripts.ts"

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    script: { type: "string", default: "fix" },
    key: { type: "string" },
    verbose: { type: "boolean", default: false }
  }
})
if (!(values.script in scripts)) {
  console.error(`there is no script ${values.script}: ${Object.keys(scripts).join(", ")}`)
  process.exit(2)
}
const { url, close } = await startModel({
  port: Number(values.port),
  script: values.script as ScriptName,
  ...(values.key !== undefined && { key: values.key }),
  ...(values.verbose && { log: (line: string) => console.error(line) })
})
console.log(url)
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void close())
