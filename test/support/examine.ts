/** What `proliferate doctor` finds, in an environment of the test's. */
import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { join } from "node:path"
import { temporary } from "./confined.ts"

const program = join(import.meta.dirname, "../../cli/doctor/main.ts")

interface Found {
  readonly name: string
  readonly state: "ok" | "lack" | "broken"
  readonly found: string
  readonly cost: string | null
  readonly fix: string | null
}

interface Examined {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  readonly of: (name: string) => Found
}

export const examine = (
  env: Readonly<Record<string, string>>,
  wrap: ReadonlyArray<string> = [],
  args: ReadonlyArray<string> = ["--json"]
): Promise<Examined> =>
  new Promise((resolve, reject) => {
    const [command, ...rest] = [...wrap, process.execPath, program, ...args]
    const own = { PATH: process.env["PATH"]!, PROLIFERATE_PORT: "0", PROLIFERATE_DATA: join(temporary(), "data"), ...env }
    const child = spawn(command!, rest, { env: own, cwd: "/", timeout: 50_000 })
    let [stdout, stderr] = ["", ""]
    child.stdout.on("data", (part) => {
      stdout += part
    })
    child.stderr.on("data", (part) => {
      stderr += part
    })
    child.on("error", reject)
    child.on("close", (code) => {
      const of = (name: string): Found =>
        JSON.parse(stdout).findings.find((each: Found) => each.name === name) ?? assert.fail(`nothing of ${name}: ${stdout}`)
      resolve({ code, stdout, stderr, of })
    })
  })
