/** `proliferate doctor` on a machine that has everything, and on one that can start nothing. On others: doctor-lacks.test.ts. */
import assert from "node:assert/strict"
import { readdirSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { it } from "vitest"
import { temporary } from "../support/confined.ts"
import { examine } from "../support/examine.ts"

const slow = { timeout: 60_000 }

it("finds a machine that has everything ready, says so to people, and leaves nothing behind", slow, async () => {
  const parent = temporary()
  const dataDir = join(parent, "not", "yet", "there")
  const { code, stdout, of } = await examine({ PROLIFERATE_DATA: dataDir })
  assert.equal(code, 0, stdout)
  assert.equal(JSON.parse(stdout).ready, true)
  for (const name of [
    "system",
    "node",
    "git",
    "data directory",
    "database",
    "util-linux",
    "system calls",
    "disks",
    "space",
    "port"
  ])
    assert.deepEqual([of(name).state, of(name).cost, of(name).fix], ["ok", null, null], stdout)
  assert.deepEqual(readdirSync(parent), [])

  const forPeople = await examine({ PROLIFERATE_DATA: dataDir }, [], [])
  assert.equal(forPeople.code, 0)
  assert.match(forPeople.stdout, /✓ util-linux +tried and seen to hold\n[\s\S]*`npm start` works here\.\n$/)
  assert.ok(!forPeople.stdout.includes("\u001b"), "no colour where there is no terminal")
})

it("says what a server could not start without, each with its fix, and never a password", slow, async () => {
  const taken = createServer()
  const port = await new Promise<number>((resolve) =>
    taken.listen(0, "127.0.0.1", () => resolve((taken.address() as { port: number }).port))
  )
  const parent = temporary()
  writeFileSync(join(parent, "file"), "")
  try {
    const { code, stdout, stderr, of } = await examine({
      PROLIFERATE_PORT: `${port}`,
      PROLIFERATE_DATA: join(parent, "file"),
      DATABASE_URL: "postgres://ada:swordfish@127.0.0.1:1/x",
      DATABASE_CELLS: "eu=postgres://ada:swordfish@127.0.0.1:1/eu",
      REDIS_URL: "redis://:swordfish@127.0.0.1:1",
      PROLIFERATE_MODEL_KEY: "swordfish",
      PATH: "/nowhere"
    })
    assert.equal(code, 1)
    assert.equal(JSON.parse(stdout).ready, false)
    assert.match(of("model").found, /PROLIFERATE_MODEL_KEY is set, but not PROLIFERATE_MODEL_URL/)
    for (const name of ["port", "data directory", "database", "git", "model"]) assert.equal(of(name).state, "broken", name)
    assert.match(of("port").fix!, /PROLIFERATE_PORT=0/)
    assert.match(of("git").fix!, /install.* git/)
    assert.equal(of("Redis").state, "lack")
    assert.deepEqual([of("cell eu").state, of("cell eu").cost], ["lack", "its organisations wait"])
    assert.match(of("cell eu").found, /no PostgreSQL answers at 127.0.0.1:1, database eu \(ECONNREFUSED\)$/)
    assert.match(of("npm").cost!, /cannot be installed/)
    assert.ok(!`${stdout}${stderr}`.includes("swordfish"))
  } finally {
    taken.close()
  }
})
