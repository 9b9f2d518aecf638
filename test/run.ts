/**
 * Runs the suites that vitest collects and ends with `N passed, N failed, N skipped`, from vitest's own counts; before it each test
 * that failed is named, and each that was skipped, with its reason. Arguments go to vitest. Exit code: vitest's, or 1 when nothing ran.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, relative } from "node:path"

interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numTodoTests: number
  readonly testResults: ReadonlyArray<{
    readonly name: string
    readonly status: string
    readonly assertionResults: ReadonlyArray<{ readonly fullName: string; readonly status: string }>
  }>
}

const root = join(import.meta.dirname, "..")
const scratch = mkdtempSync(join(tmpdir(), "proliferate-test-"))
const file = join(scratch, "report.json")
const { status } = spawnSync(
  process.execPath,
  [
    join(root, "node_modules/vitest/vitest.mjs"),
    "run",
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${file}`,
    ...process.argv.slice(2)
  ],
  { cwd: root, stdio: "inherit", env: { ...process.env, PATH: `${join(process.execPath, "..")}:${process.env["PATH"]}` } }
)

let report: Report | undefined
try {
  report = JSON.parse(readFileSync(file, "utf8")) as Report
} catch {
  console.error("vitest left no report: it did not run to its end")
}
rmSync(scratch, { recursive: true, force: true })

const passed = report?.numPassedTests ?? 0
const skipped = (report?.numPendingTests ?? 0) + (report?.numTodoTests ?? 0)
// A file that could not be loaded, or whose set-up failed, has no failed test to count, and has failed.
const broken =
  report?.testResults.filter(
    ({ status: outcome, assertionResults }) => outcome === "failed" && assertionResults.every((test) => test.status !== "failed")
  ) ?? []
const failed = (report?.numFailedTests ?? 0) + broken.length
for (const { name } of broken) console.log(`failed: ${relative(root, name)}, as a whole`)
for (const { name, assertionResults } of report?.testResults ?? [])
  for (const { fullName, status: outcome } of assertionResults) {
    if (outcome === "failed") console.log(`failed: ${relative(root, name)}, ${fullName}`)
    if (outcome === "skipped" || outcome === "pending") console.log(`skipped: ${fullName}`)
  }
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
process.exit(status !== 0 || passed === 0 || failed > 0 ? status || 1 : 0)
