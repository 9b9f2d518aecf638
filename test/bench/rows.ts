/** What a benchmark reports, and the arithmetic of it. `ratio` says how many times better ours is than what ran beside it. */

export interface Row {
  readonly name: string
  readonly against: string
  readonly ours: number
  readonly theirs: number
  readonly ratio: number
  readonly unit: string
  /** Least and most of ours and of theirs over the rounds. */
  readonly spread: string
  /** What the ratio has to reach, if anything. */
  readonly goal: number | null
  /** Every round that counts. */
  readonly raw: { readonly ours: ReadonlyArray<number>; readonly theirs: ReadonlyArray<number> }
}

export const median = (values: ReadonlyArray<number>): number => quantile(values, 0.5)

export const quantile = (values: ReadonlyArray<number>, q: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]!
}

/** Rounds that alternate, ours first and theirs first in turn; the first warms both up and is not counted. */
export const rounds = async (
  count: number,
  ours: (round: number) => Promise<number>,
  theirs: (round: number) => Promise<number>
): Promise<{ readonly ours: ReadonlyArray<number>; readonly theirs: ReadonlyArray<number> }> => {
  const measured = { ours: [] as Array<number>, theirs: [] as Array<number> }
  for (let round = 0; round <= count; round++) {
    const turns = [async () => measured.ours.push(await ours(round)), async () => measured.theirs.push(await theirs(round))]
    if (round % 2 === 1) turns.reverse()
    for (const turn of turns) await turn()
  }
  return { ours: measured.ours.slice(1), theirs: measured.theirs.slice(1) }
}

const spreadOf = (values: ReadonlyArray<number>): string => `${short(Math.min(...values))}–${short(Math.max(...values))}`

/** One row from the rounds of both sides; for rates more is better, for times and bytes less. */
export const rowOf = (
  name: string,
  against: string,
  unit: "per s" | "ms" | "bytes",
  ours: ReadonlyArray<number>,
  theirs: ReadonlyArray<number>,
  goal: number | null
): Row => {
  const [mine, other] = [median(ours), median(theirs)]
  return {
    name,
    against,
    ours: round(mine),
    theirs: round(other),
    ratio: round(unit === "per s" ? mine / other : other / mine),
    unit,
    spread: `${spreadOf(ours)} / ${spreadOf(theirs)}`,
    goal,
    raw: { ours, theirs }
  }
}

const short = (value: number): string => String(Number(value.toPrecision(3)))

const round = (value: number): number => Number(value.toPrecision(4))

export const table = (rows: ReadonlyArray<Row>): string => {
  const head = ["name", "against", "ours", "theirs", "unit", "ratio", "goal", "spread ours / theirs"]
  const cells = rows.map(({ name, against, ours, theirs, unit, ratio, goal, spread }) => [
    name,
    against,
    String(ours),
    String(theirs),
    unit,
    `${ratio}x`,
    goal === null ? "" : `${goal}x${ratio >= goal ? "" : "  MISSED"}`,
    spread
  ])
  const widths = head.map((title, column) => Math.max(title.length, ...cells.map((line) => line[column]!.length)))
  const print = (line: ReadonlyArray<string>) =>
    line
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join("  ")
      .trimEnd()
  return [print(head), widths.map((width) => "-".repeat(width)).join("  "), ...cells.map(print)].join("\n")
}
