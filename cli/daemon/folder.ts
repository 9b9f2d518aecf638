/**
 * A folder of the workspace, for the host to take its files: which there are, and each piece by piece. An agent may have put anything
 * there, and may change it meanwhile: links, pipes, what leads out of the workspace and what is too much are refused, with their name.
 */
import { type FileHandle, readdir } from "node:fs/promises"
import { Effect } from "effect"
import type { Folder, FolderFiles, FolderPiece, WorkPiece } from "../../actors/ports/daemon.ts"
import { evidenceFileBytesMax, evidenceFilesMax } from "../../actors/ports/evidence.ts"
import { Astray, directoryBeneath, fileIn, within } from "./beneath.ts"
import { Limits } from "./limits.ts"
import { Place } from "./place.ts"
import { badInput, cannot, type Refusal } from "./refusal.ts"
import { cutEnd } from "./text.ts"

const depthMax = 10
const namesMax = 1_000
const cure = "put the files themselves there, and nothing else"

type Found = (typeof FolderFiles.Type)["files"][number]

const reach = <A>(run: () => Promise<A>): Effect.Effect<A, Refusal> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => {
      const { message } = cause as Error
      return cause instanceof Astray
        ? badInput(cutEnd(`${message}: ${cure}`, 500))
        : cannot("folder-failed", cutEnd(`the folder cannot be read: ${message}`, 500))
    }
  })

const sizeOf = async (directory: FileHandle, name: string): Promise<number> => {
  const file = await fileIn(directory, name)
  try {
    return (await file.stat()).size
  } finally {
    await file.close()
  }
}

const walk = async (directory: FileHandle, prefix: string, depth: number, found: Array<Found>): Promise<void> => {
  const entries = await readdir(within(directory, "."), { withFileTypes: true })
  if (depth > depthMax || entries.length > namesMax) throw new Astray(`${prefix || "the folder"} holds too much`)
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = `${prefix}${entry.name}`
    if (entry.isDirectory()) {
      const below = await directoryBeneath(within(directory, "."), entry.name)
      await walk(below, `${path}/`, depth + 1, found).finally(() => below.close())
      continue
    }
    if (!entry.isFile()) throw new Astray(`${path} is a link or no file`)
    const bytes = await sizeOf(directory, entry.name)
    if (bytes > evidenceFileBytesMax)
      throw new Astray(`${path} has ${Math.ceil(bytes / 1_048_576)} MB, and ${evidenceFileBytesMax / 1_048_576} MB are the most`)
    if (found.length >= evidenceFilesMax) throw new Astray(`there are more than ${evidenceFilesMax} files`)
    found.push({ path, bytes })
  }
}

/** Agents often name a place whole. */
const relative = (workspace: string, folder: string): string =>
  folder === workspace || folder.startsWith(`${workspace}/`) ? folder.slice(workspace.length + 1) : folder

/** Nothing is in a folder that is not there. */
export const filesOf = Effect.fnUntraced(function* ({ folder }: typeof Folder.Type) {
  const { workspace } = yield* Place
  return yield* reach(async (): Promise<typeof FolderFiles.Type> => {
    const directory = await directoryBeneath(workspace, relative(workspace, folder)).catch((cause) =>
      cause.code === "ENOENT" ? null : Promise.reject(cause)
    )
    if (directory === null) return { files: [] }
    const files: Array<Found> = []
    await walk(directory, "", 0, files).finally(() => directory.close())
    return { files }
  })
})

export const pieceOf = Effect.fnUntraced(function* ({ folder, path, offset }: typeof FolderPiece.Type) {
  const { workspace } = yield* Place
  const { workPieceBytes } = yield* Limits
  return yield* reach(async (): Promise<typeof WorkPiece.Type> => {
    const at = path.lastIndexOf("/")
    const directory = await directoryBeneath(workspace, `${relative(workspace, folder)}/${path.slice(0, at + 1)}`)
    try {
      const file = await fileIn(directory, path.slice(at + 1))
      try {
        const { buffer, bytesRead } = await file.read(Buffer.alloc(workPieceBytes), 0, workPieceBytes, offset)
        const next = bytesRead === workPieceBytes ? offset + bytesRead : null
        return { data: buffer.toString("base64", 0, bytesRead), next }
      } finally {
        await file.close()
      }
    } finally {
      await directory.close()
    }
  })
})
