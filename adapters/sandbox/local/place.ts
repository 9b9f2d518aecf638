/**
 * Where things lie below the data directory, and whose they are. All of it is closed to other users; what a sandbox's own user
 * must reach is shown to it by binds (isolation.ts), never by opening a directory.
 *
 *   sandboxes/host.json         salt of the ids, uid of the sandboxes
 *   sandboxes/<id>/record.json  records.ts
 *   sandboxes/<id>/disk/        its changes: workspace/, home/     …/work, …/merged, …/root: what mounts need
 *   sandboxes/<id>/processes    who pid 1 is on the host, written by the launcher     …/log: what it said
 *   layers/<id>/                frozen disks     snapshots/<id>.json  trash/  inside/: small files shown in every sandbox
 *   run/<short>/                daemon.sock (ours), inbox/ (the sandbox's), proxy/ (ours, shown to it)
 */
import { createHash, randomBytes } from "node:crypto"
import { lchown, lstat, mkdir, mkdtemp, rm } from "node:fs/promises"
import { isAbsolute, join } from "node:path"
import { Effect } from "effect"
import { makeDirectory, readRecord, writeRecord } from "./disk.ts"
import { attempt, failed } from "./failure.ts"
import * as limits from "./limits.ts"
import { unusedUid } from "./owner.ts"
import { HostRecord } from "./records.ts"

const base32 = "abcdefghijklmnopqrstuvwxyz234567"
const digest = (text: string): string =>
  Array.from(createHash("sha256").update(text).digest().subarray(0, 26), (byte) => base32[byte & 31]).join("")

export interface Box {
  readonly directory: string
  readonly record: string
  readonly disk: string
  readonly work: string
  readonly merged: string
  readonly root: string
  readonly processes: string
  readonly log: string
}

export interface Run {
  readonly directory: string
  /** Only we can change what this name means: a second name of the socket in the inbox, where the sandbox could put a link. */
  readonly daemonSocket: string
  readonly inbox: string
  readonly proxy: string
  readonly proxySocket: string
}

export interface Place {
  readonly dataDir: string
  readonly sandboxes: string
  readonly layers: string
  readonly snapshots: string
  readonly trash: string
  readonly inside: string
  /** An empty directory that a user without rights can reach, to mount the way in on. Null: not needed, we are that user. */
  readonly porch: string | null
  readonly uid: number | null
  readonly prefix: string
  readonly idOf: (kind: "sbx" | "snp" | "lay", ...parts: ReadonlyArray<string>) => string
  readonly box: (sandboxId: string) => Box
  readonly run: (sandboxId: string) => Run
  readonly layer: (layerId: string) => string
  readonly snapshot: (snapshotId: string) => string
  /** Gives a file or directory to the sandboxes' user. */
  readonly give: (path: string) => Promise<void>
}

/** In /tmp, where anyone could have been before us. */
const makePrivate = async (path: string) => {
  await mkdir(path, { mode: 0o700 }).catch((cause) => {
    if (cause.code !== "EEXIST") throw cause
  })
  const found = await lstat(path)
  if (!found.isDirectory() || found.uid !== process.geteuid!()) {
    throw failed("rejected", `${path} belongs to someone else. Remove it, or use another data directory.`)
  }
}

const makeFolders = async (dataDir: string, folders: ReadonlyArray<string>) => {
  await mkdir(dataDir, { recursive: true })
  for (const folder of folders) await makeDirectory(folder, 0o711)
  await rm(await mkdtemp(join(folders[0]!, ".writable-")), { recursive: true })
}

/** `asRoot`: this process is root and sandboxes belong to a user of their own. */
export const openPlace = Effect.fn("sandbox.openPlace")(function* (dataDir: string, asRoot: boolean) {
  if (!isAbsolute(dataDir)) return yield* failed("rejected", `The data directory must be an absolute path, not ${dataDir}.`)
  const [sandboxes, layers, snapshots, trash, inside] = ["sandboxes", "layers", "snapshots", "trash", "inside"].map((name) =>
    join(dataDir, name)
  )
  yield* attempt(`write in the data directory ${dataDir}`, () =>
    makeFolders(dataDir, [sandboxes!, layers!, snapshots!, trash!, inside!])
  )

  const path = join(sandboxes!, "host.json")
  let host = yield* readRecord(path, HostRecord)
  if (host === null) {
    host = {
      version: 1,
      salt: randomBytes(16).toString("hex"),
      uid: asRoot ? unusedUid(Number.parseInt(digestSeed(dataDir), 16)) : null
    }
    if (asRoot && host.uid === null) {
      return yield* failed(
        "rejected",
        "No unused user id is left to run sandboxes as. Start the server as an ordinary user instead of root."
      )
    }
    yield* writeRecord(path, HostRecord, host)
  }
  if (asRoot !== (host.uid !== null)) {
    const [then, now] = asRoot ? ["an ordinary user", "root"] : ["root", "an ordinary user"]
    return yield* failed(
      "rejected",
      `${dataDir} was first used as ${then} and is now used as ${now}. Use the same user, or another data directory.`
    )
  }
  const { salt, uid } = host

  const short = `/tmp/proliferate-${process.geteuid!()}-${digestSeed(dataDir)}`
  const longest = Buffer.byteLength(join(dataDir, "run", "x".repeat(12), "proxy", "proxy.sock"))
  const runs = longest <= limits.socketPathBytesMax ? join(dataDir, "run") : `${short}-run`
  yield* attempt(`make ${runs}`, () => makePrivate(runs))
  // One for all data directories: what is mounted on it is seen by its own mount namespace alone.
  const porch = asRoot ? `/tmp/proliferate-${process.geteuid!()}-porch` : null
  if (porch !== null) yield* attempt(`make ${porch}`, () => makePrivate(porch))

  const place: Place = {
    dataDir,
    sandboxes: sandboxes!,
    layers: layers!,
    snapshots: snapshots!,
    trash: trash!,
    inside: inside!,
    porch,
    uid,
    prefix: digestSeed(salt),
    idOf: (kind, ...parts) => `${kind}_${digest([salt, ...parts].join("\0"))}`,
    box: (sandboxId) => {
      const directory = join(sandboxes!, sandboxId)
      const inBox = (name: string) => join(directory, name)
      return {
        directory,
        record: inBox("record.json"),
        disk: inBox("disk"),
        work: inBox("work"),
        merged: inBox("merged"),
        root: inBox("root"),
        processes: inBox("processes"),
        log: inBox("log")
      }
    },
    run: (sandboxId) => {
      const directory = join(runs, sandboxId.slice(4, 16))
      const proxy = join(directory, "proxy")
      return {
        directory,
        daemonSocket: join(directory, "daemon.sock"),
        inbox: join(directory, "inbox"),
        proxy,
        proxySocket: join(proxy, "proxy.sock")
      }
    },
    layer: (layerId) => join(layers!, layerId),
    snapshot: (snapshotId) => join(snapshots!, `${snapshotId}.json`),
    give: async (path) => {
      if (uid !== null) await lchown(path, uid, uid)
    }
  }
  return place
})

const digestSeed = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 12)
