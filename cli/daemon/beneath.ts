/**
 * Files below a directory that an agent may have made hostile: no part of a path is a symlink, from the directory itself on, also when
 * one is put there meanwhile. Each part is opened in the one before, by the descriptor that holds it.
 */
import { constants } from "node:fs"
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises"

/** The path leads somewhere else, or through something that is no directory. */
export class Astray extends Error {}

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY, O_CREAT, O_EXCL } = constants
const isAstray = ({ code }: NodeJS.ErrnoException) => code === "ELOOP" || code === "ENOTDIR"

/** `name` in an open directory. */
export const within = ({ fd }: FileHandle, name: string): string => `/proc/self/fd/${fd}/${name}`

/** Names alone, of a relative path; throws where it would leave. */
const partsOf = (path: string): ReadonlyArray<string> => {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".")
  if (path.startsWith("/") || parts.includes("..") || path.includes("\0"))
    throw new Astray(`${JSON.stringify(path)} leads out of the workspace`)
  return parts
}

const step = async (path: string, shown: string): Promise<FileHandle> => {
  try {
    return await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  } catch (cause) {
    throw isAstray(cause as NodeJS.ErrnoException) ? new Astray(`${shown} is a link or no directory`) : cause
  }
}

/** The directory at `path` below `root`, made if `make`; whoever asked closes it. */
export const directoryBeneath = async (root: string, path: string, make = false): Promise<FileHandle> => {
  const parts = partsOf(path)
  let current = await step(root, "the workspace")
  for (const part of parts) {
    const next = within(current, part)
    try {
      if (make) await mkdir(next).catch((cause) => (cause.code === "EEXIST" ? undefined : Promise.reject(cause)))
      const found = await step(next, path)
      await current.close()
      current = found
    } catch (cause) {
      await current.close()
      throw cause
    }
  }
  return current
}

/** A regular file in an open directory; a pipe or a device is never waited for. Whoever asked closes it. */
export const fileIn = async (directory: FileHandle, name: string): Promise<FileHandle> => {
  let file: FileHandle
  try {
    file = await open(within(directory, name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  } catch (cause) {
    throw isAstray(cause as NodeJS.ErrnoException) ? new Astray(`${name} is a link`) : cause
  }
  if ((await file.stat()).isFile()) return file
  await file.close()
  throw new Astray(`${name} is no file`)
}

/** All of a file as text; null where it is longer. */
export const textIn = async (directory: FileHandle, name: string, bytesMax: number): Promise<string | null> => {
  const file = await fileIn(directory, name)
  try {
    return (await file.stat()).size > bytesMax ? null : await file.readFile("utf8")
  } finally {
    await file.close()
  }
}

/** Whole or not at all; what stood there under this name, a link too, is replaced and not followed. */
export const replaceIn = async (directory: FileHandle, name: string, text: string): Promise<void> => {
  const draft = within(directory, `.${name}.new`)
  await rm(draft, { force: true })
  const file = await open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o644)
  try {
    await file.writeFile(text)
  } finally {
    await file.close()
  }
  await rename(draft, within(directory, name))
}
