/** A host that starts where sessions are stored, some of which want to be held again: from its start until each of those stands. */
import { Deferred, Effect, Layer, Scope } from "effect"
import { sessionActor } from "../../../actors/session.ts"
import type { ActorDefinition } from "../../../runtime/actor.ts"
import { Inspector } from "../../../runtime/inspection.ts"
import { answering, input } from "./answering.ts"
import { runtimeOn } from "./runtime.ts"

const { url, standing } = input<{ readonly url: string; readonly standing: number }>()
const alone: ActorDefinition = { ...(sessionActor as unknown as ActorDefinition), standing: () => [] }
const all = Deferred.makeUnsafe<void>()
let [activated, firstAtMs] = [0, 0]
const heard = Layer.succeed(Inspector, ({ type }) => {
  if (type !== "actor.activated") return
  activated += 1
  if (activated === 1) firstAtMs = performance.now()
  if (activated === standing) Deferred.doneUnsafe(all, Effect.void)
})

const recover = Effect.gen(function* () {
  const startedAt = performance.now()
  yield* Layer.build(runtimeOn(url, alone).pipe(Layer.provide(heard)))
  yield* Deferred.await(all)
  return { tookMs: performance.now() - startedAt, firstMs: firstAtMs - startedAt }
})
// Never closed: the next round is another process, and this one is killed.
await Effect.runPromise(
  Effect.scoped(
    Effect.flatMap(Effect.scope, (scope) =>
      Effect.promise(() => answering(() => Effect.runPromise(Effect.provideService(recover, Scope.Scope, scope))))
    )
  )
)
