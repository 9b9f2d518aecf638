/**
 * Credentials as files: one per repository, sealed (sealing.ts) for whom each is bound in, so that a file moved to another name
 * opens nowhere. Directory 0700, files 0600, each replaced in one rename. Losing the key file loses the credentials and nothing
 * else: give them again.
 */
import { createHash } from "node:crypto"
import { readFile, rm } from "node:fs/promises"
import { join } from "node:path"
import { Effect, Layer, Redacted } from "effect"
import { CredentialError, Credentials } from "../../actors/ports/credentials.ts"
import { ifThere, keyIn, replace, seal, unseal } from "./sealing.ts"

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

/** `directory` is made if it is not there. */
export const layer = (directory: string): Layer.Layer<Credentials, CredentialError> =>
  Layer.effect(
    Credentials,
    Effect.gen(function* () {
      const key = yield* reach(() => keyIn(directory))
      if (key === null) {
        return yield* new CredentialError({
          reason: "unreadable",
          message: `${join(directory, "key")} is not a key: put the right one back, or remove the directory and give the credentials again`
        })
      }

      // A name that any id can be, and no path.
      const fileOf = (org: string, id: string) =>
        join(directory, `${createHash("sha256").update(`${org}\n${id}`).digest("hex")}.sealed`)
      const boundTo = (org: string, id: string) => `credential\n${org}\n${id}`

      return Credentials.of({
        put: (org, id, secret) => reach(() => replace(fileOf(org, id), seal(key, boundTo(org, id), Redacted.value(secret)))),
        get: Effect.fn("Credentials.get")(function* (org, id) {
          const bytes = yield* reach(() => ifThere(readFile(fileOf(org, id))))
          if (bytes === null) return null
          return yield* Effect.try({
            try: () => Redacted.make(unseal(key, boundTo(org, id), bytes)),
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
