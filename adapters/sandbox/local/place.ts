/**
 * Where things lie below the data directory, and whose they are. All of it is closed to other users; what a sandbox's own user
 * must reach is shown to it by binds (isolation.ts), never by opening a directory.
 *
 *   sandboxes/host.json         salt of the ids, uid of the sandboxes
 *   sandboxes/<id>/record.json  records.ts
 *   sandboxes/<id>/disk/        its changes: workspace/, home/     …/work, …/merged, …/root: what mounts need
 *   sandboxes/<id>/processes    who pid 1 is on the host, written by the launcher     …/log: what it said
 *   layers/<id>/                frozen disks     snapshots/<id>.json  trash/  inside/: small files shown in every sandbox
 *   hosts/<host>                where the sandboxes of each server are that shares layers/ and snapshots/ with us, if others do
 *   run/<short>/                daemon.sock (ours), inbox/ (the sandbox's), proxy/ (ours, shown to it)
 */
import { createHash, randomBytes } from "node:crypto"
import { lchown, lstat, mkdir, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises"
import { isAbsolute, join } from "node:path"
import { Effect } from "effect"
import { makeDirectory, readRecord, writeDurably, writeRecord } from "./disk.ts"
import { attempt, failed } from "./failure.ts"
import * as limits from "./limits.ts"
import { unusedUid } from "./owner.ts"
import { HostRecord } from "./records.ts"

const base32 = "abcdefghijklmnopqrstuvwxyz234567"
const digest = (text: string): string =>
  Array.from(createHash("sha256").update(text).digest().subarray(0, 26), (byte) => base32[byte & 31]).join("")

const hostCharacters = 6
const idPrefixCharacters = "sbx_".length

/** Which server's a sandbox is. */
export const hostOfSandbox = (sandboxId: string): string =>
  sandboxId.slice(idPrefixCharacters, idPrefixCharacters + hostCharacters)

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
  /** Of this data directory; the ids of its sandboxes begin with it. */
  readonly host: string
  /** Where the records of those are who may stand on our layers: of this server, and of those it shares them with. */
  readonly neighbours: () => Promise<ReadonlyArray<string>>
  /** Several servers have these layers: what one of them is about to name is not thrown away by another. */
  readonly isShared: boolean
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

/** Whose the sandboxes of a directory are, fixed at its first use. */
const hostOf = Effect.fnUntraced(function* (path: string, asRoot: boolean, seed: string, known: HostRecord | null = null) {
  const found = yield* readRecord(path, HostRecord)
  if (found !== null) return found
  const uid = known !== null ? known.uid : asRoot ? unusedUid(Number.parseInt(digestSeed(seed), 16)) : null
  if (asRoot && uid === null) {
    return yield* failed(
      "rejected",
      "No unused user id is left to run sandboxes as. Start the server as an ordinary user instead of root."
    )
  }
  const made: HostRecord = { version: 1, salt: randomBytes(16).toString("hex"), uid }
  yield* writeRecord(path, HostRecord, made)
  return made
})

/**
 * `asRoot`: this process is root and sandboxes belong to a user of their own. `shared`: where layers and snapshots are, if several
 * servers have them; on the same disk, for a sandbox becomes a layer by being renamed.
 */
export const openPlace = Effect.fn("sandbox.openPlace")(function* (dataDir: string, asRoot: boolean, shared = dataDir) {
  if (!isAbsolute(dataDir)) return yield* failed("rejected", `The data directory must be an absolute path, not ${dataDir}.`)
  const isShared = shared !== dataDir
  const [sandboxes, trash, inside] = ["sandboxes", "trash", "inside"].map((name) => join(dataDir, name))
  const [layers, snapshots, hosts] = ["layers", "snapshots", "hosts"].map((name) => join(shared, name))
  yield* attempt(`write in the data directory ${dataDir}`, () => makeFolders(dataDir, [sandboxes!, trash!, inside!]))
  yield* attempt(`write in the data directory ${shared}`, () =>
    makeFolders(shared, [layers!, snapshots!, ...(isShared ? [hosts!] : [])])
  )
  const disks = yield* attempt("look at the disks", () => Promise.all([stat(dataDir), stat(shared)]))
  if (disks[0].dev !== disks[1].dev)
    return yield* failed(
      "rejected",
      `${shared} and ${dataDir} must be on one disk: a sandbox's disk becomes a layer by its name alone.`
    )

  const owner = isShared ? yield* hostOf(join(shared, "host.json"), asRoot, shared) : null
  const record = yield* hostOf(join(sandboxes!, "host.json"), asRoot, dataDir, owner)
  if (asRoot !== (record.uid !== null) || (owner !== null && owner.uid !== record.uid)) {
    return yield* failed(
      "rejected",
      `${dataDir} was first used as ${record.uid === null ? "an ordinary user" : "root"}, and is now used ${asRoot ? "as root" : "as an ordinary user"}${isShared ? `, with ${shared}` : ""}. Use the same user, or another data directory.`
    )
  }
  const { salt, uid } = record
  const host = digestSeed(salt).slice(0, hostCharacters)
  if (isShared) yield* attempt(`write ${hosts}`, () => writeDurably(join(hosts!, host), sandboxes!))

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
    host,
    isShared,
    neighbours: async () => {
      if (!isShared) return [sandboxes!]
      const names = (await readdir(hosts!)).filter((name) => !name.includes("."))
      const theirs = await Promise.all(names.map((name) => readFile(join(hosts!, name), "utf8")))
      return [...new Set([sandboxes!, ...theirs])]
    },
    idOf: (kind, ...parts) => {
      const made = digest([salt, ...parts].join("\0"))
      return `${kind}_${kind === "sbx" ? host + made.slice(hostCharacters) : made}`
    },
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
      const directory = join(runs, sandboxId.slice(idPrefixCharacters + hostCharacters).slice(0, 12))
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
