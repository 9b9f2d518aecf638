/**
 * Every configuration of a machine that a narrow alphabet of events can reach, breadth first. Two that its `key` calls the same are
 * one, so that the space is finite and is walked to its end.
 */
import type { Played } from "./played.ts"

export interface Arrow<Event> {
  readonly from: string
  readonly event: Event
  readonly to: string
}

export interface Space<Context, Event> {
  readonly configurations: ReadonlyMap<string, Played<Context, Event>>
  /** Events that were taken, and where they led. */
  readonly arrows: ReadonlyArray<Arrow<Event>>
  /** Every transition that was taken, as `source -event-> target`. */
  readonly taken: ReadonlySet<string>
}

export const exploreSpace = <Context, Event>(
  first: ReadonlyArray<Played<Context, Event>>,
  {
    send,
    alphabet,
    key
  }: {
    readonly send: (at: Played<Context, Event>, event: Event) => Played<Context, Event>
    readonly alphabet: (at: Played<Context, Event>) => ReadonlyArray<Event>
    readonly key: (at: Played<Context, Event>) => string
  },
  configurationsMax: number
): Space<Context, Event> => {
  const configurations = new Map(first.map((at) => [key(at), at]))
  const arrows: Array<Arrow<Event>> = []
  const taken = new Set<string>()
  // A map gives what is added while it is walked.
  for (const [from, at] of configurations) {
    for (const event of alphabet(at)) {
      const next = send(at, event)
      if (next.last.taken.length === 0) continue
      const to = key(next)
      arrows.push({ from, event, to })
      for (const transition of next.last.taken) taken.add(transition)
      if (configurations.size < configurationsMax && !configurations.has(to)) configurations.set(to, next)
    }
  }
  return { configurations, arrows, taken }
}
