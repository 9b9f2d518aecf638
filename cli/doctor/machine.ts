/** The machine itself: system, C library, node, npm, git. */
import { spawn } from "node:child_process"
import { arch, platform, release } from "node:os"
import { Effect } from "effect"
import { loadUws } from "../../adapters/gateway/uws.ts"
import { broken, type Finding, lack, ok } from "./finding.ts"

const askMs = 10_000
const outputCharactersMax = 4_096
/** Of git: the first with `GIT_CONFIG_COUNT`, by which the host's git hears nobody else's settings. */
const gitMin = [2, 31] as const

/** Its standard output; null when it is not there, fails, or says nothing in time. */
const ask = (command: string, ...args: ReadonlyArray<string>) =>
  Effect.callback<string | null>((resume) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "ignore"], timeout: askMs, killSignal: "SIGKILL" })
    let text = ""
    child.stdout.setEncoding("utf8").on("data", (part: string) => {
      text = (text + part).slice(0, outputCharactersMax)
    })
    child.on("error", () => resume(Effect.succeed(null)))
    child.on("close", (code) => resume(Effect.succeed(code === 0 ? text.trim() : null)))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const system: Finding =
  platform() === "linux"
    ? arch() === "x64"
      ? ok("system", `Linux ${release()} on ${arch()}`)
      : lack("system", `Linux ${release()} on ${arch()}`, "nothing that is known; it is tested on x64 alone", null)
    : broken(
        "system",
        `${platform()} ${release()}`,
        "sandboxes need the namespaces of Linux; elsewhere nothing of this is tested",
        "run the server in a Linux machine or container"
      )

const library = (): Finding => {
  const header = process.report.getReport() as { readonly header?: { readonly glibcVersionRuntime?: string } }
  const glibc = header.header?.glibcVersionRuntime
  return glibc === undefined
    ? lack("C library", "not glibc", "the embedded PostgreSQL and uWebSockets.js are built for glibc", "set DATABASE_URL")
    : ok("C library", `glibc ${glibc}`)
}

/** Run by node 24 that npm brought, whichever node the person has. */
const node = (): Finding => {
  const [major = 0] = process.versions.node.split(".").map(Number)
  return major >= 24
    ? ok("node", `${process.versions.node}, ${process.execPath}`)
    : lack("node", process.versions.node, "it is tested with 24", "npm install, which brings node 24")
}

const uws = (): Finding => {
  const loaded = loadUws()
  return loaded.uws === null
    ? lack("uWebSockets.js", loaded.why, "sockets are served by node itself: the same, with less of them a second", null)
    : ok("uWebSockets.js", loaded.how)
}

const git = Effect.map(ask("git", "--version"), (said): Finding => {
  const version = /(\d+)\.(\d+)[\d.]*/.exec(said ?? "")
  if (version === null)
    return broken("git", "not installed", "no repository can be cloned or pushed to", "apt-get install -y git")
  const [major, minor] = [Number(version[1]), Number(version[2])]
  return major > gitMin[0] || (major === gitMin[0] && minor >= gitMin[1])
    ? ok("git", version[0])
    : broken("git", version[0], `it must be ${gitMin.join(".")} or newer`, "apt-get install -y git")
})

const npm = Effect.map(ask("npm", "ping"), (said): Finding => {
  const cost = "agents cannot be installed from it; those that are installed run"
  return said === null
    ? lack("npm", "its registry does not answer", cost, "npm ping, and npm config get registry")
    : ok("npm", "its registry answers")
})

export const machine: Effect.Effect<ReadonlyArray<Finding>> = Effect.gen(function* () {
  const [gitFound, npmFound] = yield* Effect.all([git, npm], { concurrency: 2 })
  return [system, library(), node(), uws(), gitFound, npmFound]
})
