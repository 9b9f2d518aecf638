/** The other side of child.ts: what a contestant's process does with its lines. */
import { createInterface } from "node:readline"
import { type Figures, marked } from "./child.ts"

/** What `contestant` was given as its input. */
export const input = <A>(): A => JSON.parse(process.argv[2]!)

/** Answers round after round until the lines end, then ends. */
export const answering = async <A>(round: (line: A) => Promise<Figures>): Promise<void> => {
  const lines = createInterface({ input: process.stdin })
  process.stdout.write(`${marked}{}\n`)
  for await (const line of lines) process.stdout.write(`${marked}${JSON.stringify(await round(JSON.parse(line)))}\n`)
}
