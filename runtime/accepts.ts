/** Which requests a state takes, read off the machine itself. Pure. */
import type { AnyMachineSnapshot } from "xstate"
import type { ActorDefinition } from "./actor.ts"

/** Requests that the active states take: the deepest state that names one decides; naming it without an effect forbids it. */
export const acceptsOf = (definition: ActorDefinition<any>, snapshot: AnyMachineSnapshot): ReadonlyArray<string> => {
  const deepestFirst = [...snapshot._nodes].sort((a, b) => b.order - a.order)
  return [...definition.requests].filter((type) => {
    const named = deepestFirst.find((node) => node.transitions.has(type))
    return named?.transitions.get(type)?.some(({ target, actions }) => target !== undefined || actions.length > 0) ?? false
  })
}
