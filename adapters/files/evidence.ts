/**
 * Evidence as boxes of a session (shelves.ts): its files by their numbers, never by names that a sandbox gave them, and
 * `evidence.json`, written last. It is kept for 90 days.
 */
import { readdir, readFile, rm } from "node:fs/promises"
import { join } from "node:path"
import { Clock, Effect, Layer, Schema } from "effect"
import {
  Evidence,
  EvidenceError,
  EvidenceStore,
  evidenceFileBytesMax,
  evidenceFilesMax,
  evidencePieceBytesMax,
  type Owner,
  sessionEvidenceBytesMax
} from "../../actors/ports/evidence.ts"
import { inTurns, openShelves, orNone, reaching, readAt, sizeOf, writeAt, writeWhole } from "./shelves.ts"

const keptMs = 90 * 24 * 3_600_000
const manifest = "evidence.json"

const parse = Schema.decodeUnknownSync(Schema.fromJsonString(Evidence))
const fail = (reason: EvidenceError["reason"], message: string) => new EvidenceError({ reason, message })
const reach = reaching("evidence", EvidenceError)

export const layer = (directory: string): Layer.Layer<EvidenceStore, EvidenceError> =>
  Layer.effect(
    EvidenceStore,
    Effect.gen(function* () {
      const nowMs = yield* Clock.currentTimeMillis
      const { boxOf, boxes } = yield* reach(() => openShelves(directory, keptMs, nowMs))

      const find = async (owner: Owner, key: string): Promise<Evidence | null> => {
        const text = await readFile(join(boxOf(owner, key), manifest), "utf8").catch(orNone)
        return text === null ? null : parse(text)
      }

      const inTurn = inTurns()
      /** Of all boxes, sealed or not, without this file. */
      const heldBeside = async (owner: Owner, key: string, file: number) => {
        const besides = join(boxOf(owner, key), String(file))
        let bytes = 0
        for (const box of (await boxes(owner)).map((one) => boxOf(owner, one)))
          for (const name of (await readdir(box).catch(orNone)) ?? []) {
            const path = join(box, name)
            if (/^[0-9]+$/.test(name) && path !== besides) bytes += await sizeOf(path)
          }
        return bytes
      }

      const put = async (owner: Owner, key: string, file: number, offset: number, bytes: Uint8Array) => {
        if (file >= evidenceFilesMax || offset + bytes.byteLength > evidenceFileBytesMax)
          throw fail("invalid", `evidence has at most ${evidenceFilesMax} files of ${evidenceFileBytesMax / 1_048_576} MB each`)
        if ((await heldBeside(owner, key, file)) + offset + bytes.byteLength > sessionEvidenceBytesMax)
          throw fail("invalid", `the evidence of a session has at most ${sessionEvidenceBytesMax / 1_048_576} MB together`)
        await writeAt(boxOf(owner, key), String(file), offset, bytes)
      }

      return EvidenceStore.of({
        put: (owner, key, file, offset, bytes) => reach(() => inTurn(owner, () => put(owner, key, file, offset, bytes))),
        seal: (owner, evidence) => reach(() => writeWhole(boxOf(owner, evidence.key), manifest, JSON.stringify(evidence))),
        drop: (owner, key) =>
          reach(() =>
            inTurn(owner, async () => {
              if ((await find(owner, key)) === null) await rm(boxOf(owner, key), { recursive: true, force: true })
            })
          ),
        find: (owner, key) => reach(() => find(owner, key)),
        list: (owner) =>
          reach(async () => {
            const all = await Promise.all((await boxes(owner)).map((key) => find(owner, key)))
            return all.filter((one) => one !== null).sort((a, b) => b.atMs - a.atMs)
          }),
        read: (owner, key, file, offset) =>
          reach(async () => {
            const bytes = await readAt(boxOf(owner, key), String(file), offset, evidencePieceBytesMax)
            if (bytes === null) throw fail("missing", `evidence ${key} has no file ${file}`)
            return bytes
          })
      })
    })
  )
