/**
 * `.proliferate/actions.md` in the workspace: what the agent may do at services, as the server has it. Asked for when the workspace is
 * prepared and at the start of each turn, and written when it has changed, so that whoever watches the file is told. A turn waits for
 * it no longer than a second: a server that is slow is heard a little later. What goes wrong with it stops nothing.
 */
import { Context, Effect, Fiber, Layer, Schema, Semaphore } from "effect"
import { ask, hostOf } from "./ask-host.ts"
import { directoryBeneath, replaceIn, textIn } from "./beneath.ts"
import { Limits } from "./limits.ts"
import { Place } from "./place.ts"
import { cutEnd } from "./text.ts"

export const briefFolder = ".proliferate"
export const briefName = "actions.md"
const bytesMax = 65_536

const Told = Schema.Struct({ text: Schema.String.check(Schema.isMaxLength(bytesMax)) })

export class Brief extends Context.Service<Brief, { readonly refreshed: Effect.Effect<void> }>()("proliferate/cli/daemon/Brief") {
  static readonly layer = Layer.effect(
    Brief,
    Effect.gen(function* () {
      const place = yield* Place
      const { briefMs, briefWaitMs } = yield* Limits
      const scope = yield* Effect.scope
      const host = hostOf(place)
      if (host === null) return { refreshed: Effect.void }
      const oneAtATime = yield* Semaphore.make(1)

      const renew = Effect.gen(function* () {
        const { text } = yield* ask(host, "/actions/brief", Told)
        yield* Effect.tryPromise(() => write(place.workspace, text))
      }).pipe(
        Effect.timeout(briefMs),
        Effect.catchCause((cause) =>
          Effect.sync(() => console.error(cutEnd(`what may be done at services could not be written down: ${cause}`, 1_000)))
        )
      )
      return {
        refreshed: Effect.gen(function* () {
          const fiber = yield* Effect.forkIn(oneAtATime.withPermits(1)(renew), scope)
          yield* Effect.timeoutOption(Fiber.await(fiber), briefWaitMs)
        })
      }
    })
  )
}

const write = async (workspace: string, text: string): Promise<void> => {
  const folder = await directoryBeneath(workspace, briefFolder, true)
  try {
    const known = await textIn(folder, briefName, bytesMax).catch(() => null)
    if (known !== text) await replaceIn(folder, briefName, text)
  } finally {
    await folder.close()
  }
}
