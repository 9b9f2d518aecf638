/** A directory of ours, made for its owner alone, and the key in it that sandbox tokens are derived from; several servers may share one. */
import { randomBytes } from "node:crypto"
import { accessSync, chmodSync, constants, existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { Effect, Redacted, Schema } from "effect"

export class DataDirectoryError extends Schema.TaggedError<DataDirectoryError>()("DataDirectoryError", {
  message: Schema.String
}) {}

const keyBytes = 32

const words: Readonly<Record<string, string>> = {
  EACCES: "it may not be written",
  EROFS: "it is on a read-only file system",
  ENOSPC: "its disk is full",
  ENOTDIR: "a part of the path is a file",
  EEXIST: "it is a file"
}

/** Makes it if it is not there, and reads or makes its key. */
export const openDataDirectory = (dataDir: string, variable = "PROLIFERATE_DATA") =>
  Effect.try({
    try: () => {
      // Parents keep the usual mode: recursive mkdir would give them ours.
      mkdirSync(dirname(dataDir), { recursive: true })
      if (!existsSync(dataDir)) mkdirSync(dataDir, { mode: 0o700 })
      accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK)
      const file = join(dataDir, "host.key")
      if (!existsSync(file)) {
        const draft = `${file}.${process.pid}`
        writeFileSync(draft, randomBytes(keyBytes), { mode: 0o600, flush: true })
        chmodSync(draft, 0o600)
        try {
          linkSync(draft, file)
        } catch (cause) {
          // Another server was quicker: its key is the one.
          if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause
        }
        rmSync(draft)
      }
      const key = readFileSync(file)
      if (key.length !== keyBytes) throw Object.assign(new Error(`${file} is not a key of ${keyBytes} bytes`), { code: "EKEY" })
      return Redacted.make<Uint8Array>(key)
    },
    catch: (cause) => {
      const { code, message } = cause as NodeJS.ErrnoException
      return new DataDirectoryError({
        message: `the data directory ${dataDir} cannot be used: ${words[code ?? ""] ?? message}. Mend it, or set ${variable} to another.`
      })
    }
  })
