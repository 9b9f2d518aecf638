/**
 * Keeping and restoring a workspace of 20,000 files and 200 MB, against `cp -a` of the same tree on the same disk. Keeping: from the
 * request to a snapshot that is on disk, its sandbox stopped. Restoring: from the request to a daemon that answers over it.
 */
import { execFileSync } from "node:child_process"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { Daemons } from "../../actors/ports/daemons.ts"
import { Sandboxes } from "../../actors/ports/sandboxes.ts"
import { node } from "../../adapters/sandbox/local/inside.ts"
import { type Row, rowOf } from "./rows.ts"
import { directory, sandboxesIn } from "./sandbox.ts"

const [folders, filesEach, fileBytes] = [200, 100, 10_000]
const counted = 2

const fill = (root: string): void => {
  for (let folder = 0; folder < folders; folder++) {
    const path = join(root, `folder${folder}`)
    mkdirSync(path, { recursive: true })
    for (let file = 0; file < filesEach; file++)
      writeFileSync(join(path, `file${file}`), Buffer.alloc(fileBytes, `${folder}/${file} `))
  }
}
/** The same, run inside. */
const filling = `const { mkdirSync, writeFileSync } = require("node:fs"); const { join } = require("node:path")
const [folders, filesEach, fileBytes] = [${folders}, ${filesEach}, ${fileBytes}]
;(${fill.toString()})("/workspace/tree")`

const took = Effect.fnUntraced(function* <A, E>(work: Effect.Effect<A, E>) {
  const startedAt = performance.now()
  const value = yield* work
  return { value, ms: performance.now() - startedAt }
})

export const benchSnapshot = Effect.gen(function* () {
  const at = yield* directory
  const tree = join(at, "tree")
  yield* Effect.sync(() => fill(tree))
  return yield* Effect.gen(function* () {
    const [sandboxes, daemons] = [yield* Sandboxes, yield* Daemons]
    const provision = (key: string, snapshotId: string | null) =>
      sandboxes.provision({ key, org: "org_bench", sessionId: `ses_${key}`, snapshotId })
    const [kept, restored, copied]: [Array<number>, Array<number>, Array<number>] = [[], [], []]
    for (let round = 0; round <= counted; round++) {
      const { sandboxId } = yield* provision(`keep${round}`, null)
      const { exitCode, stderr } = yield* daemons.exec(sandboxId, {
        argv: [node, "-e", filling],
        timeoutMs: 60_000
      })
      if (exitCode !== 0) return yield* Effect.die(new Error(`the files could not be made: ${stderr}`))
      const capture = yield* took(sandboxes.capture(sandboxId, `key${round}`))
      const restore = yield* took(provision(`again${round}`, capture.value.snapshotId))
      const { stdout } = yield* daemons.exec(restore.value.sandboxId, {
        argv: ["/bin/sh", "-c", "find /workspace/tree -type f | wc -l"],
        timeoutMs: 60_000
      })
      if (Number(stdout) !== folders * filesEach) return yield* Effect.die(new Error(`${stdout} files were restored`))
      yield* sandboxes.destroy(restore.value.sandboxId)
      yield* sandboxes.destroy(sandboxId)
      yield* sandboxes.discard(capture.value.snapshotId)
      const copy = yield* took(Effect.sync(() => execFileSync("cp", ["-a", tree, join(at, "copy")])))
      yield* Effect.sync(() => rmSync(join(at, "copy"), { recursive: true }))
      if (round === 0) continue
      kept.push(capture.ms)
      restored.push(restore.ms)
      copied.push(copy.ms)
    }
    return [
      rowOf("snapshot, 200 MB in 20000 files", "cp -a", "ms", kept, copied, 4),
      rowOf("restore, 200 MB in 20000 files", "cp -a", "ms", restored, copied, 4)
    ] satisfies ReadonlyArray<Row>
  }).pipe(Effect.provide(sandboxesIn(join(at, "data"))))
})
