/** `proliferate doctor` on machines that lack something. */
import assert from "node:assert/strict"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { it } from "vitest"
import { isRoot, temporary } from "../support/confined.ts"
import { examine } from "../support/examine.ts"
import { lacks } from "../support/local-sandboxes.ts"

const slow = { timeout: 60_000 }
const apart = (script: string) => ["unshare", "--mount", "--propagation", "private", "sh", "-euc", `${script}; exec "$@"`, "host"]

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
