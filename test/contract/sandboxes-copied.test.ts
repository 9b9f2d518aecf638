/** The contract of the sandboxes once more, on a disk where no overlay can be mounted: every disk is a copy. */
import assert from "node:assert/strict"
import { mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, it } from "vitest"
import { isRoot, playedIn, temporary } from "../support/confined.ts"
import { sandboxStories } from "./sandbox-stories.ts"

const why = isRoot ? null : "only root can make such a disk"
describe.skipIf(why !== null)(`sandboxes: local, copied disks${why === null ? "" : ` (${why})`}`, () => {
  const at = temporary()
  for (const name of ["lower", "upper", "work", "disk"]) mkdirSync(join(at, name), { recursive: true })
  // An overlay cannot be written into another.
  const mounted = 'cd "$1"; mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay disk; cd /; shift; exec "$@"'
  const wrap = ["unshare", "--mount", "--propagation", "private", "sh", "-euc", mounted, "mounted", at]
  const played = playedIn(wrap, "", join(at, "disk"))
  for (const { title } of sandboxStories)
    it(title, { timeout: 120_000 }, async () => assert.equal((await played()).get(title), null))

  it("knows that it copies", () => {
    assert.match(JSON.parse(readFileSync(join(at, "upper", "isolation.json"), "utf8")).disks, /copy|reflink/)
  })
})
