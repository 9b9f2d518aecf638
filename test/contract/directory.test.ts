import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Directory, sessionWords } from "../../actors/ports/directory.ts"
import { memoryDirectory } from "../../adapters/memory/directory.ts"
import { emptyJournal } from "../../adapters/memory/journal-state.ts"
import * as postgresDirectory from "../../adapters/postgres/directory.ts"
import { Postgres } from "../../adapters/postgres/pool.ts"
import { testPostgres } from "../support/postgres.ts"
import { exerciseDirectory } from "./directory.ts"
import { exerciseHosts } from "./directory-hosts.ts"
import { DirectoryWorld } from "./session-lists.ts"

const inMemory = Layer.unwrap(
  Effect.sync(() => {
    const state = emptyJournal()
    const world = DirectoryWorld.of({
      project: ({ org, id, ...row }) =>
        Effect.sync(() => state.projections.set(`session/${id}`, { address: { org, kind: "session", id, home: id }, ...row })),
      passTime: (ms) => TestClock.adjust(ms)
    })
    return Layer.merge(Layer.succeed(DirectoryWorld, world), Layer.succeed(Directory, memoryDirectory(state)))
  })
)

const inPostgres = Layer.effect(
  DirectoryWorld,
  Effect.map(Postgres, ({ sql }) =>
    DirectoryWorld.of({
      project: ({ org, id, title, status, owner, configurationId, archived, rev, createdAtMs, updatedAtMs }) =>
        Effect.promise(
          () => sql`
            insert into projections
              (org, kind, id, home, title, status, owner, configuration_id, archived, words, rev, created_at, updated_at)
            values (${org}, 'session', ${id}, ${id}, ${title}, ${status}, ${owner}, ${configurationId}, ${archived},
              ${sessionWords({ id, title }).join(" ")}, ${rev}, ${createdAtMs}, ${updatedAtMs})`
        ),
      passTime: (ms) =>
        Effect.promise(() =>
          sql.begin(async (tx) => {
            const [clock] = await tx`select proliferate.now_ms() + ${ms} as later`
            await tx`delete from proliferate.fake_now`
            await tx`insert into proliferate.fake_now values (${clock!.later})`
          })
        )
    })
  )
).pipe(Layer.merge(postgresDirectory.layer), Layer.provide(testPostgres))

for (const [name, world] of [
  ["memory", inMemory],
  ["postgres", inPostgres]
] as const) {
  exerciseDirectory(name, world)
  exerciseHosts(name, world)
}
