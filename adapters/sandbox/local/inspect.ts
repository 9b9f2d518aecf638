/** What this host gives sandboxes, found out as a server does at its start (probe.ts, cgroup.ts), on a directory that goes again. */
import { mkdtemp, rm } from "node:fs/promises"
import { availableParallelism } from "node:os"
import { dirname, join } from "node:path"
import { Effect } from "effect"
import { advice } from "./advice.ts"
import { findCgroups } from "./cgroup.ts"
import { freeBytes } from "./disk.ts"
import { attempt } from "./failure.ts"
import { writeInside } from "./inside.ts"
import * as limits from "./limits.ts"
import { openPlace } from "./place.ts"
import { isolations, look } from "./probe.ts"
import { filterFor } from "./seccomp/filter.ts"
import { makeTrash } from "./trash.ts"

const scratch = (parent: string) =>
  Effect.acquireRelease(
    attempt(`write in ${parent}`, () => mkdtemp(join(parent, ".doctor-"))),
    (directory) => Effect.promise(() => rm(directory, { recursive: true, force: true }).catch(() => {}))
  )

/** `parent`: a directory on the disk where sandboxes shall be. */
export const inspectHost = Effect.fn("sandbox.inspectHost")(function* (parent: string) {
  const place = yield* openPlace(join(yield* scratch(parent), "sandboxes"), process.geteuid!() === 0)
  // Where the path is too long for sockets, theirs are elsewhere.
  const sockets = dirname(place.run("sbx_".padEnd(16, "x")).directory)
  yield* Effect.addFinalizer(() => Effect.promise(() => rm(sockets, { recursive: true, force: true }).catch(() => {})))
  const filter = filterFor(process.arch, false)
  yield* writeInside(place, filter)
  const { memoryBytesMax, processesMax } = limits
  const cgroups = yield* findCgroups(place.prefix, {
    memoryBytesMax,
    processesMax,
    cpusMax: limits.cpusMax(availableParallelism())
  })
  const host = { place, trash: yield* makeTrash(place), cgroups: cgroups.name, filter }
  const ways = yield* Effect.forEach(isolations, (isolation) =>
    Effect.map(look(host, isolation), (seen) => ({ name: isolation.name, needs: isolation.needs, ...seen }))
  )
  const free = yield* attempt("look at the disk", () => freeBytes(parent))
  return {
    ways,
    cgroups: { name: cgroups.name, countsMemory: cgroups.countsMemory },
    filtered: filter !== null,
    free,
    freeMin: limits.freeBytesMin,
    advice: advice()
  }
}, Effect.scoped)
