/** `proliferate doctor` on machines that have everything, and on some that lack something. */
import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { mkdirSync, readdirSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { it } from "vitest"
import { isRoot, temporary } from "../support/confined.ts"
import { lacks } from "../support/local-sandboxes.ts"

const program = join(import.meta.dirname, "../../cli/doctor/main.ts")

interface Found {
  readonly name: string
  readonly state: "ok" | "lack" | "broken"
  readonly found: string
  readonly cost: string | null
  readonly fix: string | null
}

interface Examined {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  readonly of: (name: string) => Found
}

const examine = (
  env: Readonly<Record<string, string>>,
  wrap: ReadonlyArray<string> = [],
  args: ReadonlyArray<string> = ["--json"]
): Promise<Examined> =>
  new Promise((resolve, reject) => {
    const [command, ...rest] = [...wrap, process.execPath, program, ...args]
    const own = { PATH: process.env["PATH"]!, PROLIFERATE_PORT: "0", PROLIFERATE_DATA: join(temporary(), "data"), ...env }
    const child = spawn(command!, rest, { env: own, cwd: "/", timeout: 50_000 })
    let [stdout, stderr] = ["", ""]
    child.stdout.on("data", (part) => {
      stdout += part
    })
    child.stderr.on("data", (part) => {
      stderr += part
    })
    child.on("error", reject)
    child.on("close", (code) => {
      const of = (name: string): Found =>
        JSON.parse(stdout).findings.find((each: Found) => each.name === name) ?? assert.fail(`nothing of ${name}: ${stdout}`)
      resolve({ code, stdout, stderr, of })
    })
  })
const slow = { timeout: 60_000 }
const apart = (script: string) => ["unshare", "--mount", "--propagation", "private", "sh", "-euc", `${script}; exec "$@"`, "host"]

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
      REDIS_URL: "redis://:swordfish@127.0.0.1:1",
      PROLIFERATE_MODEL_KEY: "swordfish",
      PATH: "/nowhere"
    })
    assert.equal(code, 1)
    assert.equal(JSON.parse(stdout).ready, false)
    for (const name of ["port", "data directory", "database", "git"]) assert.equal(of(name).state, "broken", name)
    assert.match(of("port").fix!, /PROLIFERATE_PORT=0/)
    assert.match(of("git").fix!, /install.* git/)
    assert.equal(of("Redis").state, "lack")
    assert.match(of("npm").cost!, /cannot be installed/)
    assert.ok(!`${stdout}${stderr}`.includes("swordfish"))
  } finally {
    taken.close()
  }
})

it("names the setting where the kernel gives no namespaces", slow, async () => {
  const wrap = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--keep-caps", "--", "sh", "-euc"]
  const none = 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"'
  const dataDir = temporary()
  const { code, of } = await examine({ PROLIFERATE_DATA: dataDir }, [...wrap, none, "host"])
  assert.equal(code, 1)
  assert.equal(of("util-linux").state, "broken")
  assert.equal(of("util-linux").cost, "no agent can run")
  assert.match(of("util-linux").fix!, /sudo sysctl -w user\.max_user_namespaces=15000/)
})

it.skipIf(!isRoot || lacks("bubblewrap") !== null)("goes on without bubblewrap, unless it is insisted on", slow, async () => {
  const hidden = apart("mount --bind /dev/null /usr/bin/bwrap")
  const { code, of } = await examine({}, hidden)
  assert.equal(code, 0)
  assert.deepEqual([of("bubblewrap").state, of("bubblewrap").found], ["lack", "bwrap is not installed"])
  const insisted = await examine({ PROLIFERATE_ISOLATION: "bubblewrap" }, hidden)
  assert.equal(insisted.code, 1)
  assert.equal(insisted.of("bubblewrap").state, "broken")
})

it.skipIf(!isRoot)("says when there is too little space, and that memory forgets", slow, async () => {
  const small = temporary()
  mkdirSync(join(small, "data"))
  const { code, of } = await examine(
    { PROLIFERATE_DATA: join(small, "data") },
    apart(`mount -t tmpfs -o size=300m small ${small}/data`)
  )
  assert.equal(code, 1)
  assert.match(of("space").cost!, /less than 512 MB/)
  assert.match(of("data directory").cost!, /lost/)
})

it("calls no isolation by its name", slow, async () => {
  const { code, of } = await examine({ PROLIFERATE_ISOLATION: "unsafe" })
  assert.equal(code, 0)
  assert.equal(of("isolation").state, "lack")
  assert.match(of("isolation").found, /NONE \(unsafe\)/)
})

it("does not guess at a setting that makes no sense", slow, async () => {
  const { code, stderr } = await examine({ PROLIFERATE_ISOLATION: "thick walls" })
  assert.equal(code, 1)
  assert.match(stderr, /PROLIFERATE_ISOLATION/)
})
