/**
 * The liveness contract (S3, A7), over every configuration that a narrow alphabet of events can reach, deadlines among them. Each step
 * of the walk is held to the other invariants of its machine as well.
 */
import { assert, beforeAll, describe, it } from "vitest"
import type { AnyMachineSnapshot, AnyStateMachine, AnyStateNode } from "xstate"
import { approvalMachine } from "../../machines/approval.ts"
import { sessionMachine } from "../../machines/session.ts"
import * as approval from "../support/approval-space.ts"
import { leavesOf } from "../support/played.ts"
import * as session from "../support/session-space.ts"
import type { Space } from "../support/space.ts"

const configurationsMax = 20_000
const walkWithinMs = 120_000

const nodesOf = (node: AnyStateNode): ReadonlyArray<AnyStateNode> => [node, ...Object.values(node.states).flatMap(nodesOf)]

interface Subject {
  readonly machine: AnyStateMachine
  readonly explore: (configurationsMax: number) => Space<any, { readonly type: string }>
  readonly configurationsMin: number
  /** Transitions that the alphabet has no words for. */
  readonly beyond: ReadonlyArray<string>
}

const subjects: Readonly<Record<string, Subject>> = {
  session: {
    machine: sessionMachine,
    explore: session.explore,
    configurationsMin: 5_000,
    // More questions than may be open are not in the alphabet; see session.test.ts.
    beyond: ["session.running.agent.busy -question.asked-> itself"]
  },
  approval: { machine: approvalMachine, explore: approval.explore, configurationsMin: 200, beyond: [] }
}

describe.each(Object.entries(subjects))("every %s that can be", (name, { machine, explore, configurationsMin, beyond }) => {
  const nodes = nodesOf(machine.root)
  const at = ({ snapshot }: { readonly snapshot: AnyMachineSnapshot }) => leavesOf(snapshot).join(" ")

  let space: Space<any, { readonly type: string }>
  beforeAll(() => {
    space = explore(configurationsMax)
    console.log(`${space.configurations.size} configurations of a ${name}, ${space.arrows.length} arrows between them`)
  }, walkWithinMs)

  it("was walked to", () => {
    assert.isAbove(space.configurations.size, configurationsMin)
    assert.isBelow(space.configurations.size, configurationsMax, "the walk ended before the space did: raise configurationsMax")
  })

  it("waits with a deadline, unless it is final", () => {
    const stuck = [...space.configurations.values()].filter(
      ({ armed, snapshot }) => armed.size === 0 && !snapshot.hasTag("final")
    )
    assert.deepStrictEqual(stuck.map(at), [])
  })

  it("comes to its end when it is left alone", () => {
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
