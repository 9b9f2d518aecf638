/** `proliferate --help` as people and agents type it, against a node that does nothing. */
import { execFileSync } from "node:child_process"
import { join } from "node:path"
import { type Row, rounds, rowOf } from "./rows.ts"

const counted = 10
const command = join(import.meta.dirname, "../../cli/proliferate.mjs")

const took = async (args: ReadonlyArray<string>) => {
  const startedAt = performance.now()
  execFileSync(process.execPath, args, { stdio: "ignore" })
  return performance.now() - startedAt
}

export const benchHelp = async (): Promise<ReadonlyArray<Row>> => {
  const { ours, theirs } = await rounds(
    counted,
    () => took([command, "--help"]),
    () => took(["-e", "0"])
  )
  return [rowOf("CLI --help", "node -e 0", "ms", ours, theirs, null)]
}
