import { describe, it } from "vitest"
import { scenarios } from "./scenarios.ts"

describe("what earlier systems died of does not happen:", () => {
  for (const [name, scenario] of Object.entries(scenarios)) it(name, scenario)
})
