/** The sandbox of a session that runs, for whoever reads its workspace; or a refusal that says how to get there. */
import { Effect } from "effect"
import type { SessionContext } from "../../machines/session/context.ts"
import { Refused, type View } from "../../runtime/router.ts"

export const sandboxOfRunning = ({ status, context, accepts }: View): Effect.Effect<string, Refused> => {
  const { sandboxId } = context as unknown as SessionContext
  if (sandboxId !== null && status === "running") return Effect.succeed(sandboxId)
  const todo = accepts.includes("resume") ? "resume it" : accepts.includes("start") ? "start it" : "wait until it runs"
  return Effect.fail(
    new Refused({ state: status, accepts, message: `the session is ${status} and its workspace cannot be read: ${todo} first` })
  )
}
