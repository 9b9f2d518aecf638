import { assert, it } from "vitest"
import { mutants } from "./mutant-list.ts"
import { fits } from "./mutants.ts"
import { scenarios } from "./scenarios.ts"

it("every mutant still fits the program, and names a scenario that there is", () => {
  for (const mutant of mutants) {
    assert.isTrue(fits(mutant), `${mutant.file} does not hold, once: ${mutant.find}`)
    if (mutant.by !== undefined) assert.property(scenarios, mutant.by)
  }
})
