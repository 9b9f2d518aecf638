/**
 * Credentials as files: one per repository, sealed with AES-256-GCM under a key of its own file, for whom each is bound in as
 * associated data, so that a file moved to another name opens nowhere. Directory 0700, files 0600, each replaced in one rename.
 *
 * Sealed: `P1`, then nonce (12), tag (16), text. Losing the key file loses the credentials and nothing else: give them again.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto"
import { chmod, mkdir, open, readFile, rename, rm } from "node:fs/promises"
import { dirname, join } from "node:path"
import { Effect, Layer, Redacted } from "effect"
import { CredentialError, Credentials } from "../../actors/ports/credentials.ts"

const magic = Buffer.from("P1")
const nonceBytes = 12
const tagBytes = 16
const keyBytes = 32

const reach = <A>(run: () => Promise<A>) =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => {
      const { code, syscall } = cause as NodeJS.ErrnoException
      return new CredentialError({
        reason: "unavailable",
        message: `credentials cannot be stored or read (${syscall ?? "io"}: ${code ?? "?"})`
      })
    }
  })

const ifThere = async <A>(read: Promise<A>): Promise<A | null> => {
  try {
    return await read
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return null
    throw cause
  }
}

/** There whole or not at all, even when the machine stops in the middle. */
const replace = async (file: string, bytes: Uint8Array): Promise<void> => {
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

const keyIn = async (directory: string): Promise<Buffer> => {
  const file = join(directory, "key")
  const known = await ifThere(readFile(file))
  if (known !== null) return known
  await replace(file, randomBytes(keyBytes))
  return readFile(file)
}

/** `directory` is made if it is not there. */
export const layer = (directory: string): Layer.Layer<Credentials, CredentialError> =>
  Layer.effect(
    Credentials,
    Effect.gen(function* () {
      const key = yield* reach(async () => {
        await mkdir(directory, { recursive: true })
        await chmod(directory, 0o700)
        return keyIn(directory)
      })
      if (key.length !== keyBytes) {
        return yield* new CredentialError({
          reason: "unreadable",
          message: `${join(directory, "key")} is not a key: put the right one back, or remove the directory and give the credentials again`
        })
      }

      // A name that any id can be, and no path.
      const fileOf = (org: string, id: string) =>
        join(directory, `${createHash("sha256").update(`${org}\n${id}`).digest("hex")}.sealed`)
      const boundTo = (org: string, id: string) => Buffer.from(`credential\n${org}\n${id}`)

      const seal = (org: string, id: string, text: string): Buffer => {
        const nonce = randomBytes(nonceBytes)
        const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(boundTo(org, id))
        const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final()])
        return Buffer.concat([magic, nonce, cipher.getAuthTag(), sealed])
      }

      const unseal = (org: string, id: string, bytes: Buffer): string => {
        const nonceAt = magic.length
        const tagAt = nonceAt + nonceBytes
        if (!bytes.subarray(0, nonceAt).equals(magic)) throw new Error("not sealed by this version")
        const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(nonceAt, tagAt), { authTagLength: tagBytes })
          .setAAD(boundTo(org, id))
          .setAuthTag(bytes.subarray(tagAt, tagAt + tagBytes))
        return Buffer.concat([decipher.update(bytes.subarray(tagAt + tagBytes)), decipher.final()]).toString("utf8")
      }

      return Credentials.of({
        put: (org, id, secret) => reach(() => replace(fileOf(org, id), seal(org, id, Redacted.value(secret)))),
        get: Effect.fn("Credentials.get")(function* (org, id) {
          const bytes = yield* reach(() => ifThere(readFile(fileOf(org, id))))
          if (bytes === null) return null
          return yield* Effect.try({
            try: () => Redacted.make(unseal(org, id, bytes)),
            catch: () =>
              new CredentialError({
                reason: "unreadable",
                message: "the credential of this repository cannot be unsealed: add the repository again"
              })
          })
        }),
        remove: (org, id) => reach(() => rm(fileOf(org, id), { force: true }))
      })
    })
  )
