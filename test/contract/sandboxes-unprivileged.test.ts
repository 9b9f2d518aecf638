/** The contract of the sandboxes once more, where the tests run as root: played by a process that is not. */
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import { answerOf, asNobodyElse, hindrance, nobodyElse, playedIn, temporary } from "../support/confined.ts"
import { lacks } from "../support/local-sandboxes.ts"
import { sandboxStories } from "./sandbox-stories.ts"

for (const isolation of ["bubblewrap", "util-linux"] as const) {
  const why = lacks(isolation) ?? hindrance()
  describe.skipIf(why !== null)(`sandboxes: local, ${isolation}, as an ordinary user${why === null ? "" : ` (${why})`}`, () => {
    const dataDir = temporary(why === null ? nobodyElse : null)
    const played = playedIn(asNobodyElse, isolation, dataDir)
    for (const { title } of sandboxStories)
      it(title, { timeout: 120_000 }, async () => assert.equal((await played()).get(title), null))

    it("empties its trash, whatever rights the sandboxes left in it", async () => {
      assert.equal(await answerOf(asNobodyElse, ["tidy", dataDir, isolation]), "tidy")
    })
  })
}
