/**
 * Makes the database cluster, once: in a directory of its own that is renamed when it is whole, so that a crash in the middle
 * leaves nothing that looks like one. What such a crash left is removed at the next start.
 */
import { spawn } from "node:child_process"
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync
} from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import type { Binaries } from "./binaries.ts"
import { type EmbeddedError, embeddedError, fileError } from "./error.ts"
import type { Place } from "./place.ts"

const majorVersion = "18"
const initdbTimeoutMs = 120_000
const complaintCharsMax = 4_096

const initdb = (binaries: Binaries, root: string, directory: string): Effect.Effect<void, EmbeddedError> =>
  Effect.callback<void, EmbeddedError>((resume) => {
    const locale = ["--no-locale", "--encoding=UTF8"]
    // Trust: whoever reaches the socket's directory, 0700, is its owner.
    const { file, args, options } = binaries.invoke("initdb", ["-D", directory, "-U", "postgres", "--auth=trust", ...locale])
    const child = spawn(file, args, { ...options, stdio: ["ignore", "ignore", "pipe"] })
    let said = ""
    child.stderr.on("data", (chunk) => {
      said = (said + chunk).slice(-complaintCharsMax)
    })
    child.once("error", (cause) => resume(Effect.fail(embeddedError("failed", cause.message))))
    child.once("close", (code) => {
      if (code === 0) return resume(Effect.void)
      const isFull = /No space left on device|quota exceeded/i.test(said)
      const problem = said.match(/(?:error|FATAL|PANIC): +.*/)?.[0] ?? `exit code ${code}`
      resume(Effect.fail(isFull ? fileError(root, { code: "ENOSPC" }) : embeddedError("failed", `initdb: ${problem}`)))
    })
    return Effect.sync(() => child.kill("SIGKILL"))
  }).pipe(
    Effect.timeoutOrElse({
      duration: initdbTimeoutMs,
      orElse: () => Effect.fail(embeddedError("failed", `initdb took longer than ${initdbTimeoutMs / 1000} s`))
    })
  )

const remains = /^cluster\.new-/

export const makeCluster = Effect.fn("makeCluster")(function* (place: Place, binaries: Binaries) {
  const { root, cluster } = place
  const attempt = <A>(work: () => A) => Effect.try({ try: work, catch: (cause) => fileError(root, cause) })

  for (const name of yield* attempt(() => readdirSync(root))) {
    // Its initdb may still run, and then fail for want of its files; what that leaves is for the next start.
    if (remains.test(name)) yield* Effect.ignore(attempt(() => rmSync(join(root, name), { recursive: true, force: true })))
  }
  if (existsSync(cluster)) {
    const version = yield* attempt(() => readFileSync(join(cluster, "PG_VERSION"), "utf8").trim())
    // What a copy or a backup has opened to others, PostgreSQL refuses.
    if (version === majorVersion) return yield* attempt(() => chmodSync(cluster, 0o700))
    return yield* embeddedError(
      "directory",
      `${cluster} was made by PostgreSQL ${version}, this is ${majorVersion}; move it away`
    )
  }

  const unfinished = join(root, `cluster.new-${process.pid}`)
  yield* attempt(() => {
    mkdirSync(unfinished, { mode: 0o700 })
    if (binaries.owner !== null) chownSync(unfinished, binaries.owner.uid, binaries.owner.gid)
  })
  yield* initdb(binaries, root, unfinished).pipe(
    Effect.onError(() => Effect.ignore(attempt(() => rmSync(unfinished, { recursive: true, force: true }))))
  )
  yield* attempt(() => {
    renameSync(unfinished, cluster)
    const directory = openSync(root, "r")
    fsyncSync(directory)
    closeSync(directory)
  })
})
