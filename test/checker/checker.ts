/**
 * A model checker: walks every world that can be reached from the first, breadth first, and judges each. Worlds that its `key` calls
 * the same are one. What it tells of a broken promise is a shortest way there.
 *
 *   C1  The walk ends before the worlds do only if `worldsMax` says so, and then it says so.
 *   C2  A world in which nothing moves by itself must be one in which nothing has to: `rests` says why it is not.
 *   C3  From every world there is a way to such a rest by what moves by itself, without help and without further trouble.
 */
import { Digests, Numbers } from "./compact.ts"

export interface Move<World> {
  readonly name: string
  /** Throws where the step breaks a promise. */
  readonly next: () => World
  /** Somebody's wish, or trouble: a promise must not depend on it. */
  readonly isFree?: boolean
}

export interface Model<World> {
  readonly first: World
  readonly key: (world: World) => string
  readonly moves: (world: World) => Iterable<Move<World>>
  /** Why this world must not be; null: it may. */
  readonly wrong: (world: World) => string | null
  /** Why nothing may stand still here; null: it may. */
  readonly rests: (world: World) => string | null
}

export interface Checked {
  readonly worlds: number
  readonly moves: number
  readonly rests: number
  readonly depth: number
  /** False: there are more worlds than were looked at. */
  readonly isWhole: boolean
  /** The first promise that was found broken, with a shortest way there. */
  readonly broken: { readonly why: string; readonly way: ReadonlyArray<string> } | null
}

/** In the place of a world that was not looked at. */
const beyond = 2 ** 32 - 1

export const check = <World>(model: Model<World>, worldsMax: number, look: (world: World) => void = () => {}): Checked => {
  const digests = new Digests()
  digests.numberOf(model.key(model.first), false)
  /** By world: the one that it was first reached from, and the name of the move. */
  const from = new Numbers()
  const by = new Numbers()
  const names: Array<string> = [""]
  const nameNumbers = new Map<string, number>()
  /** Where a world goes by itself: those of the world n end at `ends[n]`. */
  const onward = new Numbers()
  const ends = new Numbers()
  const atRest: Array<number> = []
  let moves = 0
  let depth = 0
  let isWhole = true

  const reachedBy = (before: number, name: string) => {
    let number = nameNumbers.get(name)
    if (number === undefined) {
      number = names.push(name) - 1
      nameNumbers.set(name, number)
    }
    from.push(before)
    by.push(number)
  }
  reachedBy(0, "")

  const told = (why: string, number: number, last?: string): Checked => {
    const way = last === undefined ? [] : [last]
    for (let at = number; at > 0; at = from.at(at)) way.unshift(names[by.at(at)]!)
    return { worlds: digests.size, moves, rests: atRest.length, depth, isWhole, broken: { why, way } }
  }

  // Numbers are given as worlds are met, so those of a front follow one another. Only worlds that are still to be left are whole.
  let front: Array<World | null> = [model.first]
  for (let number = 0; front.length > 0; depth += 1) {
    const next: Array<World> = []
    for (const [at, met] of front.entries()) {
      const world = met!
      front[at] = null
      look(world)
      const why = model.wrong(world)
      if (why !== null) return told(why, number)
      let last = ""
      let isStill = true
      try {
        for (const move of model.moves(world)) {
          last = move.name
          moves += 1
          const reached = move.next()
          const known = digests.size
          const target = digests.numberOf(model.key(reached), known >= worldsMax)
          if (target === null) isWhole = false
          else if (target === known) {
            reachedBy(number, move.name)
            next.push(reached)
          }
          if (move.isFree === true) continue
          isStill = false
          // Beyond the last it goes on, and where to is not known: no world before it is called stuck.
          onward.push(target ?? beyond)
        }
      } catch (failure) {
        return told((failure as Error).message, number, last)
      }
      ends.push(onward.length)
      if (isStill) {
        const restless = model.rests(world)
        if (restless !== null) return told(`it stands still: ${restless}`, number)
        atRest.push(number)
      }
      number += 1
    }
    if (next.length === 0) break
    front = next
  }

  const stuck = firstStuck(onward, ends, atRest)
  if (stuck !== null) return told("no way leads from here to a rest", stuck)
  return { worlds: digests.size, moves, rests: atRest.length, depth, isWhole, broken: null }
}

/** Backwards from the rests, and from where the walk was cut off. */
const firstStuck = (onward: Numbers, ends: Numbers, atRest: ReadonlyArray<number>): number | null => {
  const worlds = ends.length
  /** Who leads into the world n is at `into[starts[n]]` up to `into[starts[n + 1]]`. */
  const starts = new Uint32Array(worlds + 1)
  for (let edge = 0; edge < onward.length; edge++) {
    const target = onward.at(edge)
    if (target !== beyond) starts[target + 1]! += 1
  }
  for (let world = 0; world < worlds; world++) starts[world + 1]! += starts[world]!
  const into = new Uint32Array(starts[worlds]!)
  const filled = starts.slice()
  const comesToRest = new Uint8Array(worlds)
  const open = new Uint32Array(worlds)
  let opened = 0
  const reaches = (world: number) => {
    if (comesToRest[world] === 1) return
    comesToRest[world] = 1
    open[opened++] = world
  }
  for (const world of atRest) reaches(world)
  for (let world = 0, edge = 0; world < worlds; world++)
    for (; edge < ends.at(world); edge++) {
      const target = onward.at(edge)
      if (target === beyond) reaches(world)
      else into[filled[target]!++] = world
    }
  for (let done = 0; done < opened; done++) {
    const world = open[done]!
    for (let edge = starts[world]!; edge < starts[world + 1]!; edge++) reaches(into[edge]!)
  }
  const stuck = comesToRest.indexOf(0)
  return stuck === -1 ? null : stuck
}
