import { homedir } from "node:os"
import { Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { relayPort } from "../../actors/ports/proxy.ts"
import { Failed } from "../failure.ts"

/** Started by the host in every sandbox; people have no use for it, so help does not list it. */
export const daemon = Command.make(
  "daemon",
  {
    socket: Flag.String("socket").pipe(Flag.withDescription("Unix socket to answer the host on")),
    workspace: Flag.String("workspace").pipe(Flag.withDescription("Where repositories go"), Flag.withDefault("/workspace")),
    home: Flag.String("home").pipe(Flag.withDescription("Home of the agent"), Flag.optional),
    proxy: Flag.String("proxy").pipe(
      Flag.withDescription("Unix socket of the way out; PROLIFERATE_PROXY if not given"),
      Flag.optional
    ),
    relayPort: Flag.Int("relay-port").pipe(Flag.withDescription("Loopback port that leads to it"), Flag.withDefault(relayPort))
  },
  Effect.fn("cli.daemon")(function* ({ socket, workspace, home, proxy, relayPort }) {
    const module = yield* Effect.promise(() => import("../daemon/daemon.ts"))
    yield* module
      .daemon({
        socketPath: socket,
        workspace,
        home: Option.getOrElse(home, homedir),
        program: process.argv[1]!,
        proxySocket: Option.getOrElse(proxy, () => process.env["PROLIFERATE_PROXY"] || null),
        relayPort
      })
      .pipe(
        Effect.mapError(({ message }) => new Failed({ exit: "failure", what: message, todo: "The sandbox's host restarts it." }))
      )
  })
).pipe(Command.withDescription("The daemon of a sandbox"), Command.unlisted)
