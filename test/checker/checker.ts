/**
 * A model checker: walks every world that can be reached from the first, breadth first, and judges each. Worlds that its `key` calls
 * the same are one. What it tells of a broken promise is a shortest way there.
 *
 *   C1  The walk ends before the worlds do only if `worldsMax` says so, and then it says so.
 *   C2  A world in which nothing moves by itself must be one in which nothing has to: `rests` says why it is not.
 *   C3  From every world there is a way to such a rest by what moves by itself, without help and without further trouble.
 */

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

interface Found {
  readonly from: number
  readonly by: string
  readonly depth: number
}

export const check = <World>(model: Model<World>, worldsMax: number, look: (world: World) => void = () => {}): Checked => {
  const numbers = new Map<string, number>([[model.key(model.first), 0]])
  const found: Array<Found> = [{ from: -1, by: "", depth: 0 }]
  /** By world: where it goes by itself. */
  const onward: Array<ReadonlyArray<number>> = []
  const atRest: Array<number> = []
  let moves = 0
  let isWhole = true

  const wayTo = (number: number): Array<string> => {
    const way: Array<string> = []
    for (let at = number; at > 0; at = found[at]!.from) way.unshift(found[at]!.by)
    return way
  }
  const told = (why: string, number: number, last?: string): Checked => ({
    worlds: found.length,
    moves,
    rests: atRest.length,
    depth: found.at(-1)!.depth,
    isWhole,
    broken: { why, way: last === undefined ? wayTo(number) : [...wayTo(number), last] }
  })

  // Only worlds that are still to be left are kept whole.
  let front: Array<readonly [number, World]> = [[0, model.first]]
  while (front.length > 0) {
    const next: typeof front = []
    for (const [number, world] of front) {
      look(world)
      const why = model.wrong(world)
      if (why !== null) return told(why, number)
      const targets: Array<number> = []
      let last = ""
      try {
        for (const move of model.moves(world)) {
          last = move.name
          moves += 1
          const reached = move.next()
          const key = model.key(reached)
          let target = numbers.get(key)
          if (target === undefined) {
            if (found.length >= worldsMax) {
              isWhole = false
              // It goes on, and where to is not known: no world before it is called stuck.
              if (move.isFree !== true) targets.push(-1)
              continue
            }
            target = found.push({ from: number, by: move.name, depth: found[number]!.depth + 1 }) - 1
            numbers.set(key, target)
            next.push([target, reached])
          }
          if (move.isFree !== true) targets.push(target)
        }
      } catch (failure) {
        return told((failure as Error).message, number, last)
      }
      onward[number] = targets
      if (targets.length === 0) {
        const restless = model.rests(world)
        if (restless !== null) return told(`it stands still: ${restless}`, number)
        atRest.push(number)
      }
    }
    front = next
  }

  const stuck = firstStuck(onward, atRest)
  if (stuck !== null) return told("no way leads from here to a rest", stuck)
  const depth = found.reduce((most, { depth }) => Math.max(most, depth), 0)
  return { worlds: found.length, moves, rests: atRest.length, depth, isWhole, broken: null }
}

/** Backwards from the rests, and from where the walk was cut off. */
const firstStuck = (onward: ReadonlyArray<ReadonlyArray<number>>, atRest: ReadonlyArray<number>): number | null => {
  const into: Array<Array<number>> = onward.map(() => [])
  const ends = new Set(atRest)
  for (const [from, targets] of onward.entries())
    for (const target of targets) {
      if (target === -1) ends.add(from)
      else into[target]!.push(from)
    }
  const comesToRest = new Uint8Array(onward.length)
  const open = [...ends]
  for (const number of open) comesToRest[number] = 1
  while (open.length > 0) {
    for (const from of into[open.pop()!]!) {
      if (comesToRest[from] === 1) continue
      comesToRest[from] = 1
      open.push(from)
    }
  }
  const stuck = comesToRest.indexOf(0)
  return stuck === -1 ? null : stuck
}
