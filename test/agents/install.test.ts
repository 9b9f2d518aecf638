/**
 * Installing an agent: whole or not at all, two at once as one, and every way in which npm fails told in words of ours. npm itself
 * is played by a program, since the registry is not there to be made to fail; test/agents/real.test.ts has the real one.
 */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterEach, assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { install, isInstalled } from "../../adapters/agent/install.ts"

const path = process.env["PATH"]
afterEach(() => {
  process.env["PATH"] = path
})

const entry = "node_modules/some-agent/bin/run"

/** A directory of agents, and an npm that runs this script in the staging directory. */
const place = (npm: string | null) => {
  const root = mkdtempSync(join(tmpdir(), "install-"))
  const bin = join(root, "bin")
  mkdirSync(bin)
  if (npm !== null) {
    writeFileSync(join(bin, "npm"), `#!/bin/sh\necho run >>${root}/runs\n${npm}\n`)
    chmodSync(join(bin, "npm"), 0o755)
  }
  process.env["PATH"] = npm === null ? bin : `${bin}:${path}`
  const what = { name: "some", directory: join(root, "agents/some/1.2.3"), packages: ["some-agent@1.2.3"], entry }
  const runs = () => (existsSync(join(root, "runs")) ? readFileSync(join(root, "runs"), "utf8").trim().split("\n").length : 0)
  return { what, runs, shelf: dirname(what.directory) }
}
const good = `mkdir -p node_modules/some-agent/bin && echo x >${entry} && chmod 700 ${entry}`
const failing = (code: string) => `echo "npm error code ${code}" >&2; echo "npm error something about it" >&2; exit 1`

it.live("what npm made is there at once and for everyone, and nothing beside it", () =>
  Effect.gen(function* () {
    const { what, runs, shelf } = place(good)
    const told: Array<string> = []
    yield* install(what, (progress) => told.push(progress))
    assert.isTrue(isInstalled(what))
    assert.deepStrictEqual(readdirSync(shelf), ["1.2.3"])
    assert.strictEqual(statSync(join(what.directory, entry)).mode & 0o777, 0o755)
    assert.include(told[0], "some-agent@1.2.3")
    yield* install(what, (progress) => told.push(progress))
    assert.strictEqual(told.at(-1), "some is installed already")
    assert.strictEqual(runs(), 1)
  })
)

it.live("two servers that share the directory and install at once both have it", () =>
  Effect.gen(function* () {
    const { what, shelf } = place(`sleep 0.3; ${good}`)
    yield* Effect.all([install(what, () => {}), install(what, () => {})], { concurrency: 2 })
    assert.isTrue(isInstalled(what))
    assert.deepStrictEqual(readdirSync(shelf), ["1.2.3"])
  })
)

for (const [what, npm, said] of [
  ["there is no npm", null, /there is no npm where the server runs/],
  ["there is no network", failing("ENOTFOUND"), /registry cannot be reached .*\(ENOTFOUND\).*proxy/],
  ["the version is not to be had", failing("ETARGET"), /the npm registry has no some-agent@1\.2\.3 \(ETARGET\)/],
  ["the disk is full", failing("ENOSPC"), /disk of the server is full/],
  ["npm has a fault of its own", failing("EODD"), /npm failed: .*something about it/],
  ["nothing is built for this machine", "exit 0", /some-agent@1\.2\.3 has no build for this machine/]
] as const) {
  it.live(`when ${what}, that is said, and nothing is left`, () =>
    Effect.gen(function* () {
      const place1 = place(npm)
      const error = yield* Effect.flip(install(place1.what, () => {}))
      assert.strictEqual(error.reason, "failed")
      assert.match(error.message, said)
      assert.isFalse(isInstalled(place1.what))
      assert.deepStrictEqual(readdirSync(place1.shelf), [])
    })
  )
}

it.live("an installation that is given up takes npm with it and leaves nothing", () =>
  Effect.gen(function* () {
    const { what, shelf } = place("exec sleep 60")
    yield* install(what, () => {}).pipe(Effect.timeoutOption(500))
    assert.deepStrictEqual(readdirSync(shelf), [])
  })
)
