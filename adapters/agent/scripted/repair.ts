/**
 * The one class of fault that this agent knows: a bound that is off by one. It finds the functions which a failing line of a test
 * calls, and proposes, for each of their lines, the small changes that move a bound by one. Which of them is right, the tests say.
 */
export interface Change {
  readonly line: number
  readonly from: string
  readonly to: string
}

/** Names that the test imports from its own project, with the file of each. */
export const importedNames = (test: string): ReadonlyArray<{ readonly name: string; readonly from: string }> =>
  [...test.matchAll(/import\s*\{([^}]*)\}\s*from\s*["'](\.[^"']+)["']/g)].flatMap(([, names, from]) =>
    names!.split(",").flatMap((part) => {
      const name = part
        .trim()
        .split(/\s+as\s+/)
        .at(-1)!
      return name === "" ? [] : [{ name, from: from! }]
    })
  )

/** Lines of the function from its head to the brace that closes it at the same depth. */
export const linesOf = (source: string, name: string): ReadonlyArray<{ readonly line: number; readonly text: string }> => {
  const lines = source.split("\n").map((text, index) => ({ line: index + 1, text }))
  const head = lines.findIndex(({ text }) =>
    new RegExp(`\\b(?:function\\s+|const\\s+|let\\s+)${name}\\b|^\\s+(?:async\\s+)?${name}\\s*\\(`).test(text)
  )
  if (head === -1) return []
  const indent = /^\s*/.exec(lines[head]!.text)![0]
  const end = lines.findIndex(({ text }, index) => index > head && text.startsWith(`${indent}}`))
  return lines.slice(head, end === -1 ? lines.length : end + 1)
}

const moves: ReadonlyArray<readonly [RegExp, string]> = [
  [/ - 1\b/, ""],
  [/ \+ 1\b/, ""],
  [/ < /, " <= "],
  [/ <= /, " < "],
  [/ > /, " >= "],
  [/ >= /, " > "],
  [/ = 1;/, " = 0;"],
  [/ = 0;/, " = 1;"],
  [/\.length\b(?! [-+] 1)/, ".length - 1"],
  [/\.length\b(?! [-+] 1)/, ".length + 1"]
]

/** Loops first, for most bounds are theirs; comments never. */
export const boundChanges = (lines: ReadonlyArray<{ readonly line: number; readonly text: string }>): ReadonlyArray<Change> => {
  const code = lines.filter(({ text }) => !/^\s*(?:\/\/|\*|\/\*)/.test(text))
  const isLoop = (text: string) => /\b(?:for|while)\b/.test(text)
  return [...code.filter(({ text }) => isLoop(text)), ...code.filter(({ text }) => !isLoop(text))].flatMap(({ line, text }) =>
    moves.flatMap(([from, to]) => (from.test(text) ? [{ line, from: text, to: text.replace(from, to) }] : []))
  )
}
