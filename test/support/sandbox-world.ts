/** Where the stories of the sandboxes' contract play: one disk, and servers on it one after the other. */
import { Context, Effect, Layer } from "effect"
import { type SandboxError, Sandboxes } from "../../actors/ports/sandboxes.ts"

type Provider = Sandboxes["Service"]

export interface SandboxWorld {
  /** What happens while one server lives. The next begins with what it left. */
  readonly serving: <A, E>(use: (sandboxes: Provider) => Effect.Effect<A, E>) => Effect.Effect<A, E | SandboxError>
}

export interface SandboxStory {
  readonly title: string
  readonly play: (world: SandboxWorld) => Effect.Effect<unknown, unknown>
}

export const worldOf = (layer: Layer.Layer<Sandboxes, SandboxError>): SandboxWorld => ({
  serving: (use) =>
    Effect.scoped(Effect.flatMap(Layer.build(Layer.fresh(layer)), (context) => use(Context.get(context, Sandboxes))))
})
