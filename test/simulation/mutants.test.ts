import { assert, it } from "vitest"
import { mutants } from "./mutant-list.ts"
import { fits } from "./mutants.ts"
import { scenarios } from "./scenarios.ts"

it("every mutant still fits the program, and names a scenario that there is", () => {
  const unfit = mutants.filter((mutant) => !fits(mutant)).map(({ file, find }) => `${file} does not hold, once: ${find}`)
  assert.deepStrictEqual(unfit, [])
  for (const { by } of mutants) if (by !== undefined) assert.property(scenarios, by)
})
