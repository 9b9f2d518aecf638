/**
 * `proliferate doctor`: everything that a server would find out at its start, found out without one and without a trace. Exit code
 * 0, or 1 when `npm start` could not work; a table for people, one JSON value for programs.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Logger, References } from "effect"
import { type Paint, painted, type Style } from "../output.ts"
import { settings } from "../settings.ts"
import { agents } from "./agents.ts"
import type { Finding } from "./finding.ts"
import { machine } from "./machine.ts"
import { sandboxes } from "./sandboxes.ts"
import { cells, data, database, nearest, port, redis } from "./services.ts"

const marks: Readonly<Record<Finding["state"], readonly [mark: string, style: Style]>> = {
  ok: ["✓", "green"],
  lack: ["–", "yellow"],
  broken: ["✗", "red"]
}

/** On the disk of the data directory, which need not be there yet. Null when nothing may be written there. */
const scratchOn = (dataDir: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      try {
        return mkdtempSync(join(nearest(dataDir), ".doctor-"))
      } catch {
        return null
      }
    }),
    (directory) => Effect.sync(() => directory && rmSync(directory, { recursive: true, force: true }))
  )

const examined = Effect.gen(function* () {
  const given = yield* settings
  const { host, port: wanted, dataDir, agentsDir, databaseUrl, redisUrl, isolation } = given
  const scratch = yield* scratchOn(dataDir)
  const parts = yield* Effect.all(
    [
      machine,
      Effect.succeed([data(dataDir)]),
      database(databaseUrl, scratch),
      cells(given),
      redis(redisUrl),
      sandboxes(scratch, isolation),
      agents(dataDir, agentsDir),
      Effect.map(port(host, wanted), (found) => [found])
    ],
    { concurrency: 3 }
  )
  return parts.flat()
}).pipe(Effect.scoped)

const indented = (paint: Paint, style: Style, label: string, text: string) =>
  text
    .split("\n")
    .map((line) => `      ${paint(style, label)} ${line}`)
    .join("\n")

const table = (findings: ReadonlyArray<Finding>): string => {
  const paint = painted()
  const width = Math.max(...findings.map(({ name }) => name.length))
  const lines = findings.flatMap(({ name, state, found, cost, fix }) => {
    const [mark, style] = marks[state]
    return [
      `  ${paint(style, mark)} ${paint("bold", name.padEnd(width))}  ${found.replaceAll("\n", " ")}`,
      ...(cost === null ? [] : [indented(paint, "dim", "costs", cost)]),
      ...(fix === null ? [] : [indented(paint, "cyan", "fix  ", fix)])
    ]
  })
  const broken = findings.filter(({ state }) => state === "broken")
  const verdict =
    broken.length === 0
      ? paint("green", "`npm start` works here.")
      : paint("red", `\`npm start\` cannot work here: ${broken.map(({ name }) => name).join(", ")}.`)
  return [...lines, "", verdict, ""].join("\n")
}

const asJson = process.argv.includes("--json")

examined.pipe(
  Effect.flatMap((findings) =>
    Effect.callback<void>((resume) => {
      const ready = findings.every(({ state }) => state !== "broken")
      process.exitCode = ready ? 0 : 1
      process.stdout.write(asJson ? `${JSON.stringify({ ready, findings })}\n` : table(findings), () => resume(Effect.void))
    })
  ),
  Effect.catch((error) =>
    Effect.sync(() => {
      console.error(`proliferate: ${error.message}`)
      process.exitCode = 1
    })
  ),
  Effect.provideService(Logger.LogToStderr, true),
  Effect.provideService(References.MinimumLogLevel, "Error"),
  NodeRuntime.runMain
)
