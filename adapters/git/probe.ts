/**
 * Looks at a repository with `git ls-remote`: 15 s, no prompt, no helper and no configuration of a working directory. A credential
 * is known to that one child by its environment, through a helper that answers for that one host; no message shows it.
 */
import { spawn } from "node:child_process"
import { stat } from "node:fs/promises"
import { Effect, Layer, Redacted } from "effect"
import { RepositoryError, RepositoryProbe } from "../../actors/ports/repositories.ts"

const probeTimeoutMs = 15_000
/** Some 100,000 refs; what comes after that does not change what there is. */
const outputCharactersMax = 8 * 1024 * 1024
const complaintCharactersMax = 16 * 1024
const passedOn = [
  "PATH",
  "HOME",
  "http_proxy",
  "https_proxy",
  "no_proxy",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "SSL_CERT_FILE"
]

interface Said {
  readonly code: number | null
  readonly out: string
  readonly complaint: string
}

/** Git runs this by `sh`; the words are in the environment of its child and in no argument. */
const helper = '!printf "username=%s\\npassword=%s\\n" "$PROLIFERATE_GIT_USERNAME" "$PROLIFERATE_GIT_PASSWORD"; true'

const invocation = (location: string, credential: Redacted.Redacted<string> | null) => {
  const config = ["-c", "credential.helper=", "-c", "core.askPass=", "-c", "protocol.version=2"]
  const env: Record<string, string> = {
    LC_ALL: "C",
    GIT_TERMINAL_PROMPT: "0",
    GIT_ASKPASS: "",
    SSH_ASKPASS: "",
    GIT_ALLOW_PROTOCOL: "file:http:https"
  }
  for (const name of passedOn) if (process.env[name] !== undefined) env[name] = process.env[name]
  if (credential !== null) {
    const [username, password] = credentialParts(Redacted.value(credential))
    config.push("-c", `credential.${new URL(location).origin}.helper=${helper}`)
    env["PROLIFERATE_GIT_USERNAME"] = username
    env["PROLIFERATE_GIT_PASSWORD"] = password
  }
  return { args: [...config, "ls-remote", "--symref", "--", location, "HEAD", "refs/heads/*"], env }
}

/** A bare token is the password of a user that hosting services ignore. */
const credentialParts = (secret: string): readonly [string, string] => {
  const colon = secret.indexOf(":")
  return colon < 0 ? ["x-access-token", secret] : [secret.slice(0, colon), secret.slice(colon + 1)]
}

const failure = (reason: RepositoryError["reason"], message: string) => new RepositoryError({ reason, message })

const listed = (location: string, credential: Redacted.Redacted<string> | null) =>
  Effect.callback<Said, RepositoryError>((resume) => {
    const { args, env } = invocation(location, credential)
    // In a group of its own: git has children of its own, which are to end with it.
    const child = spawn("git", args, { cwd: "/", env, detached: true, stdio: ["ignore", "pipe", "pipe"] })
    let out = ""
    let complaint = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out = (out + text).slice(0, outputCharactersMax)
    })
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      complaint = (complaint + text).slice(0, complaintCharactersMax)
    })
    child.on("error", ({ message }) =>
      resume(Effect.fail(failure("unusable", `git cannot be started on the server: ${message}`)))
    )
    child.on("close", (code) => resume(Effect.succeed({ code, out, complaint })))
    return Effect.sync(() => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL")
      } catch {
        // It has ended by itself.
      }
    })
  }).pipe(
    Effect.timeoutOrElse({
      duration: probeTimeoutMs,
      orElse: () => Effect.fail(failure("unreachable", `${location} did not answer within ${probeTimeoutMs / 1000} s`))
    })
  )

const diagnoses: ReadonlyArray<
  readonly [RegExp, RepositoryError["reason"], (location: string, hasCredential: boolean) => string]
> = [
  [
    /could not read Username|terminal prompts disabled|Authentication failed|returned error: 40[13]|Invalid username or (password|token)/i,
    "closed",
    (location, hasCredential) =>
      hasCredential
        ? `${location} does not take this credential: check it, and that it may read the repository`
        : `${location} asks for a password: give a token that may read it as credential`
  ],
  [
    /repository .*not found|returned error: 404|not found$/im,
    "absent",
    (location) => `${location} does not exist, or is hidden from whoever has no right to it`
  ],
  [
    /could not resolve host/i,
    "unreachable",
    (location) => `the host of ${location} is not known: check the address, and the server's name service`
  ],
  [
    /failed to connect|couldn't connect|connection (refused|reset|timed out)|network is unreachable|SSL|certificate|empty reply/i,
    "unreachable",
    (location) => `the host of ${location} cannot be reached: check the address and port, and that the server may go there`
  ],
  [
    /dubious ownership/i,
    "closed",
    (location) =>
      `${location} belongs to another user than the server: \`git config --global --add safe.directory ${location}\` as the server's user allows it`
  ],
  [/permission denied/i, "closed", (location) => `the server's user may not read ${location}`],
  [
    /does not appear to be a git repository|not valid: is this a git repository|not a git repository/i,
    "foreign",
    (location) => `there is no git repository at ${location}`
  ]
]

const asError = (location: string, { code, complaint }: Said, hasCredential: boolean): RepositoryError => {
  for (const [pattern, reason, message] of diagnoses) {
    if (pattern.test(complaint)) return failure(reason, message(location, hasCredential))
  }
  return failure(
    "unusable",
    `git cannot read ${location} (it ended with ${code}): try \`git ls-remote ${location}\` on the server`
  )
}

/** What git says of a path does not tell whether something is there. */
const mustBeThere = (location: string) =>
  Effect.tryPromise({
    try: () => stat(location),
    catch: (cause) =>
      (cause as NodeJS.ErrnoException).code === "EACCES"
        ? failure("closed", `the server's user may not read ${location}`)
        : failure("absent", `${location} does not exist on the server`)
  }).pipe(
    Effect.filterOrFail(
      (seen) => seen.isDirectory(),
      () => failure("foreign", `${location} is a file, not a git repository`)
    )
  )

const probe = Effect.fn("RepositoryProbe.probe")(function* (location: string, credential: Redacted.Redacted<string> | null) {
  if (location.startsWith("/")) yield* mustBeThere(location)
  const said = yield* listed(location, credential)
  if (said.code !== 0) return yield* asError(location, said, credential !== null)
  const commits = new Map<string, string>()
  let defaultBranch: string | null = null
  for (const line of said.out.split("\n")) {
    const [, head] = /^ref: refs\/heads\/(.+)\tHEAD$/.exec(line) ?? []
    const [, commit, branch] = /^([0-9a-f]{40,64})\trefs\/heads\/(.+)$/.exec(line) ?? []
    if (head !== undefined) defaultBranch = head
    if (branch !== undefined) commits.set(branch, commit!)
  }
  if (commits.size === 0) return yield* failure("empty", `${location} is empty: push a first commit, then add it again`)
  return { defaultBranch, branches: new Set(commits.keys()), commits }
})

export const layer: Layer.Layer<RepositoryProbe> = Layer.succeed(RepositoryProbe, RepositoryProbe.of({ probe }))
