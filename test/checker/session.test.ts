/** Every world that a session can get into with its sandboxes, its commands and a dying host, within bounds. */
import { assert, describe, it } from "vitest"
import { sessionMachine } from "../../machines/session.ts"
import { leavesOf, stateIds } from "../support/session.ts"
import { type Checked, check, type Model } from "./checker.ts"
import { sessionModel } from "./session-world.ts"
import type { Bounds, World } from "./world.ts"

const isDeep = process.env["DEEP"] === "1"
const bounds: ReadonlyArray<Bounds> = isDeep
  ? [
      { wishes: 3, troubles: 1, hurries: 1, questions: 1 },
      { wishes: 3, troubles: 2, hurries: 0, questions: 1 },
      { wishes: 2, troubles: 2, hurries: 1, questions: 1 }
    ]
  : [
      { wishes: 2, troubles: 1, hurries: 1, questions: 1 },
      { wishes: 2, troubles: 2, hurries: 0, questions: 1 }
    ]
const worldsMax = 2_000_000
const walkWithinMs = isDeep ? 900_000 : 120_000

const told = ({ broken }: Checked) => `${broken?.why}\n  ${broken?.way.join("\n  ")}`

describe("every world of a session", () => {
  const seen = new Set<string>()

  it.each(bounds)(
    "with $wishes wishes, $troubles troubles, $hurries hurries, $questions questions",
    { timeout: walkWithinMs },
    (bound) => {
      const checked = check(sessionModel(bound), worldsMax, ({ session }) => {
        for (const leaf of leavesOf(session.snapshot)) seen.add(leaf)
      })
      const { worlds, moves, rests, depth, isWhole } = checked
      console.log(`${worlds} worlds, ${moves} moves between them, ${rests} at rest, up to ${depth} moves away`)
      assert.isNull(checked.broken, told(checked))
      assert.isTrue(isWhole, "there are more worlds than were looked at: raise worldsMax")
      assert.isAbove(worlds, 10_000)
    }
  )

  it("reaches every state of the machine", () => {
    const leaves = stateIds(sessionMachine).filter((state) => !seen.has(state))
    assert.deepStrictEqual(leaves, [])
  })
})

/** A session whose world is broken on purpose. */
const broken = (changes: (model: Model<World>) => Partial<Model<World>>): Checked => {
  const model = sessionModel({ wishes: 2, troubles: 1, hurries: 0, questions: 0 })
  return check({ ...model, ...changes(model) }, worldsMax)
}

describe("a walk shows", () => {
  it("a sandbox that nobody destroys, and the shortest way to it", () => {
    const checked = broken(({ wrong }) => ({
      wrong: (world) => wrong({ ...world, commands: world.commands.filter(({ name }) => name !== "destroySandbox") })
    }))
    assert.match(checked.broken?.why ?? "", /I5: sbx_1 is astray/)
    assert.deepStrictEqual(checked.broken?.way, ["someone: prompt", "key_1_0 makes sbx_1", "key_2_0 fails for good"])
  })

  it("a world in which nothing moves and something should", () => {
    const checked = broken(({ moves }) => ({
      *moves(world) {
        for (const move of moves(world)) if (!move.name.endsWith("passes")) yield move
      }
    }))
    assert.deepStrictEqual(checked.broken, { why: 'it stands still: it is "pending"', way: [] })
  })

  it("a fact that is lost", () => {
    const checked = broken(({ moves }) => ({
      *moves(world) {
        for (const move of moves(world))
          yield move.name.includes("turn.finished")
            ? {
                ...move,
                next: () => {
                  throw new Error("turn.finished is lost")
                }
              }
            : move
      }
    }))
    assert.match(told(checked), /turn.finished is lost[\s\S]*the daemon tells turn.finished$/)
  })
})

describe("the checker", () => {
  const counting = (changes: Partial<Model<number>>): Checked =>
    check<number>(
      {
        first: 0,
        key: String,
        *moves(n) {
          if (n < 5) yield { name: `to ${n + 1}`, next: () => n + 1 }
        },
        wrong: () => null,
        rests: () => null,
        ...changes
      },
      100
    )

  it("counts what there is", () => {
    assert.deepStrictEqual(counting({}), { worlds: 6, moves: 5, rests: 1, depth: 5, isWhole: true, broken: null })
  })

  it("tells the shortest way to what must not be", () => {
    const checked = counting({
      *moves(n) {
        yield { name: "one on", next: () => n + 1 }
        yield { name: "two on", next: () => n + 2 }
      },
      wrong: (n) => (n === 4 ? "it is four" : null)
    })
    assert.deepStrictEqual(checked.broken, { why: "it is four", way: ["two on", "two on"] })
  })

  it("finds a circle that nothing leads out of, unless somebody's wish does not count as a way", () => {
    const circle = (isFree: boolean) =>
      counting({
        *moves(n) {
          if (n === 9) return
          yield { name: "on", next: () => (n + 1) % 3 }
          yield { name: "out", next: () => 9, isFree }
        }
      }).broken?.why ?? null
    assert.strictEqual(circle(true), "no way leads from here to a rest")
    assert.isNull(circle(false))
  })

  it("says when there are more worlds than it may look at, and calls none of them stuck", () => {
    const checked = counting({
      *moves(n) {
        yield { name: "on", next: () => n + 1 }
      }
    })
    assert.deepInclude(checked, { worlds: 100, isWhole: false, broken: null })
  })
})
