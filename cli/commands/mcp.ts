import { Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { usage } from "../failure.ts"

/** Started by agents in sandboxes, whose daemon names it to them; people have no use for it, so help does not list it. */
export const mcp = Command.make(
  "mcp",
  { workspace: Flag.String("workspace").pipe(Flag.withDescription("Where the agent works"), Flag.withDefault(process.cwd())) },
  Effect.fn("cli.mcp")(function* ({ workspace }) {
    const { PROLIFERATE_SESSION: sessionId, PROLIFERATE_PROXY: proxySocket } = process.env
    const { hostOf } = yield* Effect.promise(() => import("../daemon/ask-host.ts"))
    const host = hostOf({ sessionId: sessionId || null, proxySocket: proxySocket || null })
    if (host === null)
      return yield* usage(
        "this is a tool server for an agent in a sandbox, and this is none",
        "Elsewhere use `proliferate actions`."
      )
    const { serveTools } = yield* Effect.promise(() => import("../daemon/mcp/server.ts"))
    yield* serveTools({ host, workspace })
  })
).pipe(Command.withDescription("What the session may do, as tools for its agent, on standard input and output"), Command.unlisted)
