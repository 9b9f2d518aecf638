/**
 * A server of sandboxes as a process of its own, to be killed or confined. First argument:
 *
 *   serve   provisions a sandbox for KEY, tells its id and goes on until it is killed
 *   open    provisions and destroys one, and tells how that went
 *   ask     tells what KEY, a shell command, says in one
 *   crowd   fills the disk from inside one, and tells what becomes of it, of another, and of another when there is space again
 *   fill    as open, once the disk has been filled behind its back
 *   play    plays the contract's stories and tells of each how it ended
 *   tidy    opens, and tells when nothing is left in the trash
 */
import { readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Schedule } from "effect"
import { Sandboxes } from "../../actors/ports/sandboxes.ts"
import type { Isolation } from "../../adapters/sandbox/local/isolation.ts"
import { sandboxStories } from "../contract/sandbox-stories.ts"
import { shell } from "./daemon-exec.ts"
import { localSandboxes } from "./local-sandboxes.ts"
import { type SandboxStory, worldOf } from "./sandbox-world.ts"

const [what = "", dataDir = "", isolation, key = "key", memoryBytesMax] = process.argv.slice(2)
const layer = localSandboxes({
  dataDir,
  ...(isolation && { isolation: isolation as Isolation["name"] }),
  ...(memoryBytesMax && { memoryBytesMax: Number(memoryBytesMax) })
})
const tell = (value: unknown) => process.stdout.write(`=${JSON.stringify(value)}\n`)

const provisioned = Sandboxes.use((sandboxes) =>
  sandboxes.provision({ key, org: "org_a", sessionId: `ses_${key}`, snapshotId: null })
)

const serve = Effect.flatMap(provisioned, (found) =>
  Effect.andThen(
    Effect.sync(() => tell(found)),
    Effect.never
  )
)

const open = Effect.gen(function* () {
  const sandboxes = yield* Sandboxes
  const { sandboxId } = yield* provisioned
  yield* sandboxes.destroy(sandboxId)
  tell({ isolation: sandboxes.isolation })
})

const ask = Effect.gen(function* () {
  const sandboxes = yield* Sandboxes
  const { sandboxId } = yield* sandboxes.provision({ key: "ask", org: "org_a", sessionId: "ses_ask", snapshotId: null })
  const answer = yield* shell(sandboxes, sandboxId, key)
  yield* sandboxes.destroy(sandboxId)
  tell(answer)
})

const filled = Effect.sync(() => {
  for (const bytes of [1_000_000, 1_000, 1]) {
    try {
      for (let file = 0; ; file++) writeFileSync(join(dataDir, `fill-${bytes}-${file}`), Buffer.alloc(bytes))
    } catch {}
  }
})

const crowd = Effect.gen(function* () {
  const sandboxes = yield* Sandboxes
  const { sandboxId } = yield* provisioned
  const another = sandboxes.provision({ key: "another", org: "org_b", sessionId: "ses_another", snapshotId: null })
  const { stderr } = yield* shell(sandboxes, sandboxId, "cat /dev/zero > /workspace/full")
  const status = yield* sandboxes.status(sandboxId)
  const refusal = yield* Effect.flip(another)
  yield* shell(sandboxes, sandboxId, "rm /workspace/full")
  const { sandboxId: later } = yield* another
  for (const id of [sandboxId, later]) yield* sandboxes.destroy(id)
  tell({ stderr, status, reason: refusal.reason, message: refusal.message })
})

const tidy = Effect.sync(() => readdirSync(join(dataDir, "trash")).length).pipe(
  Effect.repeat({ until: (left) => left === 0, schedule: Schedule.spaced("20 millis") }),
  Effect.timeout("20 seconds"),
  Effect.andThen(Effect.sync(() => tell("tidy")))
)

const play = ({ title, play: story }: SandboxStory) =>
  story(worldOf(layer)).pipe(
    Effect.matchCause({
      onSuccess: () => tell({ title, failure: null }),
      onFailure: (cause) => tell({ title, failure: String(cause) })
    })
  )

const deeds: Record<string, Effect.Effect<unknown, unknown, Sandboxes>> = {
  serve,
  open,
  ask,
  crowd,
  fill: Effect.andThen(filled, open),
  tidy
}
const deed = deeds[what]
const whole =
  deed === undefined
    ? Effect.forEach(sandboxStories, play, { discard: true })
    : deed.pipe(
        Effect.provide(layer),
        Effect.catch((error) => Effect.sync(() => tell(error)))
      )

// An effect that waits does not hold the process.
const held = setInterval(() => {}, 60_000)
await Effect.runPromise(whole)
clearInterval(held)
