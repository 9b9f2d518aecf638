import { beforeAll, expect, it } from "vitest"
import { makeBundle, run } from "../support/command.ts"

beforeAll(makeBundle)

/** Every command there is, found by walking the help from the root. */
const walk = async (path: ReadonlyArray<string>): Promise<Array<{ path: ReadonlyArray<string>; help: string }>> => {
  const { code, stdout } = await run([...path, "--help"])
  expect([path, code]).toEqual([path, 0])
  const names = (stdout.split("SUBCOMMANDS\n")[1] ?? "")
    .split("\n")
    .flatMap((line) => /^ {2}([a-z-]+)(?:,|\s{2,})/.exec(line)?.[1] ?? [])
  const below = []
  for (const name of names) below.push(...(await walk([...path, name])))
  return [{ path, help: stdout }, ...below]
}

it("teaches every command: what it is for, its flags, and examples where its name does not say it all", {
  timeout: 120_000
}, async () => {
  const commands = await walk([])
  const names = commands.map(({ path }) => path.join(" "))
  const sessions = "create list show attach prompt start interrupt pause resume stop logs diff"
    .split(" ")
    .map((name) => `sessions ${name}`)
  const others = ["repos", "organisations", "users", "tokens"].flatMap((group) => [`${group} add`, `${group} list`])
  for (const name of [
    "serve",
    "doctor",
    "whoami",
    ...sessions,
    ...others,
    "users revoke",
    "tokens revoke",
    "configurations create",
    "configurations list",
    "actor show",
    "actor history",
    "machines list",
    "ops status",
    "ops drift",
    "ops reconcile",
    "ops release",
    "ops outbox",
    "ops outbox retry",
    "ops outbox discard",
    "ops pause",
    "ops resume",
    "ops audit",
    "machines render",
    "completion",
    "agents list",
    "agents install",
    "agents check",
    "sessions model",
    "sessions rename",
    "sessions archive",
    "sessions unarchive",
    "sessions pull",
    "sessions pr"
  ])
    expect(names).toContain(name)
  // The daemon and the scripted agent are for hosts, not for people.
  expect(names).not.toContain("daemon")
  for (const { path, help } of commands) {
    const [, description = ""] = help.split("\n")
    expect.soft(description.trim().length, path.join(" ")).toBeGreaterThan(15)
    expect.soft(help, path.join(" ")).toContain("--json")
    const flags = help
      .split(/\nFLAGS\n|\nARGUMENTS\n/)
      .slice(1)
      .flatMap((part) =>
        part
          .split("\n\n")[0]!
          .split("\n")
          .filter((line) => line !== "")
      )
    for (const flag of flags) expect.soft(flag, path.join(" ")).toMatch(/\S {2,}\S/)
  }
  for (const name of [
    "sessions create",
    "sessions attach",
    "sessions prompt",
    "repos add",
    "configurations create",
    "tokens add",
    "serve"
  ])
    expect(commands.find(({ path }) => path.join(" ") === name)!.help).toContain("EXAMPLES")
})

it("shows the help of a group that was called without a subcommand", async () => {
  const { code, stdout, stderr } = await run(["sessions"])
  expect([code, stderr]).toEqual([0, ""])
  expect(stdout).toContain("SUBCOMMANDS")
})

it("knows its version, and completes itself in shells", async () => {
  expect((await run(["--version"])).stdout).toMatch(/^proliferate v\d+\.\d+\.\d+\n$/)
  expect((await run(["--completions", "bash"])).stdout).toContain("sessions")
})
