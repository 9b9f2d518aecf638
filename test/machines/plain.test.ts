/**
 * Machines are plain data that asks and never acts: no invoke, no spawn, no message to another actor, no clock but named deadlines
 * with a limit. What a step cannot hand back as data could not be committed.
 */
import { assert, describe, it } from "vitest"
import { claim, command, ensure, lend, occupy, refund, release, reserve, vacate } from "../../machines/command.ts"
import * as limits from "../../machines/limits.ts"
import { machines } from "../../machines/machines.ts"

const pure = ["xstate.assign", "xstate.emit", "xstate.enqueueActions"]
const nothing = [claim, release, lend, reserve, refund, ensure, occupy, vacate, command()].map(String)
const asArray = <A>(value: A | ReadonlyArray<A> | undefined): ReadonlyArray<A> =>
  value === undefined ? [] : Array.isArray(value) ? value : [value as A]
const isWord = (value: any): value is string | { type: string } => typeof value === "string" || typeof value?.type === "string"
const wordOf = (value: string | { readonly type: string }) => (typeof value === "string" ? value : value.type)

describe.each(
  Object.entries(machines).map(([id, { machine, variants }]) => [id, machine as any, Object.values(variants)] as const)
)("machine %s", (_, machine, contexts) => {
  const { actions, guards, delays } = machine.implementations
  const used = { actions: new Set<string>(), guards: new Set<string>(), delays: new Set<string>() }

  const walkActions = (value: unknown, path: string) => {
    for (const action of asArray<any>(value as any)) {
      if (typeof action === "function") {
        assert.include(pure, action.type, `${path}: an inline action is an assign or an emit, or gets a name`)
        continue
      }
      assert.isTrue(isWord(action), `${path}: an action is a name, or a name with params`)
      assert.property(actions, wordOf(action), `${path}: nobody knows the action`)
      used.actions.add(wordOf(action))
    }
  }

  const walkGuard = (guard: any, path: string) => {
    if (typeof guard === "function") {
      assert.isFunction(guard.check, `${path}: an inline guard gets a name; only and, or, not are combined in place`)
      for (const inner of guard.guards) walkGuard(inner, path)
      return
    }
    assert.isTrue(isWord(guard), `${path}: a guard is a name`)
    assert.property(guards, wordOf(guard), `${path}: nobody knows the guard`)
    used.guards.add(wordOf(guard))
  }

  const walkTransitions = (value: unknown, path: string) => {
    for (const transition of asArray<any>(value as any)) {
      if (typeof transition === "string") continue
      assert.includeMembers(["target", "guard", "actions", "reenter"], Object.keys(transition), path)
      walkActions(transition.actions, path)
      if (transition.guard !== undefined) walkGuard(transition.guard, path)
    }
  }

  const walk = (config: any, path: string): void => {
    // XState adds `schemas` itself.
    const known = ["id", "schemas", "initial", "context", "type", "tags", "entry", "exit", "on", "always", "after", "states"]
    assert.includeMembers(known, Object.keys(config), `${path}: a state is plain: no invoke, no onDone, no route`)
    walkActions(config.entry, `${path} entry`)
    walkActions(config.exit, `${path} exit`)
    walkTransitions(config.always, `${path} always`)
    for (const [event, transition] of Object.entries(config.on ?? {})) walkTransitions(transition, `${path} on ${event}`)
    for (const [delay, transition] of Object.entries(config.after ?? {})) {
      assert.property(delays, delay, `${path}: a deadline has a name, and a limit in machines/limits.ts`)
      used.delays.add(delay)
      walkTransitions(transition, `${path} after ${delay}`)
    }
    for (const [name, state] of Object.entries(config.states ?? {})) walk(state, `${path}.${name}`)
  }

  it("is plain: states, named actions, named guards, named deadlines", () => {
    walk(machine.config, machine.id)
  })

  it("has no word that no state uses", () => {
    walk(machine.config, machine.id)
    // Commands may be asked for by an action that works out their params.
    const words = Object.keys(actions).filter((name) => !nothing.includes(String(actions[name])))
    assert.sameMembers(
      [...used.actions].filter((name) => words.includes(name)),
      words
    )
    assert.sameMembers([...used.guards], Object.keys(guards))
    assert.sameMembers([...used.delays], Object.keys(delays))
  })

  it("changes its own context, tells, and asks; nothing else", () => {
    for (const [name, action] of Object.entries<any>(actions))
      assert.isTrue(
        pure.includes(action.type) || nothing.includes(String(action)),
        `${name}: actions are assign, emit, or commands, which do nothing`
      )
  })

  it("has a limit behind every deadline", () => {
    const known = Object.entries(limits).flatMap(([name, value]) => (name.endsWith("Ms") ? [value] : []))
    for (const [name, delay] of Object.entries<any>(delays))
      for (const context of contexts)
        assert.include(
          known,
          typeof delay === "function" ? delay({ context }) : delay,
          `${name} is not one of machines/limits.ts`
        )
  })
})
