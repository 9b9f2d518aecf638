/**
 * Coordination within one process: maps, no waiting. Several on one `Table` are as several servers would be, for tests and the
 * simulator; a process has one, and nobody else to tell.
 */
import { Effect, Layer } from "effect"
import { Coordination, type Entry, type Hear, type Topic, taken } from "./coordination.ts"
import { bucketsLookedOverMin } from "./limits.ts"
import { steadyMs } from "./steady.ts"

interface Lasting extends Entry {
  readonly untilMs: number
}

/** What those on it share. */
export class Table {
  /** When each bucket is full again; one that is, is forgotten. */
  readonly fullAtMs = new Map<string, number>()
  readonly rooms = new Map<string, Map<string, Lasting>>()
  readonly ears = new Map<Topic, Set<{ readonly hear: Hear; readonly of: object }>>()
  #lookedOverAt = bucketsLookedOverMin

  /** Forgets what is full again, each time there are twice as many as were left by the last look. */
  forgetFull(nowMs: number): void {
    if (this.fullAtMs.size < this.#lookedOverAt) return
    for (const [key, fullAtMs] of this.fullAtMs) if (fullAtMs <= nowMs) this.fullAtMs.delete(key)
    this.#lookedOverAt = Math.max(bucketsLookedOverMin, this.fullAtMs.size * 2)
  }

  flush(): void {
    this.fullAtMs.clear()
    this.rooms.clear()
  }
}

const byName = (one: Entry, other: Entry): number => (one.who < other.who ? -1 : 1)

/** On a table of its own, or with others on one. */
export const localCoordination = (shared?: Table): Coordination["Service"] => {
  const table = shared ?? new Table()
  const self = {}
  const inRoom = (room: string, nowMs: number): ReadonlyArray<Entry> => {
    const all = table.rooms.get(room)
    if (all === undefined) return []
    for (const { who, untilMs } of all.values()) if (untilMs <= nowMs) all.delete(who)
    if (all.size === 0) table.rooms.delete(room)
    return [...all.values()].map(({ who, says }) => ({ who, says })).sort(byName)
  }
  return {
    name: "in this process",
    isShared: shared !== undefined,

    take: (key, rate) =>
      Effect.map(steadyMs, (nowMs) => {
        const { fullAtMs, waitMs } = taken(table.fullAtMs.get(key) ?? 0, nowMs, rate)
        if (fullAtMs !== null) table.fullAtMs.set(key, fullAtMs)
        table.forgetFull(nowMs)
        return waitMs
      }),

    enter: (room, { who, says }, forMs) =>
      Effect.map(steadyMs, (nowMs) => {
        const all = table.rooms.get(room) ?? new Map<string, Lasting>()
        table.rooms.set(room, all)
        all.set(who, { who, says, untilMs: nowMs + forMs })
      }),

    leave: (room, who, says) =>
      Effect.sync(() => {
        const all = table.rooms.get(room)
        if (says === undefined || all?.get(who)?.says === says) all?.delete(who)
        if (all?.size === 0) table.rooms.delete(room)
      }),

    present: (room) => Effect.map(steadyMs, (nowMs) => inRoom(room, nowMs)),

    publish: (topic, word) =>
      Effect.sync(() => {
        for (const { hear, of } of table.ears.get(topic) ?? []) if (of !== self) hear(word)
      }),

    subscribe: (topic, hear) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          const ear = { hear, of: self }
          const all = table.ears.get(topic) ?? new Set()
          table.ears.set(topic, all.add(ear))
          return ear
        }),
        (ear) => Effect.sync(() => table.ears.get(topic)?.delete(ear))
      ).pipe(Effect.asVoid)
  }
}

export const layer: Layer.Layer<Coordination> = Layer.fresh(Layer.sync(Coordination, () => localCoordination()))
