import { Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { Diff } from "../../../actors/ports/daemon.ts"
import { ask } from "../../api.ts"
import { answer, clean, type Paint, painted } from "../../output.ts"
import { pathOf, sessionId } from "./session.ts"

const coloured = (paint: Paint, line: string): string => {
  if (/^(diff |index |\+\+\+ |--- |new file|deleted file|rename |similarity )/.test(line)) return paint("bold", line)
  if (line.startsWith("@@")) return paint("cyan", line)
  if (line.startsWith("+")) return paint("green", line)
  if (line.startsWith("-")) return paint("red", line)
  return line
}

export const diffText = ({ repositories }: typeof Diff.Type, onlyStat: boolean, paint: Paint): string =>
  repositories
    .map(({ path, branch, base, head, files, patch, truncated }) => {
      const counted = files.map(
        ({ path: file, added, removed }) => `  ${paint("green", `+${added}`)} ${paint("red", `-${removed}`)}  ${clean(file)}`
      )
      const lines =
        onlyStat || patch === ""
          ? []
          : [
              "",
              ...patch
                .replace(/\n$/, "")
                .split("\n")
                .map((line) => coloured(paint, clean(line)))
            ]
      return [
        paint("bold", `${clean(path)}  ${clean(branch)}  ${base.slice(0, 10)}..${head.slice(0, 10)}`),
        ...(files.length === 0 ? ["  no changes"] : counted),
        ...lines,
        ...(truncated && !onlyStat ? [paint("yellow", "… the patch is longer than 512 KB and was cut")] : [])
      ].join("\n")
    })
    .join("\n\n")

export const diff = Command.make(
  "diff",
  {
    id: sessionId,
    stat: Flag.Boolean("stat").pipe(Flag.withDescription("Only files and counts of lines"), Flag.withDefault(false))
  },
  Effect.fn("cli.sessions.diff")(function* ({ id, stat }) {
    const { json, value } = yield* ask("GET", pathOf(id, "/diff"), Diff)
    yield* answer(json, () => diffText(value, stat, painted()))
  })
).pipe(
  Command.withShortDescription("What a session changed in its repositories"),
  Command.withDescription(
    "Compares the working tree, committed or not, with what was cloned. The session must be running; resume it first if it is paused."
  )
)
