import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { beforeAll, describe, expect, it, onTestFinished } from "vitest"
import { makeBundle, run } from "../support/command.ts"

beforeAll(makeBundle)

const isThere = (shell: string) => spawnSync(shell, ["-c", "exit 0"]).status === 0

describe.each(["bash", "zsh", "fish"])("completion for %s", (shell) => {
  it("knows every group of commands and their flags", async () => {
    const { code, stdout, stderr } = await run(["completion", shell])
    expect([code, stderr]).toEqual([0, ""])
    for (const word of ["sessions", "archive", "configurations", "machines", "idempotency-key"]) expect(stdout).toContain(word)
  })

  it.skipIf(!isThere(shell))(`is a script that ${shell} can read (skipped where there is no ${shell})`, async () => {
    const directory = mkdtempSync(join(tmpdir(), "proliferate-completion-"))
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    const file = join(directory, `completion.${shell}`)
    writeFileSync(file, (await run(["completion", shell])).stdout)
    const { status, stderr } = spawnSync(shell, ["-n", file], { encoding: "utf8" })
    expect([status, stderr]).toEqual([0, ""])
  })
})

it("completes commands in bash itself", async () => {
  const { stdout } = await run(["completion", "bash"])
  const asked = `${stdout}
COMP_WORDS=(proliferate sessions arch) COMP_CWORD=2 COMP_LINE="proliferate sessions arch" COMP_POINT=25
$(complete -p proliferate | sed -E 's/.*-F ([^ ]+).*/\\1/') proliferate arch sessions
printf '%s\\n' "\${COMPREPLY[@]}"`
  const { stdout: told } = spawnSync("bash", ["-c", asked], { encoding: "utf8" })
  expect(told.trim().split("\n")).toContain("archive")
})

it("names the shells that there are to whoever asks for another", async () => {
  const { code, stderr } = await run(["completion", "tcsh"])
  expect([code, stderr]).toEqual([2, expect.stringMatching(/bash/)])
})
