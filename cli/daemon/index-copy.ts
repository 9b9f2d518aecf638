/**
 * A copy of a repository's index, to work on without touching the repository. Git takes a file for unchanged if it is as old and as
 * long as its entry says and older than the index; so the copy must not look newer than the index it was made of.
 */
import { copyFile, stat, utimes } from "node:fs/promises"
import { resolve } from "node:path"
import { Effect } from "effect"
import { files } from "./clone.ts"
import { git } from "./git.ts"

export const copyIndex = Effect.fnUntraced(function* (cwd: string, to: string) {
  const own = resolve(cwd, (yield* git(["rev-parse", "--git-path", "index"], { cwd })).trim())
  yield* files(async () => {
    try {
      await copyFile(own, to)
    } catch {
      // A repository without one has nothing in it yet.
      return
    }
    const { atime, mtimeMs } = await stat(own)
    // A second older costs a look at some more files, and no fraction of a second is lost on the way.
    await utimes(to, atime, mtimeMs / 1000 - 1)
  })
})
