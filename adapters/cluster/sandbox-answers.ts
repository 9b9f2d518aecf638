/** A node's answers about the sandboxes of its host, if it has some, to nodes that have its key. */
import { Effect, Option } from "effect"
import { SandboxError } from "../../actors/ports/sandboxes.ts"
import { isPass } from "./pass.ts"
import { SandboxWords } from "./sandbox-words.ts"
import { OwnSandboxes } from "./sandboxes.ts"

export const sandboxAnswers = (key: Uint8Array) =>
  SandboxWords.toLayer(
    Effect.map(Effect.serviceOption(OwnSandboxes), (found) => {
      const own = Option.getOrNull(found)
      const guarded = <A>(
        pass: string,
        answer: (own: OwnSandboxes["Service"]) => Effect.Effect<A, SandboxError>
      ): Effect.Effect<A, SandboxError> => {
        const refused = (message: string) =>
          Effect.fail(new SandboxError({ reason: "unreachable", provider: own?.provider ?? "local", message }))
        if (!isPass(key, pass)) return refused("the node that asks has another key")
        return own === null ? refused("this node has no sandboxes") : answer(own)
      }
      return {
        status: ({ pass, sandboxId }) => guarded(pass, (own) => own.status(sandboxId)),
        extend: ({ pass, sandboxId }) => guarded(pass, (own) => own.extend(sandboxId)),
        endpoint: ({ pass, sandboxId }) => guarded(pass, (own) => own.endpoint(sandboxId)),
        revive: ({ pass, sandboxId }) => guarded(pass, (own) => own.revive(sandboxId)),
        capture: ({ pass, sandboxId, key: captureKey }) => guarded(pass, (own) => own.capture(sandboxId, captureKey)),
        destroy: ({ pass, sandboxId }) => guarded(pass, (own) => own.destroy(sandboxId))
      }
    })
  )
