/** A folder of the workspace as the host takes it: its files, and never what a link, a pipe or a path leads to. */
import { execFileSync } from "node:child_process"
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { sandboxId, startDaemon } from "./support.ts"

const world = Effect.gen(function* () {
  const { client, directory, workspace } = yield* startDaemon()
  const folder = join(workspace, "shown")
  mkdirSync(join(folder, "deep"), { recursive: true })
  writeFileSync(join(directory, "secret"), "a secret of the host\n")
  const files = (path: string) => client.folder(sandboxId, { folder: path })
  const refused = (path: string) => Effect.map(Effect.flip(files(path)), ({ message }) => message)
  return { client, directory, workspace, folder, files, refused }
})

it.live("its files come whole, in pieces, by a path below the workspace or the whole path", () =>
  Effect.gen(function* () {
    const { client, folder, files, workspace } = yield* world
    writeFileSync(join(folder, "a.txt"), "one\n")
    const large = Buffer.alloc(5_000_000, "0123456789")
    writeFileSync(join(folder, "deep/b.bin"), large)
    const listed = [
      { path: "a.txt", bytes: 4 },
      { path: "deep/b.bin", bytes: 5_000_000 }
    ]
    assert.deepStrictEqual((yield* files("shown/")).files, listed)
    assert.deepStrictEqual((yield* files(join(workspace, "shown"))).files, listed)
    assert.deepStrictEqual((yield* files("not/there")).files, [])
    const pieces: Array<Buffer> = []
    for (let offset: number | null = 0; offset !== null; ) {
      const piece: { data: string; next: number | null } = yield* client.folderPiece(sandboxId, {
        folder: "shown",
        path: "deep/b.bin",
        offset
      })
      pieces.push(Buffer.from(piece.data, "base64"))
      offset = piece.next
    }
    assert.isTrue(Buffer.concat(pieces).equals(large))
  })
)

it.live("a path that leaves the workspace is refused, however it is written", () =>
  Effect.gen(function* () {
    const { client, refused } = yield* world
    for (const path of ["..", "../", "shown/../..", "/etc", "shown/../../secret"])
      assert.match(yield* refused(path), /leads out of the workspace/, path)
    const piece = yield* Effect.flip(client.folderPiece(sandboxId, { folder: "shown", path: "../../secret", offset: 0 }))
    assert.match(piece.message, /leads out of the workspace/)
  })
)

it.live("a link is refused by its name: to a file, to a folder, in the way to it, and as the folder", () =>
  Effect.gen(function* () {
    const { client, directory, folder, refused, workspace } = yield* world
    symlinkSync(join(directory, "secret"), join(folder, "innocent.txt"))
    assert.match(yield* refused("shown"), /innocent\.txt is a link/)
    const piece = yield* Effect.flip(client.folderPiece(sandboxId, { folder: "shown", path: "innocent.txt", offset: 0 }))
    assert.match(piece.message, /innocent\.txt is a link/)
    symlinkSync(directory, join(workspace, "elsewhere"))
    assert.match(yield* refused("elsewhere"), /is a link or no directory/)
    assert.match(yield* refused("elsewhere/home"), /is a link or no directory/)
    const through = yield* Effect.flip(client.folderPiece(sandboxId, { folder: "elsewhere", path: "secret", offset: 0 }))
    assert.match(through.message, /is a link or no directory/)
  })
)

it.live("a pipe is not waited for, and what is too much is refused with what the most is", () =>
  Effect.gen(function* () {
    const { folder, refused, workspace } = yield* world
    execFileSync("mkfifo", [join(folder, "pipe")])
    assert.match(yield* refused("shown"), /pipe is a link or no file/)
    mkdirSync(join(workspace, "many"))
    for (let n = 0; n < 51; n++) writeFileSync(join(workspace, "many", `${n}`), "")
    assert.match(yield* refused("many"), /more than 50 files/)
    mkdirSync(join(workspace, "large"))
    writeFileSync(join(workspace, "large", "film"), Buffer.alloc(25 * 1_048_576 + 1))
    assert.match(yield* refused("large"), /film has 26 MB, and 25 MB are the most/)
  })
)
