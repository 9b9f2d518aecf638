/**
 * Ctrl-C on the server: what boots is let finish booting, what runs is paused (its turn interrupted, its disk captured), what was to
 * be destroyed is destroyed, so that nothing is left behind; the next start resumes exactly those. What does not rest within 30 s is
 * left alive, to be taken up again by the next start; without one its daemon ends after 10 minutes.
 *
 * Of several servers one lays to rest what has its sandbox there, and the others resume it once that one is gone.
 */

import { Clock, Effect, Option, Schedule } from "effect"
import { Directory, type SessionRow } from "../actors/ports/directory.ts"
import { Sandboxes } from "../actors/ports/sandboxes.ts"
import { sessionAddress } from "../actors/services/sessions.ts"
import { sessionMachine } from "../machines/session.ts"
import { Nodes } from "../runtime/nodes.ts"
import { Router } from "../runtime/router.ts"
import { unending } from "../runtime/unending.ts"

const restWithinMs = 30_000
const lookEveryMs = 100
const nodesLookMs = 1_000
const atOnce = 8
const pageRows = 200
/** Of one look: more than one host runs. */
const busyMax = 10_000

/** States that hold no sandbox, or, failed, keep theirs for a person to decide. */
const resting: ReadonlySet<string> = new Set(["pending", "paused", "failed", "stopped"])
const busyStates = Object.keys(sessionMachine.states).filter((status) => !resting.has(status))

const ask = Effect.fnUntraced(function* ({ org, id }: SessionRow, event: { readonly type: string; readonly why?: string }) {
  const router = yield* Router
  const now = yield* Clock.currentTimeMillis
  return yield* router.ask(sessionAddress(org, id), { id: `host:${event.type}:${now}`, event, by: null })
})

const pause = (rows: ReadonlyArray<SessionRow>) =>
  Effect.forEach(
    rows.filter(({ status }) => status === "running"),
    (row) => Effect.ignore(ask(row, { type: "pause", why: "shutdown" })),
    { concurrency: atOnce, discard: true }
  )

/** Who holds the sandboxes that are here, or will have to destroy them. Whose database is away is left as it is. */
const holdersHere = Effect.gen(function* () {
  const directory = yield* Directory
  const sandboxes = yield* Effect.flatMap(Sandboxes, ({ list }) => list)
  const asked = yield* Effect.forEach(
    sandboxes,
    ({ org, sessionId, sandboxId }) =>
      Effect.option(Effect.map(directory.session(org, sessionId), (row) => ({ row, sandboxId }))),
    { concurrency: atOnce }
  )
  return asked.flatMap(Option.toArray)
})
const leftOf = (holders: Effect.Success<typeof holdersHere>) => holders.filter(({ row }) => row?.status !== "failed").length

/** One look, one nudge: how many sessions and sandboxes are still to come to rest. */
const settle = Effect.gen(function* () {
  const busy = yield* Effect.flatMap(Directory, ({ sessionsIn }) => sessionsIn(busyStates, { limit: busyMax, after: null }))
  yield* pause(busy)
  return busy.length + leftOf(yield* holdersHere)
})

/** What a session once left here is not what it works in. */
const settleHere = Effect.gen(function* () {
  const router = yield* Router
  const holders = yield* holdersHere
  const theirs = yield* Effect.filter(holders, ({ row, sandboxId }) =>
    row === null
      ? Effect.succeed(false)
      : router.look(sessionAddress(row.org, row.id)).pipe(
          Effect.map((view) => view?.context["sandboxId"] === sandboxId),
          Effect.orElseSucceed(() => false)
        )
  )
  yield* pause(theirs.flatMap(({ row }) => row ?? []))
  return leftOf(holders)
})

const untilRested = <E, R>(settling: Effect.Effect<number, E, R>) =>
  settling.pipe(
    Effect.repeat({ until: (left) => left === 0, schedule: Schedule.spaced(lookEveryMs) }),
    Effect.timeoutOption(restWithinMs),
    Effect.flatMap((rested) =>
      Option.isSome(rested) ? Effect.void : Effect.logWarning(`not everything came to rest within ${restWithinMs / 1_000} s`)
    ),
    Effect.catch((error) => Effect.logWarning(`sessions were not paused: ${String((error as { message?: string }).message)}`))
  )

export const restAll = untilRested(settle)
export const restHere = untilRested(settleHere)

/** The sessions that the last shutdown paused go on. */
export const resumeAll = Effect.gen(function* () {
  const router = yield* Router
  const directory = yield* Directory
  for (let after: string | null = null; ; ) {
    const paused: ReadonlyArray<SessionRow> = yield* directory.sessionsIn(["paused"], { limit: pageRows, after })
    yield* Effect.forEach(
      paused,
      (row) =>
        router.look(sessionAddress(row.org, row.id)).pipe(
          Effect.flatMap((view) => (view?.context["reason"] === "shutdown" ? ask(row, { type: "resume" }) : Effect.void)),
          Effect.ignore
        ),
      { concurrency: atOnce, discard: true }
    )
    if (paused.length < pageRows) return
    after = paused.at(-1)!.id
  }
})

/** What a node had laid to rest goes on elsewhere as soon as that node is gone. Runs for ever. */
export const resumeWhenNodesGo = Effect.gen(function* () {
  const nodes = yield* Nodes
  let known = new Set<string>()
  const look = Effect.gen(function* () {
    const alive = new Set((yield* nodes.all).filter(({ goneForMs }) => goneForMs === null).map(({ address }) => address))
    const hasLost = [...known].some((address) => !alive.has(address))
    if (hasLost) yield* resumeAll
    known = alive
  })
  return yield* unending("looking for lost hosts", Effect.ignore(look), nodesLookMs)
})
