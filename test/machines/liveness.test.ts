/**
 * The liveness contract (S3), over every configuration that a narrow alphabet of events can reach, deadlines among them. Each step
 * of the walk is held to S1, S2 and S4 to S6 as well.
 */

import { assert, beforeAll, describe, it } from "vitest"
import type { AnyStateNode } from "xstate"
import { sessionMachine } from "../../machines/session.ts"
import { at, leavesOf } from "../support/session.ts"
import { explore, type Space } from "../support/session-space.ts"

const configurationsMax = 20_000
const walkWithinMs = 120_000

const nodes: Array<AnyStateNode> = []
const collect = (node: AnyStateNode) => {
  nodes.push(node)
  Object.values(node.states).forEach(collect)
}
collect(sessionMachine.root)

let space: Space
beforeAll(() => {
  space = explore(configurationsMax)
  console.log(`${space.configurations.size} configurations of a session, ${space.arrows.length} arrows between them`)
}, walkWithinMs)

describe("every session that can be", () => {
  it("was walked to", () => {
    assert.isAbove(space.configurations.size, 5_000)
    assert.isBelow(space.configurations.size, configurationsMax, "the walk ended before the space did: raise configurationsMax")
  })

  it("waits with a deadline, unless it is final", () => {
    const stuck = [...space.configurations.values()].filter(
      ({ armed, snapshot }) => armed.size === 0 && !snapshot.hasTag("final")
    )
    assert.deepStrictEqual(stuck.map(at), [])
  })

  it("comes to be stopped when it is left alone", () => {
    const next = new Map<string, Array<string>>()
    for (const { from, event, to } of space.arrows)
      if (event.type.startsWith("xstate.after.")) next.set(from, [...(next.get(from) ?? []), to])

    const ends = new Set<string>()
    const comesToRest = (key: string, path: ReadonlyArray<string>): void => {
      if (ends.has(key)) return
      assert.notInclude(
        path,
        key,
        `deadlines alone lead round in a circle: ${[...path, key].map((step) => at(space.configurations.get(step)!)).join(" → ")}`
      )
      const onward = next.get(key) ?? []
      const configuration = space.configurations.get(key)!
      assert.strictEqual(
        onward.length === 0,
        configuration.snapshot.hasTag("final"),
        `${at(configuration)} is where deadlines lead, and no end`
      )
      for (const to of onward) comesToRest(to, [...path, key])
      ends.add(key)
    }
    for (const key of space.configurations.keys()) comesToRest(key, [])
  })

  it("is in each state of the machine at some time", () => {
    const seen = new Set([...space.configurations.values()].flatMap(({ snapshot }) => leavesOf(snapshot)))
    // One with an `always` is left in the step that enters it.
    const passedThrough = new Set([...space.taken].map((transition) => transition.split(" -")[0]!))
    for (const node of nodes) {
      if (Object.keys(node.states).length > 0) continue
      const isReached = seen.has(node.path.join(".")) || passedThrough.has(node.id)
      assert.isTrue(isReached, `${node.id} is never reached: take it out, or find out who cannot get there`)
    }
  })

  it("takes each transition of the machine at some time", () => {
    // More questions than may be open are not in the alphabet; see session.test.ts.
    const beyond = ["session.running.agent.busy -question.asked-> itself"]
    const untaken = nodes
      .flatMap((node) => [...(node.always ?? []), ...[...node.transitions.values()].flat()])
      .filter(({ target, actions }) => target !== undefined || actions.length > 0)
      .map(
        ({ source, eventType, target }) =>
          `${source.id} -${eventType || "always"}-> ${target?.map(({ id }) => id).join(" ") ?? "itself"}`
      )
      .filter((transition) => !space.taken.has(transition))
    assert.deepStrictEqual(untaken, beyond)
  })
})
