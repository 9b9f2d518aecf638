/**
 * Several databases by organisation, as the way past what one can bear: a home (`DATABASE_URL`), which knows who there is and where
 * each organisation lives, and cells (`DATABASE_CELLS`), each with whole organisations. The home is a cell as well.
 *
 *   X3  An organisation lives in one cell for good, so where it lives is asked once: what runs in cells goes on without the home.
 *   X4  A cell that is away, or that this server was not told of, is the business of its organisations alone: each question goes to
 *       one cell, and what is asked of all of them is asked of each by itself.
 *
 * Whoever has no cells pays for none of this: the adapters beside this file are then used as they are.
 */
import { Context, Effect, Layer } from "effect"
import type postgres from "postgres"
import { homeCell } from "../../actors/ports/directory.ts"
import { newId } from "../../runtime/address.ts"
import { awayText, type Cell, CellError, mark, readMark, watched } from "./cells/cell.ts"
import { unknownCell } from "./directory.ts"
import { type DatabaseError, Postgres } from "./pool.ts"

export class Cells extends Context.Service<
  Cells,
  {
    readonly home: Cell
    /** The home first. */
    readonly all: ReadonlyArray<Cell>
    /** Where an organisation lives, as far as that was asked before; null: ask. */
    readonly known: (org: string) => Cell | null
    /** Where an organisation lives, if that cell can be used. One that nobody knows is looked for at home. */
    readonly find: (org: string) => Effect.Effect<Cell, CellError>
  }
>()("proliferate/adapters/postgres/Cells") {}

/** `cellOf` answers with the name of a cell, or null for an organisation that is not there; `settled` are known without asking. */
export const spreadOver = (
  all: ReadonlyArray<Cell>,
  cellOf: (org: string) => Effect.Effect<string | null, CellError>,
  settled: ReadonlyArray<{ readonly id: string; readonly cell: string }> = []
) => {
  const [home] = all as readonly [Cell, ...ReadonlyArray<Cell>]
  const named = new Map(all.map((cell) => [cell.name, cell]))
  const places = new Map<string, Cell>()
  for (const { id, cell } of settled) if (named.has(cell)) places.set(id, named.get(cell)!)

  const look = Effect.fnUntraced(function* (org: string) {
    const name = yield* cellOf(org)
    if (name === null) return home
    const cell = named.get(name)
    if (cell === undefined) return yield* new CellError({ message: unknownCell(name) })
    places.set(org, cell)
    return cell
  })

  const usable = (cell: Cell): Effect.Effect<Cell, CellError> =>
    cell.trouble() === null ? Effect.succeed(cell) : Effect.fail(new CellError({ message: awayText(cell) }))

  return Cells.of({
    home,
    all,
    known: (org) => places.get(org) ?? null,
    find: (org) =>
      Effect.suspend(() => {
        const place = places.get(org)
        return place === undefined ? Effect.flatMap(look(org), usable) : usable(place)
      })
  })
}

const asked = <A>(run: () => PromiseLike<A>) =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => new CellError({ message: `the home database does not answer: ${(cause as Error).message}` })
  })

/** Whether there were cells beside this database ever. */
export const isHome: Effect.Effect<boolean, CellError, Postgres> = Effect.flatMap(Postgres, ({ sql }) =>
  Effect.map(
    asked(() => readMark(sql)),
    (found) => found !== null
  )
)

/** The first cell of all: from then on no server may take every organisation for one of this database's own. */
const mayBegin = Effect.fnUntraced(function* (sql: postgres.Sql) {
  const nodes = yield* asked(
    () => sql<Array<{ readonly name: string }>>`select name from cluster_nodes where until > proliferate.now_ms() order by name`
  )
  if (nodes.length === 0) return
  const message = `before DATABASE_CELLS is set for the first time all servers are stopped, and ${nodes.map(({ name }) => name).join(", ")} runs, or did until a moment ago`
  return yield* new CellError({ message })
})

/** The cells by name with their URLs, beside the home, which is migrated. */
export const layer = (urls: ReadonlyMap<string, string>): Layer.Layer<Cells, CellError | DatabaseError, Postgres> =>
  Layer.effect(
    Cells,
    Effect.gen(function* () {
      const pools = yield* Postgres
      const { sql } = pools
      if ((yield* asked(() => readMark(sql))) === null) yield* mayBegin(sql)
      const made = { name: homeCell, installation: yield* newId("ins") }
      const found = yield* asked(() => mark(sql, made))
      if (found?.name !== homeCell)
        return yield* new CellError({
          message: `the database at DATABASE_URL is the cell ${found?.name} of an installation, and not its home: correct DATABASE_URL`
        })
      const home: Cell = { name: homeCell, pools, trouble: () => null, ready: Effect.void }
      const { installation } = found
      const isInUse = async (name: string) => (await sql`select from organisations where cell = ${name} limit 1`).length > 0
      const others = yield* Effect.forEach(urls, ([name, url]) => watched({ name, installation }, url, () => isInUse(name)), {
        concurrency: "unbounded"
      })
      const settled = yield* asked(
        () => sql<Array<{ readonly id: string; readonly cell: string }>>`select id, cell from organisations`
      )
      const cellOf = (org: string) =>
        Effect.map(
          asked(() => sql<Array<{ readonly cell: string }>>`select cell from organisations where id = ${org}`),
          ([row]) => row?.cell ?? null
        )
      return spreadOver([home, ...others], cellOf, settled)
    })
  )
