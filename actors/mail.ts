/**
 * How hands ask other actors. The router stands upon the hands, so it is bound a moment after them; until then nothing is taken, and
 * whoever asks is to try again.
 */
import { Context, Effect, Layer } from "effect"
import { Router, Unavailable } from "../runtime/router.ts"

type Asking = Pick<Router["Service"], "ask" | "look">

const starting = new Unavailable({ reason: "draining", message: "this server is starting; try again" })

export class Mail extends Context.Service<Mail, Asking & { readonly bind: (router: Asking) => void }>()(
  "proliferate/actors/Mail"
) {
  static readonly layer: Layer.Layer<Mail> = Layer.sync(Mail, () => {
    let bound: Asking = { ask: () => Effect.fail(starting), look: () => Effect.fail(starting) }
    return Mail.of({
      ask: (address, message) => Effect.suspend(() => bound.ask(address, message)),
      look: (address) => Effect.suspend(() => bound.look(address)),
      bind: (router) => {
        bound = router
      }
    })
  })

  /** Binds the router that was built. */
  static readonly bound: Layer.Layer<never, never, Mail | Router> = Layer.effectDiscard(
    Effect.gen(function* () {
      const mail = yield* Mail
      mail.bind(yield* Router)
    })
  )
}
