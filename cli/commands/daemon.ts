import { homedir } from "node:os"
import { Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { relayPort } from "../../actors/ports/proxy.ts"
import { Failed, usage } from "../failure.ts"

/** Started by the host in every sandbox; people have no use for it, so help does not list it. */
export const daemon = Command.make(
  "daemon",
  {
    socket: Flag.String("socket").pipe(Flag.withDescription("Unix socket to answer the host on"), Flag.optional),
    port: Flag.Int("port").pipe(Flag.withDescription("Port to answer it on instead, where it shows a secret"), Flag.optional),
    secretSha256: Flag.String("secret-sha256").pipe(Flag.withDescription("SHA-256 of that secret, in hex"), Flag.optional),
    workspace: Flag.String("workspace").pipe(Flag.withDescription("Where repositories go"), Flag.withDefault("/workspace")),
    home: Flag.String("home").pipe(Flag.withDescription("Home of the agent"), Flag.optional),
    proxy: Flag.String("proxy").pipe(
      Flag.withDescription("Unix socket of the way out; PROLIFERATE_PROXY if not given"),
      Flag.optional
    ),
    relayPort: Flag.Int("relay-port").pipe(Flag.withDescription("Loopback port that leads to it"), Flag.withDefault(relayPort))
  },
  Effect.fn("cli.daemon")(function* ({ socket, port, secretSha256, workspace, home, proxy, relayPort }) {
    const door = Option.isSome(socket) ? { socketPath: socket.value } : Option.getOrNull(Option.all({ port, secretSha256 }))
    if (door === null) return yield* usage("the daemon has no door", "Give it --socket, or --port and --secret-sha256.")
    const module = yield* Effect.promise(() => import("../daemon/daemon.ts"))
    yield* module
      .daemon({
        door,
        workspace,
        home: Option.getOrElse(home, homedir),
        program: process.argv[1]!,
        proxySocket: Option.getOrElse(proxy, () => process.env["PROLIFERATE_PROXY"] || null),
        relayPort,
        sessionId: process.env["PROLIFERATE_SESSION"] || null
      })
      .pipe(
        Effect.mapError(({ message }) => new Failed({ exit: "failure", what: message, todo: "The sandbox's host restarts it." }))
      )
  })
).pipe(Command.withDescription("The daemon of a sandbox"), Command.unlisted)
