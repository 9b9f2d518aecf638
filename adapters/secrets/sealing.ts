/**
 * Sealing with AES-256-GCM under a key in a file of its own, mode 0600. For whom something is sealed is bound in as associated
 * data, so that what is moved to another place opens nowhere. Sealed: `P1`, then nonce (12), tag (16), text.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto"
import { chmod, mkdir, open, readFile, rename, rm } from "node:fs/promises"
import { dirname, join } from "node:path"

const magic = Buffer.from("P1")
const nonceBytes = 12
const tagBytes = 16
const keyBytes = 32

export const ifThere = async <A>(read: Promise<A>): Promise<A | null> => {
  try {
    return await read
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return null
    throw cause
  }
}

/** There whole or not at all, even when the machine stops in the middle. */
export const replace = async (file: string, bytes: Uint8Array): Promise<void> => {
  const draft = `${file}.${randomBytes(6).toString("hex")}`
  try {
    const handle = await open(draft, "wx", 0o600)
    try {
      await handle.writeFile(bytes)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(draft, file)
    const directory = await open(dirname(file), "r")
    await directory.sync().finally(() => directory.close())
  } catch (cause) {
    await rm(draft, { force: true })
    throw cause
  }
}

/** The key in `directory`, which is made for its owner alone if it is not there; null: what is there is no key. */
export const keyIn = async (directory: string): Promise<Buffer | null> => {
  await mkdir(directory, { recursive: true })
  await chmod(directory, 0o700)
  const file = join(directory, "key")
  if ((await ifThere(readFile(file))) === null) await replace(file, randomBytes(keyBytes))
  const key = await readFile(file)
  return key.length === keyBytes ? key : null
}

export const seal = (key: Uint8Array, boundTo: string, text: string): Buffer => {
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(boundTo))
  const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final()])
  return Buffer.concat([magic, nonce, cipher.getAuthTag(), sealed])
}

/** Throws where it was not sealed so. */
export const unseal = (key: Uint8Array, boundTo: string, sealed: Uint8Array): string => {
  const bytes = Buffer.from(sealed)
  const nonceAt = magic.length
  const tagAt = nonceAt + nonceBytes
  if (!bytes.subarray(0, nonceAt).equals(magic)) throw new Error("not sealed by this version")
  const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(nonceAt, tagAt), { authTagLength: tagBytes })
    .setAAD(Buffer.from(boundTo))
    .setAuthTag(bytes.subarray(tagAt, tagAt + tagBytes))
  return Buffer.concat([decipher.update(bytes.subarray(tagAt + tagBytes)), decipher.final()]).toString("utf8")
}
