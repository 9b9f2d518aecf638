/** Takes the files of a folder out of a sandbox and keeps them as evidence: all of them, or nothing. */
import { createHash } from "node:crypto"
import { Clock, Effect } from "effect"
import type { WorkPiece } from "../ports/daemon.ts"
import { Daemons } from "../ports/daemons.ts"
import {
  type Evidence,
  EvidenceError,
  EvidenceStore,
  evidenceFileBytesMax,
  evidenceFilesMax,
  type Owner,
  sessionEvidenceBytesMax
} from "../ports/evidence.ts"

const invalid = (message: string) => Effect.fail(new EvidenceError({ reason: "invalid", message }))

/** Null: there is nothing in it. What a daemon says is a sandbox's word: bounded here again. */
export const gather = Effect.fn("gather")(function* (sandboxId: string, owner: Owner, key: string, folder: string) {
  const [daemons, store] = [yield* Daemons, yield* EvidenceStore]
  const { files } = yield* daemons.folder(sandboxId, { folder })
  if (files.length === 0) return null
  if (files.length > evidenceFilesMax) return yield* invalid(`there are more than ${evidenceFilesMax} files in ${folder}`)
  const before = (yield* store.list(owner)).flatMap((one) => one.files).reduce((sum, { bytes }) => sum + bytes, 0)
  const wanted = files.reduce((sum, { bytes }) => sum + bytes, 0)
  if (before + wanted > sessionEvidenceBytesMax)
    return yield* invalid(`the evidence of a session has at most ${sessionEvidenceBytesMax / 1_048_576} MB together`)

  const take = Effect.fnUntraced(function* (path: string, at: number) {
    const hash = createHash("sha256")
    let bytes = 0
    for (let offset: number | null = 0; offset !== null; ) {
      const piece: typeof WorkPiece.Type = yield* daemons.folderPiece(sandboxId, { folder, path, offset })
      const data = Buffer.from(piece.data, "base64")
      hash.update(data)
      yield* store.put(owner, key, at, offset, data)
      bytes += data.byteLength
      if (bytes > evidenceFileBytesMax || (piece.next !== null && piece.next !== bytes))
        return yield* invalid(`${path} changes while it is read, or is too large`)
      offset = piece.next
    }
    return { path, bytes, sha256: hash.digest("hex") }
  })

  return yield* Effect.gen(function* () {
    const taken = yield* Effect.forEach(files, ({ path }, at) => take(path, at))
    const evidence: Evidence = { key, folder, atMs: yield* Clock.currentTimeMillis, files: taken }
    yield* store.seal(owner, evidence)
    return evidence
  }).pipe(Effect.onError(() => Effect.ignore(store.drop(owner, key))))
})
