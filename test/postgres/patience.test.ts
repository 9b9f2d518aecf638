/** Stories that last as long as we wait for a server before we give it up. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Scope } from "effect"
import { Directory } from "../../actors/ports/directory.ts"
import * as directory from "../../adapters/postgres/directory.ts"
import { startEmbedded } from "../../adapters/postgres/embedded.ts"
import { migrate } from "../../adapters/postgres/migrate.ts"
import { connect, Postgres } from "../../adapters/postgres/pool.ts"
import { isGone, otherServer, preparedDataDir } from "../support/embedded.ts"

describe.concurrent("patience", () => {
  const prepared = preparedDataDir()

  it.live(
    "ends a left-over server that does not answer, the hard way, and starts its own",
    () =>
      Effect.gen(function* () {
        const dataDir = yield* prepared
        const owner = yield* otherServer(dataDir)
        yield* owner.end("SIGKILL")
        process.kill(owner.said.pid!, "SIGSTOP")
        const { isAdopted, pid, url } = yield* startEmbedded({ dataDir })
        assert.isFalse(isAdopted)
        assert.notStrictEqual(pid, owner.said.pid)
        assert.isTrue(isGone(owner.said.pid!))
        yield* connect(url)
      }),
    60_000
  )

  it.live(
    "reads the directory across the death of the server, and says so when it stays away",
    () =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const embedded = yield* Scope.provide(startEmbedded({ dataDir: yield* prepared }), scope)
        const pools = Layer.effect(Postgres, connect(embedded.url))
        const services = yield* Layer.build(directory.layer.pipe(Layer.provideMerge(pools)))
        const { addOrganisation, organisations } = Context.get(services, Directory)
        yield* migrate(Context.get(services, Postgres).sql)
        const added = yield* addOrganisation({ id: "org_1", name: "us" })

        process.kill(embedded.pid, "SIGKILL")
        assert.deepStrictEqual(yield* organisations, [added])

        yield* Scope.close(scope, Exit.void)
        assert.strictEqual((yield* Effect.flip(organisations)).reason, "unavailable")
        assert.strictEqual((yield* Effect.flip(addOrganisation({ id: "org_2", name: "them" }))).reason, "unavailable")
      }),
    60_000
  )

  it.live(
    "gives a server at DATABASE_URL ten seconds to answer, and then names it without its password",
    () =>
      Effect.gen(function* () {
        const { reason, message } = yield* Effect.flip(connect("postgres://ada:secret@127.0.0.1:1/work"))
        assert.strictEqual(reason, "unreachable")
        assert.include(message, "127.0.0.1:1, database work (ECONNREFUSED)")
        assert.notInclude(message, "secret")
      }),
    60_000
  )
})
