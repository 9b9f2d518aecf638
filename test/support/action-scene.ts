/** A real server with one session of the scripted agent and a stand-in for Sentry, for a suite: made before it, gone after it. */
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, beforeAll } from "vitest"
import { makeBundle, run } from "./command.ts"
import { type Server, startServer } from "./server.ts"
import { sentry, sentryToken } from "./services/sentry.ts"
import { type Service, startService } from "./services/service.ts"

export const where = { organization_slug: "acme", project_slug: "api" }
export const resolve = { organization_slug: "acme", issue_id: "4509876543", status: "resolved" }
export const full = { timeout: 120_000 }
const waitsMs = 60_000

export class ActionScene {
  readonly directory: string
  readonly dataDir: string
  readonly fake = sentry()
  service!: Service
  server!: Server
  env!: Record<string, string>
  session: any

  constructor(name: string) {
    this.directory = mkdtempSync(join(tmpdir(), `proliferate-${name}-`))
    this.dataDir = join(this.directory, "data")
    beforeAll(() => this.#begin(), 120_000)
    afterAll(async () => {
      await this.server?.stop()
      await this.service?.close()
      rmSync(this.directory, { recursive: true, force: true })
    }, 90_000)
  }

  async #begin(): Promise<void> {
    makeBundle()
    const repository = join(this.directory, "app")
    this.service = await startService(this.fake.answer)
    execFileSync("git", ["init", "--quiet", "--initial-branch=main", repository])
    const git = ["-C", repository, "-c", "user.name=t", "-c", "user.email=t@t.invalid"]
    execFileSync("git", [...git, "commit", "--quiet", "--allow-empty", "--message", "first"])
    await this.start()
    await this.json("repos", "add", repository)
    await this.json("configurations", "create", "--name", "app", "--repo", "app", "--agent", "scripted")
    this.session = await this.json("sessions", "create", "-c", "app")
  }

  /** Again, on the same data, under the token of the first time. */
  async start(): Promise<void> {
    this.server = await startServer(this.dataDir, { PROLIFERATE_SENTRY_URL: this.service.url })
    const token = this.server.token ?? this.env["PROLIFERATE_TOKEN"]!
    this.env = { PROLIFERATE_URL: this.server.url, PROLIFERATE_TOKEN: token, SENTRY_TOKEN: sentryToken }
  }

  readonly json = async (...args: ReadonlyArray<string>): Promise<any> => {
    const { code, stdout, stderr } = await run([...args, "--json"], this.env)
    assert.deepStrictEqual([code, stderr], [0, ""], args.join(" "))
    return JSON.parse(stdout)
  }

  /** The newest call, once it waits for a person. */
  readonly pending = async (): Promise<any> => {
    const endsAtMs = Date.now() + waitsMs
    while (Date.now() < endsAtMs) {
      const [call] = (await this.json("inbox")).calls
      if (call?.status === "pending") return call
      await new Promise((done) => setTimeout(done, 50))
    }
    throw new Error("nothing waits for a person")
  }
}
