/** Every world that two action calls can get into with a budget, people, a service and a dying host, within bounds. */
import { assert, describe, it } from "vitest"
import { approvalMachine } from "../../machines/approval.ts"
import type { Risk } from "../../machines/policy.ts"
import { leavesOf } from "../support/played.ts"
import { stateIds } from "../support/session.ts"
import { approvalModel } from "./approval-world.ts"
import type { Bounds, World } from "./calls.ts"
import { type Checked, check, type Model } from "./checker.ts"

const isDeep = process.env["DEEP"] === "1"
const both = ["write", "write"] as const
const bounds: ReadonlyArray<Bounds & { readonly risks: ReadonlyArray<Risk> }> = isDeep
  ? [
      { wishes: 3, troubles: 2, hurries: 1, risks: both },
      { wishes: 4, troubles: 1, hurries: 1, risks: both },
      { wishes: 4, troubles: 3, hurries: 2, risks: ["danger"] },
      { wishes: 4, troubles: 4, hurries: 2, risks: ["write"] }
    ]
  : [
      { wishes: 2, troubles: 1, hurries: 0, risks: both },
      { wishes: 3, troubles: 2, hurries: 1, risks: ["danger"] },
      { wishes: 3, troubles: 2, hurries: 1, risks: ["write"] }
    ]
const worldsMax = 5_000_000
const walkWithinMs = isDeep ? 900_000 : 120_000

const told = ({ broken }: Checked) => `${broken?.why}\n  ${broken?.way.join("\n  ")}`

describe("every world of action calls", () => {
  const seen = new Set<string>()

  it.each(bounds)(
    "that are $risks, with $wishes wishes, $troubles troubles, $hurries hurries",
    { timeout: walkWithinMs },
    (bound) => {
      const checked = check(approvalModel(bound, bound.risks), worldsMax, ({ calls }) => {
        for (const { played } of calls) for (const leaf of leavesOf(played.snapshot)) seen.add(leaf)
      })
      const { worlds, moves, rests, depth, isWhole } = checked
      console.log(`${worlds} worlds, ${moves} moves between them, ${rests} at rest, up to ${depth} moves away`)
      assert.isNull(checked.broken, told(checked))
      assert.isTrue(isWhole, "there are more worlds than were looked at: raise worldsMax")
      assert.isAbove(worlds, 1_000)
    }
  )

  it("reaches every state of the machine", () => {
    assert.deepStrictEqual(
      stateIds(approvalMachine).filter((state) => !seen.has(state)),
      []
    )
  })
})

describe("a walk shows", () => {
  /** A world that is broken on purpose. */
  const broken = (changes: (model: Model<World>) => Partial<Model<World>>, risks: ReadonlyArray<Risk> = both): Checked => {
    const model = approvalModel({ wishes: 1, troubles: 2, hurries: 0 }, risks)
    return check({ ...model, ...changes(model) }, worldsMax)
  }
  /** What a hand did is done once more when the command runs again. */
  const forgetting = (model: Model<World>): Partial<Model<World>> => ({
    *moves(world) {
      const forgetful = { ...world, calls: world.calls.map((call) => ({ ...call, dispatched: [] })) }
      yield* model.moves(forgetful)
    }
  })

  it("a service that is called twice where nobody notes that it was called", () => {
    assert.match(told(broken(forgetting, ["write"])), /took effect 2 times/)
  })

  it("a budget that two spend where its uses are not counted in the commit", () => {
    const checked = broken((model) => ({
      *moves(world) {
        const { grn_1 } = world.budgets
        yield* model.moves({ ...world, budgets: { ...world.budgets, grn_1: { ...grn_1!, usesMax: 2 } } })
      },
      wrong: (world) => ((world.budgets["grn_1"]?.used ?? 0) > 1 ? "I2: two uses of one are taken" : model.wrong(world))
    }))
    assert.match(told(checked), /I2: two uses of one are taken/)
  })
})
