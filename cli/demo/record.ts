/**
 * `npm run record`: runs the demo in a terminal of its own and writes what it showed, when it showed it, as the picture in README.md.
 * A demo that fails is not recorded. Needs `script` of util-linux, for the terminal.
 */
import { spawn } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Chunk, columns, recording } from "./recording.ts"

const endsWithinMs = 180_000
const bytesMax = 150_000
const root = join(import.meta.dirname, "..", "..")
const picture = join(root, "test", "cli", "golden", "demo.svg")

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`
const command = `stty cols ${columns} rows 30; exec ${quoted(process.execPath)} ${quoted(join(root, "cli", "demo.ts"))}`

const chunks: Array<Chunk> = []
const child = spawn("script", ["--quiet", "--return", "--flush", "--command", command, "/dev/null"], {
  cwd: root,
  env: { ...process.env, TERM: "xterm-256color" },
  stdio: ["ignore", "pipe", "inherit"],
  timeout: endsWithinMs
})
const beganAt = performance.now()
child.stdout.setEncoding("utf8").on("data", (text: string) => {
  chunks.push({ atMs: performance.now() - beganAt, text })
  process.stdout.write(text)
})
child.on("error", ({ message }) => {
  console.error(`proliferate: the demo cannot be run in a terminal: ${message}\n  Install util-linux, which has \`script\`.`)
  process.exitCode = 1
})
child.on("close", (code) => {
  if (code !== 0) {
    console.error("proliferate: the demo failed, so it is not recorded")
    process.exitCode = code ?? 1
    return
  }
  const drawn = recording(chunks, "npm run demo")
  if (Buffer.byteLength(drawn) > bytesMax) {
    console.error(`proliferate: the recording would have ${Buffer.byteLength(drawn)} bytes, more than ${bytesMax}`)
    process.exitCode = 1
    return
  }
  writeFileSync(picture, drawn)
  console.error(`${picture}: ${(Buffer.byteLength(drawn) / 1000).toFixed(0)} kB`)
})
