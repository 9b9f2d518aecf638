/** Sandboxes and daemons that do at once what they are asked, and nothing by themselves. */
import { Effect, Layer, Stream } from "effect"
import { Daemons } from "../../actors/ports/daemons.ts"
import { Sandboxes } from "../../actors/ports/sandboxes.ts"

export type Folders = Pick<Daemons["Service"], "folder" | "folderPiece">

/** `areMade` false: no sandbox is ever ready. */
export const obliging = (folders: Folders | undefined, areMade: boolean) =>
  Layer.mergeAll(
    Layer.succeed(
      Sandboxes,
      Sandboxes.of({
        provider: "obliging",
        isolation: "none",
        provision: ({ key }) => (areMade ? Effect.succeed({ sandboxId: `sbx:${key}` }) : Effect.never),
        revive: () => Effect.succeed({ stateLost: false }),
        status: () => Effect.succeed("running"),
        extend: () => Effect.succeed(null),
        endpoint: () => Effect.succeed({ socketPath: "/nowhere" }),
        capture: (_, key) => Effect.succeed({ snapshotId: `snp:${key}`, stopped: false }),
        destroy: () => Effect.void,
        discard: () => Effect.void,
        list: Effect.succeed([])
      })
    ),
    Layer.succeed(
      Daemons,
      Daemons.of({
        health: () => Effect.succeed({ daemonId: "d", version: "1", boot: 1, turnId: null, lastSeq: 0 }),
        prepare: () => Effect.succeed({ repositories: [] }),
        startAgent: () => Effect.succeed({ agentSession: "as_1", remembers: false, readyMs: 1, program: "", abilities: [] }),
        useModel: () => Effect.void,
        putFile: () => Effect.void,
        startTurn: () => Effect.void,
        cancelTurn: () => Effect.void,
        answer: () => Effect.void,
        quiesce: () => Effect.void,
        diff: () => Effect.succeed({ repositories: [] }),
        gather: () => Effect.die("nobody takes the work of an obliging daemon"),
        piece: () => Effect.die("nobody takes the work of an obliging daemon"),
        folder: () => Effect.succeed({ files: [] }),
        folderPiece: () => Effect.die("there is no file in an obliging daemon's folders"),
        exec: () => Effect.succeed({ exitCode: 0, stdout: "", stderr: "", truncated: false }),
        events: () => Stream.never,
        ack: () => Effect.void,
        ...folders
      })
    )
  )
