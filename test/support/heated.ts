/** A host of lamps whose heating is the test's: for stories of commands. */
import { Effect } from "effect"
import type { Fact, NotYet } from "../../runtime/actor.ts"
import { Place } from "./hosting.ts"
import { lampActor, lampAddress } from "./lamp.ts"

export const lamp = lampAddress("lamp_1")
export const warmed: Fact = { type: "warmed" }
export const cold: Fact = { type: "cold" }

type Heat = (key: string) => Effect.Effect<Fact | NotYet | void>

/** Lamps that were switched on, heated as the test says; `runs` are the hand's. */
export const heated = (heat: Heat, ids: ReadonlyArray<string> = [lamp.id]) => {
  const place = new Place()
  const runs: Array<{ readonly key: string; readonly atMs: number }> = []
  const watched: Heat = (key) =>
    Effect.suspend(() => {
      runs.push({ key, atMs: place.timeline.nowMs })
      return heat(key)
    })
  const host = place.host(lampActor({ heat: watched }))
  for (const id of ids) {
    host.ask(lampAddress(id), "create")
    host.ask(lampAddress(id), "switchOn")
  }
  const pauses = () => runs.slice(1).map(({ atMs }, index) => atMs - runs[index]!.atMs)
  return { place, host, runs, watched, pauses, left: () => [...place.journal.commands.values()] }
}
