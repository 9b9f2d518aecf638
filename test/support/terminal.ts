/**
 * A real server with two sessions that know nothing of each other, and the terminal of the agent in each: what is typed is run by
 * the agent's own tool, and what is read came back through the session's feed.
 */
import { execFileSync } from "node:child_process"
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { asNobodyElse } from "./confined.ts"
import { type Server, startServer } from "./server.ts"
import { type Watcher, watch } from "./watcher.ts"

const turnWithinMs = 30_000

export interface Said {
  readonly code: number
  /** Both outputs, as they came. */
  readonly text: string
}

export interface Seat {
  readonly sessionId: string
  readonly repositoryId: string
  readonly terminal: (script: string) => Promise<Said>
  readonly watcher: Watcher
}

export interface Office {
  readonly server: Server
  readonly dataDir: string
  readonly call: (method: string, path: string, body?: unknown) => Promise<any>
  readonly one: Seat
  readonly other: Seat
  readonly close: () => Promise<void>
}

const git = (cwd: string, ...args: ReadonlyArray<string>) =>
  execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@localhost", ...args], { cwd, stdio: "pipe" })

const makeRepository = (scratch: string, name: string, owner: number | null): string => {
  const [work, bare] = [join(scratch, name), join(scratch, `${name}.git`)]
  mkdirSync(work)
  git(work, "init", "-q", "-b", "main")
  git(work, "commit", "-q", "--allow-empty", "-m", name)
  git(work, "clone", "-q", "--bare", ".", bare)
  if (owner !== null) execFileSync("chown", ["-R", `${owner}:${owner}`, bare])
  return bare
}

/** `owner`: the server is run by this user instead of ours. */
export const openOffice = async (isolation: string, owner: number | null = null): Promise<Office> => {
  const scratch = mkdtempSync(join(tmpdir(), "proliferate-office-"))
  if (owner !== null) chownSync(scratch, owner, owner)
  chmodSync(scratch, 0o755)
  const dataDir = join(scratch, "data")
  const env = { PROLIFERATE_ISOLATION: isolation, HOST_SECRET: "must-not-enter", ...(owner !== null && { HOME: scratch }) }
  const server = await startServer(dataDir, env, owner === null ? [] : asNobodyElse)

  const call = async (method: string, path: string, body?: unknown): Promise<any> => {
    const response = await fetch(server.url + path, {
      method,
      headers: { authorization: `Bearer ${server.token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(turnWithinMs)
    })
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
    return response.status === 204 ? null : await response.json()
  }

  const sit = async (name: string): Promise<Seat> => {
    const { id: repositoryId } = await call("POST", "/v1/repositories", { name, location: makeRepository(scratch, name, owner) })
    const { id: configurationId } = await call("POST", "/v1/configurations", {
      name,
      repositories: [{ repositoryId }],
      agent: "scripted"
    })
    const { id: sessionId } = await call("POST", "/v1/sessions", { configurationId })
    const watcher = watch(server.url, server.token!, sessionId)
    await watcher.until("an agent", ({ kind }) => kind === "agent.ready", turnWithinMs)
    let prompts = 0
    const terminal = async (script: string): Promise<Said> => {
      prompts += 1
      const id = `${name}-${prompts}`
      const run = `{ ${script}\n} 2>&1; code=$?; echo; echo "code=$code"`
      await call("POST", `/v1/sessions/${sessionId}/prompts`, { id, text: `run: ${JSON.stringify([{ run }])}` })
      const isOfTurn = (turnId: unknown) => turnId === id
      await watcher.until(
        `the end of ${script}`,
        ({ kind, body }) => kind === "turn.ended" && isOfTurn(body["turnId"]),
        turnWithinMs
      )
      const told = watcher.events.filter(({ kind, body }) => kind === "tool" && isOfTurn(body["turnId"]))
      const output = String(told.at(-1)?.body["output"] ?? "")
      const end = /^code=(\d+)$/m.exec(output)
      return { code: end === null ? -1 : Number(end[1]), text: output.slice(0, end?.index ?? output.length).trim() }
    }
    return { sessionId, repositoryId, terminal, watcher }
  }

  const close = async () => {
    for (const { watcher } of seats) watcher.close()
    await server.stop()
    rmSync(scratch, { recursive: true, force: true })
  }
  const seats: Array<Seat> = []
  try {
    seats.push(await sit("one"), await sit("other"))
  } catch (error) {
    await close()
    throw error
  }
  return { server, dataDir, call, one: seats[0]!, other: seats[1]!, close }
}
