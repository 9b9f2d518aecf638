/**
 * Deleting trees off the hot path. What is thrown away is renamed into the trash, at once and for good, and deleted there by a
 * fibre; what a crash left there is deleted after the next start.
 */

import { randomUUID } from "node:crypto"
import { readdir } from "node:fs/promises"
import { basename, join } from "node:path"
import { Effect, Queue } from "effect"
import type { SandboxError } from "../../../actors/ports/sandboxes.ts"
import { unending } from "../../../runtime/unending.ts"
import { orMissing, renameDurably } from "./disk.ts"
import { attempt } from "./failure.ts"
import type { Place } from "./place.ts"
import { run } from "./run.ts"

const deleteMs = 600_000

export interface Trash {
  /** Throwing away what is not there succeeds. */
  readonly throwAway: (path: string) => Effect.Effect<void, SandboxError>
}

/** Directories without any right for their owner are common: an overlay's work directory is one. Root needs no right. */
const deleteTree = (path: string) =>
  run(
    ["/bin/sh", "-c", '[ "$(id -u)" = 0 ] || chmod -R u+rwX -- "$1"; exec rm -rf --one-file-system -- "$1"', "delete", path],
    deleteMs,
    `delete ${path}`
  )

export const makeTrash = Effect.fn("sandbox.makeTrash")(function* (place: Place) {
  const wanted = yield* Queue.sliding<void>(1)
  yield* Queue.offer(wanted, undefined)
  const emptied = Effect.gen(function* () {
    yield* Queue.take(wanted)
    const names = yield* attempt("look into the trash", () => readdir(place.trash))
    for (const name of names) {
      yield* deleteTree(join(place.trash, name)).pipe(
        Effect.catch((error) => Effect.logWarning("left in the trash until later", error.message))
      )
    }
  }).pipe(Effect.catch((error) => Effect.logWarning(error.message)))
  yield* Effect.forkScoped(unending("emptying the trash", emptied))

  const throwAway = Effect.fnUntraced(function* (path: string) {
    const away = join(place.trash, `${basename(path)}.${randomUUID()}`)
    const isElsewhere = yield* attempt(`throw away ${path}`, () =>
      orMissing(renameDurably(path, away)).then(
        () => false,
        (cause) => {
          if (cause.code === "EXDEV") return true
          throw cause
        }
      )
    )
    // Only what is small lies on another disk: sockets, when the data directory's own path is too long for them.
    if (isElsewhere) return yield* deleteTree(path)
    yield* Queue.offer(wanted, undefined)
  })
  return { throwAway } satisfies Trash
})
