/** A page of rows bounded by its size, not only by its count: some rows are a line, some hold a tool's whole output. */

const pageCharactersMax = 4 * 1024 * 1024

/** The first rows that fit, one at least. */
export const fitting = <A>(rows: ReadonlyArray<A>): ReadonlyArray<A> => {
  let characters = 0
  const end = rows.findIndex((row) => {
    characters += JSON.stringify(row).length
    return characters > pageCharactersMax
  })
  return end < 0 ? rows : rows.slice(0, Math.max(end, 1))
}
