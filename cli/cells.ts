/** Which databases there are beside the home, by the name of each: what the environment says, or what is wrong with it. */
import { Effect, Redacted, Schema } from "effect"
import { homeCell } from "../actors/ports/directory.ts"
import type { Settings } from "./settings.ts"

export class CellsError extends Schema.TaggedError<CellsError>()("CellsError", { message: Schema.String }) {}

const cellName = /^[a-z][a-z0-9-]{0,30}$/
/** A client decodes its parts, and a password may hold what it cannot. */
const isDecodable = (url: URL): boolean => {
  try {
    decodeURIComponent(`${url.username}${url.password}${url.hostname}${url.pathname}`)
    return true
  } catch {
    return false
  }
}
const cellExample = "eu=postgres://user:password@host:5432/database"

/** Cells by name with their URLs. No message shows a URL: it may hold a password. */
export const cellsOf = Effect.fnUntraced(function* ({
  databaseCells,
  databaseUrl
}: Pick<Settings, "databaseCells" | "databaseUrl">) {
  const cells = new Map<string, string>()
  if (databaseCells === null) return cells
  const refuse = (message: string) => Effect.fail(new CellsError({ message: `DATABASE_CELLS: ${message}` }))
  if (databaseUrl === null)
    return yield* refuse("cells stand beside a home that is not the embedded PostgreSQL: set DATABASE_URL")
  const entries = Redacted.value(databaseCells)
    .split(",")
    .map((entry) => entry.trim())
  for (const [index, entry] of entries.entries()) {
    const [, name, given] = /^([^=:/]*)=(.*)$/.exec(entry) ?? []
    const where = `entry ${index + 1} of ${entries.length}`
    if (name === undefined || given === undefined)
      return yield* refuse(`${where} is not NAME=URL, such as ${cellExample}; a comma in a password is written %2C`)
    if (!cellName.test(name) || name === homeCell)
      return yield* refuse(
        `${where}: a cell is named by 1 to 31 small letters, digits and hyphens, a letter first, and "${homeCell}" is that of DATABASE_URL`
      )
    if (cells.has(name)) return yield* refuse(`there are two cells named ${name}`)
    const url = URL.parse(given)
    if (url === null || !/^postgres(ql)?:$/.test(url.protocol))
      return yield* refuse(`that of the cell ${name} is not a URL such as ${cellExample}; a comma in a password is written %2C`)
    if (!isDecodable(url)) return yield* refuse(`in that of the cell ${name} is a % that begins no code; it is written %25`)
    cells.set(name, given)
  }
  return cells
})
