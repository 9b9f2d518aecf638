import { resolve } from "node:path"
import { Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { Json } from "../output.ts"
import { runInPackage } from "../package.ts"

export const serve = Command.make(
  "serve",
  {
    port: Flag.Int("port").pipe(Flag.withDescription("Port on 127.0.0.1; PROLIFERATE_PORT or 8787 if not given"), Flag.optional),
    data: Flag.String("data").pipe(
      Flag.withDescription("Data directory; PROLIFERATE_DATA or .proliferate if not given"),
      Flag.optional
    ),
    unsafe: Flag.Boolean("unsafe").pipe(
      Flag.withDescription("Run agents without isolation, as your own user; for machines where nothing else works"),
      Flag.withDefault(false)
    )
  },
  Effect.fn("cli.serve")(function* ({ port, data, unsafe }) {
    yield* runInPackage("cli/serve.ts", [], {
      ...(Option.isSome(port) && { PROLIFERATE_PORT: String(port.value) }),
      ...(Option.isSome(data) && { PROLIFERATE_DATA: resolve(data.value) }),
      ...(unsafe && { PROLIFERATE_ISOLATION: "unsafe" }),
      ...((yield* Json) && { PROLIFERATE_JSON: "1" })
    })
  })
).pipe(
  Command.withDescription(
    "Runs the server until it is interrupted: HTTP and WebSocket on 127.0.0.1, and a PostgreSQL of its own unless DATABASE_URL names one. The first start prints an administrator's token, once. With --json its first line on stdout says where it listens and what it runs on."
  ),
  Command.withExamples([
    { command: "proliferate serve", description: "Here, on port 8787" },
    {
      command: "DATABASE_URL=postgres://user:password@db:5432/proliferate proliferate serve --port 9000",
      description: "On a database of yours"
    }
  ])
)
