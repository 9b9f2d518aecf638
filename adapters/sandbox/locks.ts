/** One at a time per name: two requests about one sandbox wait for each other, and for nobody else. */
import { Effect, Semaphore } from "effect"

export type Lock = (name: string) => <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

export const makeLock = (): Lock => {
  const held = new Map<string, { readonly semaphore: Semaphore.Semaphore; users: number }>()
  return (name) => (effect) =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        const lock = held.get(name) ?? { semaphore: Semaphore.makeUnsafe(1), users: 0 }
        lock.users += 1
        held.set(name, lock)
        return lock
      }),
      ({ semaphore }) => semaphore.withPermits(1)(effect),
      (lock) =>
        Effect.sync(() => {
          lock.users -= 1
          if (lock.users === 0) held.delete(name)
        })
    )
}
