import { createHash } from "node:crypto"
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { Effect, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { WorkPiece } from "../../../actors/ports/daemon.ts"
import { Evidence } from "../../../actors/ports/evidence.ts"
import { ask } from "../../api.ts"
import { Failed } from "../../failure.ts"
import { ago, answer, oneLine, table } from "../../output.ts"
import { pathOf, sessionId } from "./session.ts"

const Listed = Schema.Struct({ evidence: Schema.Array(Evidence) })

const failed = (what: string, todo: string) => new Failed({ exit: "failure", what, todo })

/** A name is a sandbox's word: below the directory, or nowhere. */
const isPlain = (path: string) =>
  /^[^\p{Cc}\\]{1,1000}$/u.test(path) && path.split("/").every((part) => part !== "" && part !== "." && part !== "..")

const download = Effect.fnUntraced(function* (id: string, { key, files }: Evidence, to: string) {
  for (const [at, { path, bytes, sha256 }] of files.entries()) {
    if (!isPlain(path)) return yield* failed(`a file of ${key} has a name that leads elsewhere`, "Read it over the API.")
    const target = join(to, key, path)
    yield* Effect.try({
      try: () => {
        mkdirSync(dirname(target), { recursive: true })
        // What is there already is not written over, nor followed.
        writeFileSync(target, "", { flag: "wx" })
      },
      catch: (cause) => failed(`${target} cannot be made: ${(cause as Error).message}`, "Name another directory with --to.")
    })
    const hash = createHash("sha256")
    let received = 0
    for (let offset: number | null = 0; offset !== null; ) {
      const place: string = pathOf(id, `/evidence/${encodeURIComponent(key)}/${at}?offset=${offset}`)
      const { value } = yield* ask("GET", place, WorkPiece)
      const piece = Buffer.from(value.data, "base64")
      received += piece.length
      hash.update(piece)
      appendFileSync(target, piece)
      offset = received < bytes ? value.next : null
    }
    if (received !== bytes || hash.digest("hex") !== sha256)
      return yield* failed(`${target} is not what was kept`, "Try again; if it stays, the server's disk has lost something.")
  }
})

export const evidence = Command.make(
  "evidence",
  {
    id: sessionId,
    to: Flag.String("to").pipe(
      Flag.withDescription("Bring the files into this directory, each piece below its key"),
      Flag.optional
    ),
    key: Flag.String("key").pipe(Flag.withDescription("Only this piece, such as evd_01"), Flag.optional)
  },
  Effect.fn("cli.sessions.evidence")(function* ({ id, to, key }) {
    const { json, value } = yield* ask("GET", pathOf(id, "/evidence"), Listed)
    const wanted = value.evidence.filter((one) => Option.isNone(key) || one.key === key.value)
    if (Option.isSome(key) && wanted.length === 0)
      return yield* failed(
        `the session has no evidence ${key.value}`,
        `\`proliferate sessions evidence ${id}\` lists what it has.`
      )
    if (Option.isSome(to)) for (const one of wanted) yield* download(id, one, to.value)
    yield* answer(json, () =>
      table(
        ["KEY", "KEPT", "FILE", "BYTES"],
        wanted.flatMap(({ key, atMs, files }) =>
          files.map(({ path, bytes }) => [key, ago(atMs), oneLine(path, 80), String(bytes)])
        ),
        "Nothing was kept. Agents keep evidence with their tool `verify`."
      )
    )
  })
).pipe(
  Command.withShortDescription("What an agent kept to show its work"),
  Command.withDescription(
    "Files that the agent of a session kept with its tool `verify`: screenshots, logs, reports. They are a sandbox's: open them with care."
  ),
  Command.withExamples([{ command: "proliferate sessions evidence ses_01 --to ./evidence", description: "Bring them here" }])
)
