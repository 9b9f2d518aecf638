/** The recorded demo: what it makes of a terminal's words, and the picture that README.md shows. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { recording } from "../../cli/demo/recording.ts"
import { root } from "../support/command.ts"

const picture = "test/cli/golden/demo.svg"
const wholeMs = (drawn: string) => Number(/animation:s (\d+)ms/.exec(drawn)![1])

describe("a recording", () => {
  it("shows what was printed, in its colours and its place, and nothing as markup", () => {
    const drawn = recording([{ atMs: 0, text: "\u001b[1m\u001b[36ma < b & c\u001b[39m\u001b[22m\r\n  second" }], "t")
    expect(drawn).toMatch(/class="m0 b cyan"[^>]*>a &lt; b &amp; c<\/text>/)
    const [first, second] = [...drawn.matchAll(/<text x="([\d.]+)" y="([\d.]+)" class="m0/g)].map(([, x, y]) => [
      Number(x),
      Number(y)
    ])
    expect(second![0]).toBeGreaterThan(first![0]!)
    expect(second![1]).toBeGreaterThan(first![1]!)
  })

  it("keeps times as they were, but for long waits, and says how long it really took", () => {
    const at = (ms: number) =>
      recording(
        [
          { atMs: 0, text: "a\n" },
          { atMs: ms, text: "b\n" }
        ],
        "t"
      )
    expect(wholeMs(at(1_200)) - wholeMs(at(400))).toBe(800)
    expect(wholeMs(at(60_000))).toBe(wholeMs(at(1_520)))
    expect(at(60_000)).toContain("real time, 60 s; waits above 1.5 s are cut to that")
  })

  it("goes to the next line where the terminal would, and scrolls when it is full", () => {
    expect(recording([{ atMs: 0, text: "x".repeat(150) }], "t").match(/>x+<\/text>/g)).toHaveLength(2)
    const long = recording([{ atMs: 0, text: "line\n".repeat(40) }], "t")
    expect(long).toMatch(/\.s\{transform:translateY\(-\d+px\)/)
  })
})

describe("the recording that README.md shows", () => {
  const drawn = readFileSync(join(root, picture), "utf8")

  it("is small, stands alone and runs nothing", () => {
    expect(Buffer.byteLength(drawn)).toBeLessThan(150_000)
    expect(drawn).not.toMatch(/<script|href=|url\(|@import|<image|<foreignObject/)
    expect(readFileSync(join(root, "README.md"), "utf8")).toContain(picture)
  })

  it("is of a demo that worked out, of the scripted agent by name", () => {
    expect(drawn).toContain(">All of it happened.</text>")
    expect(drawn).toContain("scripted agent")
  })
})
