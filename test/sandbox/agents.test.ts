/** Installed agents as sandboxes see them. */
import assert from "node:assert/strict"
import { chmodSync, mkdirSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { it } from "vitest"
import { temporary } from "../support/confined.ts"
import { withSandbox } from "../support/sandbox-suite.ts"

const agentsDir = join(temporary(), "agents")
mkdirSync(agentsDir, { mode: 0o700 })
writeFileSync(join(agentsDir, "one"), "an agent\n")
chmodSync(join(agentsDir, "one"), 0o644)

withSandbox("agents that are installed", { agentsDir }, {}, ({ inside }) => {
  it("are there to be read, even in a directory that was made for its owner alone", async () => {
    assert.equal((await inside("cat /opt/agents/one")).text, "an agent")
    assert.equal(statSync(agentsDir).mode & 0o777, 0o755)
  })

  it("are not there to be changed", async () => {
    const { code, text } = await inside("echo mine > /opt/agents/one")
    assert.notEqual(code, 0)
    assert.match(text, /Read-only file system/)
  })
})
