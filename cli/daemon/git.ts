/**
 * Git on a workspace that an agent may have made hostile: no hooks, no monitors, no helpers, no prompts, no configuration but the
 * repository's own, and always an end. Credentials are never here: the proxy adds them on the way out, or an askpass that was given.
 */
import { Effect } from "effect"
import { Limits } from "./limits.ts"
import { cannot, type Refusal } from "./refusal.ts"
import { type Ran, run } from "./run.ts"
import { cutEnd, withoutPasswords } from "./text.ts"

const settings = [
  "credential.helper=", // empties the list of helpers
  "core.hooksPath=/dev/null",
  "core.fsmonitor=false",
  "core.quotePath=false",
  "gc.auto=0",
  "maintenance.auto=false",
  "protocol.ext.allow=never",
  "safe.directory=*",
  "http.lowSpeedLimit=1000",
  "http.lowSpeedTime=30"
].flatMap((setting) => ["-c", setting])

const environment: Record<string, string> = {
  LC_ALL: "C",
  GIT_TERMINAL_PROMPT: "0",
  GIT_ASKPASS: process.env["GIT_ASKPASS"] ?? "/bin/false",
  GIT_SSH_COMMAND: "ssh -o BatchMode=yes",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_OPTIONAL_LOCKS: "0",
  // What is served on the loopback is the relay's, not a proxy's.
  NO_PROXY: "127.0.0.1,localhost",
  no_proxy: "127.0.0.1,localhost"
}
const inherited = [
  "PATH",
  "HOME",
  "http_proxy",
  "https_proxy",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "SSL_CERT_FILE",
  "GIT_SSL_CAINFO",
  "TMPDIR"
]

export interface GitOptions {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  readonly timeoutMs?: number
  readonly outputBytesMax?: number
  readonly onStderr?: (text: string) => void
}

/** Any exit code; for questions whose answer is one. */
export const tryGit = Effect.fnUntraced(function* (args: ReadonlyArray<string>, options: GitOptions) {
  const limits = yield* Limits
  const own = Object.fromEntries(inherited.flatMap((key) => (process.env[key] === undefined ? [] : [[key, process.env[key]]])))
  return yield* run({
    argv: ["git", ...settings, ...args],
    cwd: options.cwd,
    env: { ...own, ...environment, ...options.env },
    timeoutMs: options.timeoutMs ?? limits.gitMs,
    outputBytesMax: options.outputBytesMax ?? limits.execOutputBytesMax,
    ...(options.onStderr && { onStderr: options.onStderr })
  })
})

/** What it printed, or a refusal that `explain` finds for its failure. */
export const git = Effect.fnUntraced(function* (
  args: ReadonlyArray<string>,
  options: GitOptions,
  explain: (ran: Ran) => Refusal | null = () => null
) {
  const ran = yield* tryGit(args, options)
  if (ran.exitCode === 0) return ran.stdout
  const words = `git ${args[0]}: ${ran.exitCode === 124 ? "took too long" : lastLine(ran.stderr) || `failed with ${ran.exitCode}`}`
  return yield* (ran.exitCode === 127 ? cannot("git-missing", "git is not installed in the sandbox", true) : null) ??
    diskFull(ran) ??
    explain(ran) ??
    cannot("git-failed", words)
})

export const lastLine = (text: string): string => {
  const lines = withoutPasswords(text)
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
  return cutEnd(lines.find((line) => line.startsWith("fatal:")) ?? lines.at(-1) ?? "", 500)
}

const diskFull = ({ stderr }: Ran) =>
  /No space left on device|Disk quota exceeded/.test(stderr)
    ? cannot("disk-full", "the disk of the sandbox is full: the repository does not fit")
    : null
