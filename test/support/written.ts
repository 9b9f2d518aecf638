/** What the local sandboxes wrote on disk, read and rewritten as crashes and other hands would leave it. */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"

export interface Written {
  readonly record: (sandboxId: string) => any
  readonly rewrite: (sandboxId: string, change: (record: any) => unknown) => void
  readonly forgetSnapshot: (snapshotId: string) => void
  /** The frozen layer of this snapshot becomes the sandbox's disk again. */
  readonly thaw: (sandboxId: string, snapshotId: string) => void
  readonly layers: () => ReadonlyArray<string>
  readonly trash: () => ReadonlyArray<string>
}

export const written = (dataDir: string): Written => {
  const recordFile = (sandboxId: string) => join(dataDir, "sandboxes", sandboxId, "record.json")
  const record = (sandboxId: string) => JSON.parse(readFileSync(recordFile(sandboxId), "utf8"))
  return {
    record,
    rewrite: (sandboxId, change) => writeFileSync(recordFile(sandboxId), JSON.stringify(change(record(sandboxId)))),
    forgetSnapshot: (snapshotId) => rmSync(join(dataDir, "snapshots", `${snapshotId}.json`)),
    thaw: (sandboxId, snapshotId) =>
      renameSync(join(dataDir, "layers", `lay_${snapshotId.slice(4)}`), join(dataDir, "sandboxes", sandboxId, "disk")),
    layers: () => readdirSync(join(dataDir, "layers")).filter((name) => name !== "empty"),
    trash: () => (existsSync(join(dataDir, "trash")) ? readdirSync(join(dataDir, "trash")) : [])
  }
}
