/**
 * Whether the simulator can fail: the program is copied, broken on purpose in one place, and simulated until a promise breaks. A
 * mutant that lives means that a promise is not watched.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { testServer } from "../support/cluster.ts"
import { crewMax } from "./crew.ts"
import type { Mutant } from "./mutant.ts"
import { mutants } from "./mutant-list.ts"

const root = join(import.meta.dirname, "../..")
const copied = ["runtime", "actors", "machines", "adapters/memory", "adapters/postgres", "sql", "test/simulation", "test/support"]

/** Whether its text is there to be replaced. */
export const fits = ({ file, find }: Mutant): boolean => readFileSync(join(root, file), "utf8").split(find).length === 2

/** Seeds that a mutant is given to betray itself. */
const seedsMax = 400

/** The promise that it broke, or null if it lived. */
export const fate = async ({ file, find, replace, by, isOnPostgres = false }: Mutant, url: string): Promise<string | null> => {
  const scratch = mkdtempSync(join(tmpdir(), "proliferate-mutant-"))
  try {
    for (const path of [...copied, "package.json"]) cpSync(join(root, path), join(scratch, path), { recursive: true })
    symlinkSync(join(root, "node_modules"), join(scratch, "node_modules"))
    const source = readFileSync(join(scratch, file), "utf8")
    writeFileSync(
      join(scratch, file),
      source.replace(find, () => replace)
    )
    const program = join(scratch, "test/simulation/simulate.ts")
    const what = by === undefined ? ["--seeds", `${seedsMax}`] : ["--scenario", by]
    const on = isOnPostgres ? ["--postgres"] : []
    const run = spawn(process.execPath, [program, ...what, ...on, "--violations", "1", "--no-shrink"], {
      env: { ...process.env, TEST_DATABASE_URL: url }
    })
    const said = { stdout: "", stderr: "" }
    for (const stream of ["stdout", "stderr"] as const)
      run[stream].setEncoding("utf8").on("data", (text) => {
        said[stream] += text
      })
    const [status] = (await once(run, "close")) as [number]
    if (status === 0) return null
    return /^violated: (.*)$/m.exec(said.stdout)?.[1] ?? (said.stderr.trim().split("\n").at(-1) || `exit ${status}`)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** How many were caught. */
export const killMutants = async (say: (line: string) => void): Promise<number> => {
  const unfit = mutants.filter((mutant) => !fits(mutant)).map(({ name, file }) => `"${name}" in ${file}`)
  if (unfit.length > 0) throw new Error(`of these mutants the text is not there, or twice: ${unfit.join(", ")}`)
  const waiting = [...mutants]
  let caught = 0
  const work = async (url: string) => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const law = await fate(mutant, url)
      if (law !== null) caught += 1
      say(
        `${law === null ? "LIVES " : "caught"}  ${mutant.name}\n        should break ${mutant.law}${law === null ? "" : `; broke: ${law.slice(0, 160)}`}`
      )
    }
  }
  const all = (url: string) => Promise.all(Array.from({ length: crewMax }, () => work(url)))
  await Effect.runPromise(Effect.scoped(Effect.flatMap(testServer, (url) => Effect.promise(() => all(url)))))
  return caught
}
