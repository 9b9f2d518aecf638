/** The contract of the sandboxes on E2B's own SDK: against the fake, and on the live service where there is a key for it. */
import { Effect, Layer } from "effect"
import { afterAll, assert, beforeAll, it } from "vitest"
import { FakeE2B } from "../support/e2b/fake.ts"
import { lacksMachines } from "../support/e2b/machine.ts"
import { e2bSandboxes, liveSandboxes } from "../support/e2b-sandboxes.ts"
import { exerciseSandboxes } from "./sandboxes.ts"

const lacks = lacksMachines()
let fake: FakeE2B
beforeAll(async () => {
  fake = await FakeE2B.open()
})
afterAll(() => fake.close())

exerciseSandboxes("E2B's SDK, a fake behind it", Layer.unwrap(Effect.sync(() => e2bSandboxes(fake))), lacks)

/** Those that the fake must be true to. Another one after an update of the SDK means: look at what it does. */
it.skipIf(lacks !== null)("the SDK asks for these routes and no others", () => {
  assert.deepStrictEqual([...fake.routes.keys()].sort(), [
    "DELETE /sandboxes/{sandboxID}",
    "DELETE /templates/{templateID}",
    "GET /sandboxes/{sandboxID}",
    "GET /snapshots",
    "GET /v2/sandboxes",
    "POST /sandboxes/{sandboxID}/snapshots",
    "POST /v2/sandboxes",
    "POST /v2/sandboxes/{sandboxID}/connect",
    "POST envd:/files",
    "POST envd:/process.Process/List",
    "POST envd:/process.Process/SendSignal",
    "POST envd:/process.Process/Start"
  ])
})

// Registered where it can run: a suite that nobody here can run is no skipped one.
const { E2B_API_KEY: key, PROLIFERATE_E2B_TEMPLATE: template } = process.env
if (key) exerciseSandboxes("E2B, live", liveSandboxes(key, template ?? "base"))
else console.log("E2B's live service is not exercised: E2B_API_KEY is not set")
