/**
 * Git on the person's own repository: no hooks, no monitors, no prompts, no housekeeping, a minute for each call. What comes from a
 * session is checked object by object before a branch leads to it.
 */
import { createReadStream } from "node:fs"
import { open } from "node:fs/promises"
import { Effect } from "effect"
import { Failed } from "../failure.ts"

const gitTimeoutMs = 60_000
const outputBytesMax = 16 * 1_048_576
const headerBytesMax = 65_536

const settings = [
  "core.hooksPath=/dev/null",
  "core.fsmonitor=false",
  "gc.auto=0",
  "maintenance.auto=false",
  "advice.detachedHead=false"
]

export interface Said {
  readonly code: number
  readonly out: string
  readonly complaint: string
}

const failed = (what: string, todo: string) => new Failed({ exit: "failure", what, todo })

/** Any exit code; for questions whose answer is one. */
export const tryGit = (cwd: string, args: ReadonlyArray<string>, stdin?: { readonly file: string; readonly from: number }) =>
  Effect.tryPromise({
    try: async (signal) => {
      const { spawn } = await import("node:child_process")
      const child = spawn("git", [...settings.flatMap((setting) => ["-c", setting]), ...args], {
        cwd,
        signal,
        timeout: gitTimeoutMs,
        env: { ...process.env, LC_ALL: "C", GIT_TERMINAL_PROMPT: "0", GIT_OPTIONAL_LOCKS: "0" },
        stdio: [stdin === undefined ? "ignore" : "pipe", "pipe", "pipe"]
      })
      return new Promise<Said>((resolve, reject) => {
        let [out, complaint] = ["", ""]
        child.stdout!.setEncoding("utf8").on("data", (text: string) => {
          if (out.length < outputBytesMax) out += text
        })
        child.stderr!.setEncoding("utf8").on("data", (text: string) => {
          if (complaint.length < headerBytesMax) complaint += text
        })
        child.on("error", reject)
        child.on("close", (code) => resolve({ code: code ?? 1, out, complaint }))
        if (stdin !== undefined) {
          // Git may end before it has read everything.
          child.stdin!.on("error", () => {})
          createReadStream(stdin.file, { start: stdin.from }).on("error", reject).pipe(child.stdin!)
        }
      })
    },
    catch: (error) => failed(`git cannot be run: ${(error as Error).message}`, "Install git, and run this in a repository.")
  })

const reason = ({ complaint }: Said) =>
  complaint.split("\n").find((line) => /^(fatal|error):/.test(line)) ?? complaint.trim().split("\n").at(-1) ?? ""

export const git = Effect.fnUntraced(function* (
  cwd: string,
  args: ReadonlyArray<string>,
  todo = "Look at the repository with `git status`."
) {
  const said = yield* tryGit(cwd, args)
  return said.code === 0 ? said.out.trim() : yield* failed(`git ${args[0]} failed: ${reason(said)}`, todo)
})

/** The commit that a branch leads to, or null. */
export const commitOf = (cwd: string, branch: string) =>
  Effect.map(tryGit(cwd, ["rev-parse", "--verify", "--quiet", `refs/heads/${branch}^{commit}`]), ({ code, out }) =>
    code === 0 ? out.trim() : null
  )

export const isAncestor = (cwd: string, older: string, newer: string) =>
  Effect.map(tryGit(cwd, ["merge-base", "--is-ancestor", older, newer]), ({ code }) => code === 0)

/** Where `branch` is checked out, or null. */
export const worktreeOf = Effect.fnUntraced(function* (cwd: string, branch: string) {
  const listed = yield* git(cwd, ["worktree", "list", "--porcelain"])
  const one = listed.split("\n\n").find((part) => part.split("\n").includes(`branch refs/heads/${branch}`))
  return one === undefined ? null : one.split("\n")[0]!.slice("worktree ".length)
})

/** Where the pack begins in a bundle: after the empty line that ends its header. */
const packStart = async (file: string): Promise<number> => {
  const handle = await open(file)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(headerBytesMax), 0, headerBytesMax, 0)
    const header = buffer.subarray(0, bytesRead)
    const end = header.indexOf("\n\n")
    if (!/^# v[23] git bundle\n/.test(header.toString("latin1", 0, 20)) || end < 0) throw new Error("it is no git bundle")
    return end + 2
  } finally {
    await handle.close()
  }
}

const bad = (why: string) =>
  failed(
    `what came from the session is not sound, and nothing leads to it: ${why}`,
    "Look at the session with `proliferate sessions diff`."
  )

/** Takes the objects of a bundle in, each checked, and nothing of its refs; `head` and all that it needs must be there then. */
export const takeIn = Effect.fnUntraced(function* (cwd: string, file: string, head: string, bytesMax: number) {
  const from = yield* Effect.tryPromise({ try: () => packStart(file), catch: (error) => bad((error as Error).message) })
  const indexed = yield* tryGit(cwd, ["index-pack", "--stdin", "--fix-thin", "--strict", `--max-input-size=${bytesMax}`], {
    file,
    from
  })
  if (indexed.code !== 0) return yield* bad(reason(indexed))
  const connected = yield* tryGit(cwd, ["rev-list", "--objects", "--quiet", head, "--not", "--all"])
  if (connected.code !== 0) return yield* bad(reason(connected))
})
