/** What somebody may have meant, of the names that there are. */

/** Names that are shown where none is near. */
const shownMax = 12

/** Edits between two names, each of one letter or a swap of neighbours; the shorter row of the usual table. */
const distance = (one: string, other: string): number => {
  let before: Array<number> = []
  let last = Array.from({ length: other.length + 1 }, (_, at) => at)
  for (let i = 1; i <= one.length; i++) {
    const row = [i]
    for (let j = 1; j <= other.length; j++) {
      const same = one[i - 1] === other[j - 1]
      let least = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1])
        least = Math.min(least, before[j - 2]! + 1)
      row.push(least)
    }
    before = last
    last = row
  }
  return last[other.length]!
}

/** `did you mean a or b?`, or `there is: a, b, c`. */
export const nearest = (given: string, known: ReadonlyArray<string>): string => {
  const asked = given.toLowerCase().slice(0, 100)
  const near = known
    .map((name) => ({ name, far: name.includes(asked) || asked.includes(name) ? 1 : distance(asked, name.toLowerCase()) }))
    .filter(({ far }) => far <= Math.max(2, asked.length / 3))
    .sort((a, b) => a.far - b.far || (a.name < b.name ? -1 : 1))
    .slice(0, 3)
  if (near.length > 0) return `did you mean ${near.map(({ name }) => name).join(" or ")}?`
  if (known.length === 0) return "there is none"
  const shown = [...known].sort().slice(0, shownMax)
  return `there is: ${shown.join(", ")}${known.length > shownMax ? ` and ${known.length - shownMax} more` : ""}`
}
