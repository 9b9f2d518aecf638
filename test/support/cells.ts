/** Two databases of one's own that are the home and one more cell, for suites of ports that are asked for organisations. */
import { Effect, Layer } from "effect"
import { Directory, homeCell } from "../../actors/ports/directory.ts"
import type { Cell } from "../../adapters/postgres/cells/cell.ts"
import * as PostgresCells from "../../adapters/postgres/cells.ts"
import { connect, Postgres } from "../../adapters/postgres/pool.ts"
import { migratedDatabase } from "./postgres.ts"

export const otherCell = "second"

/** Where an organisation of a suite lives: of `org_1`, `org_2`, … and of `org_a`, `org_b`, … each in turns. */
export const cellOf = (org: string): string => (org.charCodeAt(org.length - 1) % 2 === 0 ? homeCell : otherCell)

/** Always there. */
export const soundCell = (name: string, pools: Postgres["Service"]): Cell => ({
  name,
  pools,
  trouble: () => null,
  ready: Effect.void
})

/** Cells of organisations that nobody added. */
export const cellsOn = (home: Postgres["Service"], other: Postgres["Service"]) =>
  PostgresCells.spreadOver([soundCell(homeCell, home), soundCell(otherCell, other)], (org) => Effect.succeed(cellOf(org)))

/** As a server makes them, of organisations that are added. */
export const addedCells = Layer.unwrap(
  Effect.map(migratedDatabase, (url) => PostgresCells.layer(new Map([[otherCell, url]])))
).pipe(
  Layer.provideMerge(
    Layer.effect(
      Postgres,
      Effect.flatMap(migratedDatabase, (url) => connect(url))
    )
  )
)

/** The database of an organisation. */
export const sqlOf = (cells: PostgresCells.Cells["Service"], org: string) =>
  Effect.map(Effect.orDie(cells.find(org)), ({ pools }) => pools.sql)

/** Sets every clock of theirs. */
export const passTimeIn = (databases: ReadonlyArray<Postgres["Service"]>, ms: number) =>
  Effect.forEach(
    databases,
    ({ sql }) =>
      Effect.promise(() =>
        sql.begin(async (tx) => {
          const [clock] = await tx`select proliferate.now_ms() + ${ms} as later`
          await tx`delete from proliferate.fake_now`
          await tx`insert into proliferate.fake_now values (${clock!["later"]})`
        })
      ),
    { discard: true }
  )

/** A suite that names no cell has its organisations in both. */
export const spreadOrganisations = Layer.effect(
  Directory,
  Effect.map(Directory, (directory) =>
    Directory.of({
      ...directory,
      addOrganisation: (organisation) => directory.addOrganisation({ ...organisation, cell: cellOf(organisation.id) }),
      found: (founding) =>
        directory.found({ ...founding, organisation: { ...founding.organisation, cell: cellOf(founding.organisation.id) } })
    })
  )
)
