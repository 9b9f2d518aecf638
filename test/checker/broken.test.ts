/** Whether the walk would find a fault in the machine itself: copies of it, each broken in one place. */
import { assert, describe, it } from "vitest"
import { session } from "../../machines/session/setup.ts"
import { sessionMachine } from "../../machines/session.ts"
import { leavesOf, playedOn, stateIds } from "../support/session.ts"
import { type Checked, check } from "./checker.ts"
import { sessionModel } from "./session-world.ts"

const worldsMax = 200_000

type Config = any
const copyOf = (value: Config): Config =>
  Array.isArray(value)
    ? value.map(copyOf)
    : typeof value === "object" && value !== null
      ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, copyOf(inner)]))
      : value

interface Walked extends Checked {
  /** States in which no world was. */
  readonly unreached: ReadonlyArray<string>
}

const walked = (breaks: (config: Config) => void): Walked => {
  const config = copyOf(sessionMachine.config)
  breaks(config)
  const machine = session.createMachine(config)
  const seen = new Set<string>()
  const checked = playedOn(machine, () =>
    check(sessionModel({ wishes: 2, troubles: 1, hurries: 1, questions: 1 }), worldsMax, (world) => {
      for (const leaf of leavesOf(world.session.snapshot)) seen.add(leaf)
    })
  )
  return { ...checked, unreached: stateIds(machine).filter((state) => !seen.has(state)) }
}

describe("of a machine that is broken in one place, a walk finds", { timeout: 120_000 }, () => {
  it("a state that nothing leads to", () => {
    const { broken, unreached } = walked(({ states }) => {
      states.limbo = { after: { pausedDeadline: "stopping" } }
    })
    assert.isNull(broken)
    assert.deepStrictEqual(unreached, ["limbo"])
  })

  it("a state without a timed way out", () => {
    const { broken } = walked(({ states }) => {
      delete states.pending.after
    })
    assert.match(broken?.why ?? "", /S3: only what is final waits without a deadline|stands still/)
  })

  it("an event that is lost", () => {
    const { broken } = walked(({ states }) => {
      delete states.running.states.agent.on["turn.finished"]
    })
    assert.match(broken?.why ?? "", /lost/)
  })

  it("an invariant that is violated", () => {
    const { broken } = walked(({ on }) => {
      delete on["sandbox.ready"]
    })
    assert.match(broken?.why ?? "", /S5|I5|lost/)
  })
})
