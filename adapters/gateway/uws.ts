/**
 * Loads uWebSockets.js. Its package is not its makers' own, so the addon must have the SHA-256 that is pinned here; where glibc is
 * older than 2.38 a relinked copy is loaded from a private directory, made again if it is not what relinking gives. No install
 * script and nothing in node_modules is touched. Answers why, where it cannot be loaded.
 */

import type * as UWS from "uWebSockets.js"
import { createHash, randomBytes } from "node:crypto"
import { lstatSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { relink } from "./relink.ts"

const version = "20.57.0"
/** Of this version, by platform, architecture and Node's ABI (127: Node 22, 137: Node 24). */
const pinned: Readonly<Record<string, string>> = {
  darwin_arm64_127: "6180345d453e2e113feb2b0d76376493cd6a90056c3483fc22de7b0c340dc231",
  darwin_arm64_137: "2187391c702fa7ad3bf685eff7712c15cf24fa7cf324a131dfcbae3fd0f20a9a",
  darwin_x64_127: "fd551673f3ce1f104d7cec3ba8f628d9d04853eff1045c9d95983372ed90bca0",
  darwin_x64_137: "98fd7e9456e2d37d3262b05b053d673830927f91c63c0c2ae73bde8d19eef293",
  linux_arm64_127: "82b79bd18d1e3563de336156005bd01b7f39fc387b65173d69a29da4ee79f895",
  linux_arm64_137: "88618b30ddf6b2b62310db89f40a701616676352aac5e0f6184dd8ef876199ce",
  linux_x64_127: "4b55b1f2cb7a7913febbb65a89496412b96af77e838552980092ba6b33723aac",
  linux_x64_137: "98128405dba2fb608448e921a979530f70c946a2cc9889c15f2fa70c2d00ab05"
}

export type Loaded = { readonly uws: typeof UWS; readonly how: string } | { readonly uws: null; readonly why: string }

const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

const open = (file: string): typeof UWS => {
  const addon = { exports: {} as typeof UWS }
  process.dlopen(addon, file)
  return addon.exports
}

/** A directory that no one else can write into: what is in it is loaded into this process. */
const privateDirectory = (): string => {
  const directory = join(tmpdir(), `proliferate-uws-${process.getuid?.() ?? 0}`)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const seen = lstatSync(directory)
  const isOurs = seen.isDirectory() && seen.uid === (process.getuid?.() ?? seen.uid) && (seen.mode & 0o077) === 0
  if (!isOurs) throw new Error(`${directory} is open to others: remove it`)
  return directory
}

const same = (file: string, bytes: Uint8Array): boolean => {
  try {
    return readFileSync(file).equals(bytes)
  } catch {
    return false
  }
}

const relinked = (original: Uint8Array): string => {
  const bytes = relink(original)
  const file = join(privateDirectory(), `${digest(bytes).slice(0, 16)}.node`)
  if (!same(file, bytes)) {
    const draft = `${file}.${randomBytes(6).toString("hex")}`
    writeFileSync(draft, bytes, { mode: 0o600, flag: "wx" })
    renameSync(draft, file)
  }
  return file
}

const load = (): Loaded => {
  const name = `${process.platform}_${process.arch}_${process.versions.modules}`
  try {
    const folder = dirname(createRequire(import.meta.url).resolve("uWebSockets.js"))
    const bytes = readFileSync(join(folder, `uws_${name}.node`))
    if (digest(bytes) !== pinned[name]) return { uws: null, why: `its addon for ${name} is not the one that is pinned` }
    try {
      return { uws: open(join(folder, `uws_${name}.node`)), how: `uWebSockets.js ${version}` }
    } catch (error) {
      if (!/GLIBC_2\.38/.test(String(error))) throw error
      return { uws: open(relinked(bytes)), how: `uWebSockets.js ${version}, relinked for this glibc` }
    }
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === "ENOENT" ? `it has no addon for ${name}` : String(error).split("\n")[0]!
    return { uws: null, why }
  }
}

let loaded: Loaded | undefined

/** Once per process. */
export const loadUws = (): Loaded => (loaded ??= load())
