/** The first failing test in what `node --test` printed: where it is, what it wanted and what it got. */
export interface Failure {
  readonly name: string
  /** As printed, relative to where the tests ran. */
  readonly file: string
  /** Of the line that failed, or of the test where that is not told. */
  readonly line: number
  readonly expected: string | null
  readonly actual: string | null
}

const colours = /\u001b\[[0-9;]*m/g

export const firstFailure = (output: string): Failure | null => {
  const text = output.replaceAll(colours, "")
  const found = /^test at (.+?):(\d+):\d+\n✖ (.+?) \([\d.]+ms\)\n([\s\S]*?)(?=^test at |(?![\s\S]))/m.exec(text)
  if (found === null) return null
  const [, file, testLine, name, details] = found as unknown as [string, string, string, string, string]
  const frame = [...details.matchAll(/\((?:file:\/\/)?(\/.+?):(\d+):\d+\)/g)].find(([, path]) => path!.endsWith(`/${file}`))
  const value = (label: string) => new RegExp(`^\\s*${label}: (.+?),?$`, "m").exec(details)?.[1] ?? null
  return { name, file, line: Number(frame?.[2] ?? testLine), expected: value("expected"), actual: value("actual") }
}
