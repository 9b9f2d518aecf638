/** What every provider of sandboxes promises: the stories of sandbox-stories.ts, played on one provider. */
import { it } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import { describe } from "vitest"
import type { SandboxError, Sandboxes } from "../../actors/ports/sandboxes.ts"
import { worldOf } from "../support/sandbox-world.ts"
import { sandboxStories } from "./sandbox-stories.ts"

/** `skip` is the reason why it cannot be run here, or null. */
export const exerciseSandboxes = (name: string, layer: Layer.Layer<Sandboxes, SandboxError>, skip: string | null = null) =>
  describe(`sandboxes: ${name}${skip === null ? "" : ` (${skip})`}`, () => {
    const world = worldOf(layer)
    for (const { title, play } of sandboxStories) it.live.skipIf(skip !== null)(title, () => Effect.asVoid(play(world)), 60_000)
  })
