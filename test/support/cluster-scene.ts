/** Two servers of one cluster with a configuration, and those who watch them, for a suite: made before it, gone after it. */
import { Effect, Exit, Scope } from "effect"
import { afterAll, beforeAll } from "vitest"
import { Servers } from "./cluster-servers.ts"
import { migratedDatabase } from "./postgres.ts"
import { type Watcher, watch } from "./watcher.ts"

export const withinMs = 90_000

export class ClusterScene {
  servers!: Servers
  configurationId!: string
  readonly #watchers: Array<Watcher> = []

  constructor() {
    const scope = Effect.runSync(Scope.make())
    beforeAll(async () => {
      this.servers = new Servers(await Effect.runPromise(Scope.provide(scope)(migratedDatabase)))
      await this.servers.start("one")
      await this.servers.start("two")
      this.configurationId = await this.servers.configuration()
    }, 180_000)
    afterAll(async () => {
      for (const watcher of this.#watchers) watcher.close()
      await this.servers.end()
      await Effect.runPromise(Scope.close(scope, Exit.void))
    }, withinMs)
  }

  /** What a session's watcher at this server sees. */
  watch(url: string, sessionId: string): Watcher {
    const watcher = watch(url, this.servers.token, sessionId)
    this.#watchers.push(watcher)
    return watcher
  }
}
