/**
 * Finds out why a test of a Node project fails, mends it, and pushes the work: runs the tests, reads what failed and the code that it
 * calls, tries the changes that it knows until the tests pass, notes a number of its own, commits and pushes. Every step is real, and
 * where one does not work out it says so and stops.
 */
import { randomInt } from "node:crypto"
import { readdir } from "node:fs/promises"
import { dirname, join, normalize } from "node:path"
import { type Failure, firstFailure } from "./failure.ts"
import { notePath } from "./recall.ts"
import { boundChanges, type Change, importedNames, linesOf } from "./repair.ts"
import type { Script, Turn } from "./turn.ts"

const goals = ["Run the tests", "Find the fault", "Mend it", "Run the tests again", "Commit and push"]
/** A change may loop for ever: no test may. */
const test = "node --test --test-reporter=spec --test-timeout=20000"
/** Each costs a run of the tests. */
const changesMax = 24

export const fix: Script = async (turn) => {
  const { say, think, plan, ask, prompt, tools } = turn
  await say("I will run the tests, find out why one fails, mend the code, check it, and push the change.")
  await plan(goals, 0)
  const at = await repositoryOf(turn.cwd)
  const inRepository = (command: string) => (at === "." ? command : `cd ${at} && ${command}`)

  const before = await tools.run(inRepository(test))
  if (before.exitCode === 0) return say("All tests pass already: there is nothing to mend, and I changed nothing.")
  const failure = firstFailure(before.output)
  if (failure === null) return say("The tests fail, but not in a way that I can read. I changed nothing.")

  await plan(goals, 1)
  await say(`The test “${failure.name}” fails.`)
  const fault = await locate(turn, at, failure)
  if (fault === null)
    return say(`I could not find the code that ${failure.file} calls in line ${failure.line}. I changed nothing.`)
  const { path, name, changes } = fault
  await think(
    `It wants ${failure.expected ?? "something else"} and gets ${failure.actual ?? "that"}. Some bound in ${name} may be off by one.`
  )

  if (/\bASK\b/.test(prompt) && !(await ask(`Change ${path}`))) return say("I may not change the code, so I leave it as it is.")

  await plan(goals, 2)
  const right = await tryEach(turn, path, changes, inRepository(`${test} ${failure.file}`))
  if (right === null) return say(`None of the ${changes.length} changes that I know makes the test pass. I took them all back.`)

  await plan(goals, 3)
  const after = await tools.run(inRepository(test))
  if (after.exitCode !== 0) return say(`That test passes now, but another fails. I leave the change in ${path} for you to see.`)
  await say(`Line ${right.line} of ${path} was off by one: it reads \`${right.to.trim()}\` now, and all tests pass.`)

  await plan(goals, 4)
  await tools.write(notePath(), `number ${randomInt(100_000, 1_000_000)} belongs to the change in ${path}\n`)
  const file = at === "." ? path : path.slice(at.length + 1)
  const pushed = await tools.run(
    inRepository(`git add -- '${file}' && git commit -q -m 'Mend ${name}: a bound was off by one' && git push -q origin HEAD`)
  )
  if (pushed.exitCode !== 0) return say("The change stands, but it could not be committed and pushed; the output above says why.")
  await plan(goals, goals.length)
  await say(
    `Done. I mended ${name} in ${path}, ran the tests, committed and pushed. My notes hold a number of this turn; ask me what I noted.`
  )
}

/** The working directory, or the first repository in it. */
const repositoryOf = async (cwd: string): Promise<string> => {
  const entries = await readdir(cwd, { withFileTypes: true })
  if (entries.some(({ name }) => name === ".git")) return "."
  for (const { name } of entries.filter((entry) => entry.isDirectory())) {
    if ((await readdir(join(cwd, name))).includes(".git")) return name
  }
  return "."
}

/** Reads the test, then the file of a function that its failing line calls. */
const locate = async ({ tools }: Turn, at: string, failure: Failure) => {
  const testPath = join(at, failure.file)
  const source = await tools.read(testPath).catch(() => "")
  const failing = source.split("\n")[failure.line - 1] ?? ""
  for (const { name, from } of importedNames(source)) {
    if (!new RegExp(`\\b${name}\\b`).test(failing)) continue
    const path = normalize(join(dirname(testPath), from))
    const code = await tools.read(path).catch(() => "")
    const changes = boundChanges(linesOf(code, name)).slice(0, changesMax)
    if (changes.length > 0) return { path, name, changes }
  }
  return null
}

/** The first change with which the tests pass, left in place; every other is taken back. */
const tryEach = async (
  { say, tools }: Turn,
  path: string,
  changes: ReadonlyArray<Change>,
  command: string
): Promise<Change | null> => {
  for (const change of changes) {
    await say(`I try \`${change.to.trim()}\`.`)
    await tools.edit(path, change.from, change.to)
    if ((await tools.run(command)).exitCode === 0) return change
    await tools.edit(path, change.to, change.from)
  }
  return null
}
