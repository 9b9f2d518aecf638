/**
 * Installs an agent's packages with npm into a directory of its own, whole or not at all: npm works in a staging directory, which
 * takes its place by one rename when everything is there. Scripts of packages are not run. Two servers that share the directory
 * may both install; the first to finish wins.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from "node:fs/promises"
import { delimiter, dirname, join } from "node:path"
import { Effect } from "effect"
import { AgentError } from "../../actors/ports/agents.ts"
import * as limits from "./limits.ts"

export interface Installation {
  readonly name: string
  /** Where it ends up; its parent is made. */
  readonly directory: string
  readonly packages: ReadonlyArray<string>
  /** Must be there in the end, below the directory. */
  readonly entry: string | null
}

/** Written last, so that what a person put there by hand is not taken for an installation. */
const receipt = "installed.json"
const stagingPrefix = ".staging-"

export const isInstalled = ({ directory }: Pick<Installation, "directory">): boolean => existsSync(join(directory, receipt))

const failed = (name: string, why: string) =>
  new AgentError({ reason: "failed", message: `${name} could not be installed: ${why}` })

export const install = Effect.fn("Agents.install")(function* (what: Installation, tell: (progress: string) => void) {
  const { name, directory, packages, entry } = what
  const files = <A>(run: () => Promise<A>) =>
    Effect.tryPromise({ try: run, catch: (cause) => failed(name, fileWords(cause as NodeJS.ErrnoException)) })
  if (isInstalled(what)) return tell(`${name} is installed already`)
  const shelf = dirname(directory)
  yield* files(() => sweep(shelf))
  yield* Effect.acquireUseRelease(
    files(async () => {
      await mkdir(shelf, { recursive: true })
      const staging = await mkdtemp(join(shelf, stagingPrefix))
      await writeFile(join(staging, "package.json"), '{ "private": true }\n')
      return staging
    }),
    (staging) =>
      Effect.gen(function* () {
        tell(`npm fetches ${packages.join(" and ")}`)
        yield* npm(name, staging, packages, tell)
        if (entry !== null && !existsSync(join(staging, entry)))
          return yield* failed(name, `${packages[0]} has no build for this machine (${process.platform}, ${process.arch})`)
        yield* files(async () => {
          await openUp(staging)
          await writeFile(join(staging, receipt), `${JSON.stringify({ packages }, null, 2)}\n`)
          // Whoever was faster made the same.
          await rename(staging, directory).catch((cause) => {
            if (!isInstalled(what)) throw cause
          })
        })
      }),
    (staging) => Effect.promise(() => rm(staging, { recursive: true, force: true }).catch(() => {}))
  )
  tell(`${name} is installed in ${directory}`)
})

/** What an installation that was killed left behind. */
const sweep = async (shelf: string) => {
  for (const left of await readdir(shelf).catch(() => [])) {
    if (!left.startsWith(stagingPrefix)) continue
    const { mtimeMs } = await stat(join(shelf, left))
    if (Date.now() - mtimeMs > limits.installMs) await rm(join(shelf, left), { recursive: true, force: true })
  }
}

/** Sandboxes run as another user. Directories and programs that npm made are readable already unless our umask says otherwise. */
const openUp = async (directory: string) => {
  await chmod(directory, 0o755)
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
    if (entry.isSymbolicLink()) continue
    const path = join(entry.parentPath, entry.name)
    const { mode } = await stat(path)
    const wanted = mode | 0o444 | (entry.isDirectory() || (mode & 0o100) !== 0 ? 0o111 : 0)
    if (wanted !== mode) await chmod(path, wanted)
  }
}

const npm = (name: string, cwd: string, packages: ReadonlyArray<string>, tell: (progress: string) => void) =>
  Effect.callback<void, AgentError>((resume) => {
    const args = ["install", "--save-exact", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=http", ...packages]
    let said = ""
    let fetched = 0
    const end = (how: Effect.Effect<void, AgentError>) => {
      clearInterval(ticker)
      resume(how)
    }
    const fail = (why: string) => end(Effect.fail(failed(name, why)))
    const child: ChildProcess = spawn("npm", args, { cwd, env: environment(), detached: true, stdio: ["ignore", "pipe", "pipe"] })
    let seconds = 0
    const ticker = setInterval(() => {
      seconds += limits.progressMs / 1_000
      tell(`npm has fetched ${fetched} package${fetched === 1 ? "" : "s"} in ${seconds} s`)
    }, limits.progressMs)
    const hear = (text: string) => {
      fetched += text.match(/http (?:fetch GET 200|cache) \S+\.tgz/g)?.length ?? 0
      said = (said + text).slice(-limits.outputCharactersMax)
    }
    child.stdout!.setEncoding("utf8").on("data", hear)
    child.stderr!.setEncoding("utf8").on("data", hear)
    child.on("error", (error: NodeJS.ErrnoException) =>
      fail(
        error.code === "ENOENT"
          ? "there is no npm where the server runs: install Node.js with npm, or put npm on the server's PATH"
          : `npm does not start: ${error.message}`
      )
    )
    child.on("close", (code) => (code === 0 ? end(Effect.void) : fail(npmWords(said, packages))))
    return Effect.sync(() => {
      clearInterval(ticker)
      try {
        if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGKILL")
      } catch {
        // It has ended already.
      }
    })
  }).pipe(
    Effect.timeoutOrElse({
      duration: limits.installMs,
      orElse: () => Effect.fail(failed(name, `npm was not done within ${limits.installMs / 60_000} minutes`))
    })
  )

/** Our node first: an older one would have npm choose older packages. Nothing of the `npm start` that we may run under. */
const environment = (): Record<string, string | undefined> => {
  const kept = Object.entries(process.env).filter(
    ([key]) =>
      !/^(npm_(package|lifecycle|command|execpath|node_execpath|config_(local_prefix|prefix|global))|NODE_OPTIONS)/i.test(key)
  )
  const env = Object.fromEntries(kept)
  return { ...env, PATH: [dirname(process.execPath), env["PATH"] ?? ""].join(delimiter) }
}

/** What npm's own words come down to. */
const npmWords = (said: string, packages: ReadonlyArray<string>): string => {
  const [, code = ""] = /npm (?:error|ERR!) code (\w+)/.exec(said) ?? []
  if (
    /^(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|FETCH_ERROR)$/.test(code)
  )
    return `the npm registry cannot be reached from where the server runs (${code}): look at its network, proxy and npm settings`
  if (/^(E404|ETARGET|ENOVERSIONS)$/.test(code)) return `the npm registry has no ${packages.join(" and ")} (${code})`
  if (code === "ENOSPC") return "the disk of the server is full (ENOSPC)"
  const words = said
    .split("\n")
    .filter((line) => /npm (error|ERR!)/.test(line) && !/complete log|debug-\d/.test(line))
    .join("; ")
    .replaceAll(/([a-z][a-z0-9+.-]*:\/\/)[^/@\s'"]*@/gi, "$1")
  return `npm failed${words === "" ? "" : `: ${words.slice(0, limits.quotedCharactersMax)}`}`
}

const fileWords = ({ code, message, path }: NodeJS.ErrnoException): string => {
  if (code === "ENOSPC") return "the disk of the server is full (ENOSPC)"
  if (code === "EACCES" || code === "EROFS") return `${path ?? "its directory"} may not be written (${code})`
  return message
}
