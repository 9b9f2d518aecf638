/**
 * The homes of this process: address → host (its supervisor) → actor. A router brings the messages, this one alone in one process
 * (local-router.ts) or one among several.
 *
 * A home with nothing to do and nothing standing leaves memory after five minutes; the next message brings it back from the
 * journal. One that is told to leave lets what is being handled commit first.
 */

import { Clock, Context, Effect, Schedule } from "effect"
import { acceptsOf } from "./accepts.ts"
import type { ActorDefinition } from "./actor.ts"
import type { Address } from "./address.ts"
import { Handover, type Taker } from "./handover.ts"
import { Host, type HostServices, type Household } from "./host.ts"
import { Inspector } from "./inspection.ts"
import { Journal, type JournalError } from "./journal.ts"
import {
  drainMs,
  passivateAfterMs,
  passivateEveryMs,
  readsInFlightMax,
  recentMs,
  restartEveryMs,
  restartsAtOnceMax,
  timerAheadMs
} from "./limits.ts"
import type { Deliver } from "./outbox.ts"
import { Pace } from "./pace.ts"
import { type Choose, forEachPart } from "./parts.ts"
import { Absent, type Answer, type AskError, Unavailable, type View } from "./router.ts"
import { steadyMs, steadyMsOf } from "./steady.ts"
import { restore } from "./step.ts"
import type { Delivery } from "./transition.ts"
import { type Tree, treeOf } from "./tree.ts"
import { Turnstile } from "./turnstile.ts"
import { unending } from "./unending.ts"
import { Wakeup } from "./wakeup.ts"

type HomeName = Pick<Address, "org" | "home">

/** What runs for one part of the journal, and is woken for it alone. */
export interface Lane {
  readonly journal: Journal["Service"]
  /** Woken by commits that ask for commands, and that arm timers which are due soon. */
  readonly outbox: Wakeup
  readonly timers: Wakeup
  /** The short way into the outbox, while it runs. */
  readonly taker: () => Taker | null
  readonly onTaker: (taker: Taker | null) => void
  /** Activates every actor that was stored as resident, and those written last; of them those that `isOurs`. */
  readonly activateResidents: (isOurs: (home: HomeName) => boolean) => Effect.Effect<void, JournalError>
}

export interface Homes<R> {
  readonly definitions: ReadonlyMap<string, ActorDefinition<R>>
  readonly versions: Readonly<Record<string, number>>
  /** One for each part of the journal. */
  readonly lanes: ReadonlyArray<Lane>
  /** To the actor, here and nowhere else. */
  readonly deliver: Deliver
  readonly look: (address: Address) => Effect.Effect<View | null, Unavailable>
  readonly stands: (address: Address) => boolean
  readonly tree: (org: string, home: string | null) => Effect.Effect<Tree>
  /** Begins from what is stored, with all that should stand beside it, unless it is in memory already. */
  readonly activate: (address: Address) => Effect.Effect<void>
  /** The same, and what is in memory is read again: it may have been overtaken by a host that is gone. */
  readonly wake: (address: Address) => Effect.Effect<void>
  /** Stops the home, and begins the actor from what is stored. */
  readonly restart: (address: Address) => Effect.Effect<void>
  /** Lifts a quarantine, and lets the actor begin where it belongs; false if there was none. */
  readonly release: (address: Address, begin: (address: Address) => Effect.Effect<void>) => Effect.Effect<boolean, Unavailable>
  /** Every lane looks at once. */
  readonly hurry: Effect.Effect<void>
  readonly names: () => ReadonlyArray<HomeName>
  /** Stops these, together; returns when nothing of them runs. */
  readonly leave: (isMeant: (home: HomeName) => boolean) => Effect.Effect<void>
  readonly drain: Effect.Effect<void>
}

/** After so many that are begun, what they have asked for is let in: else the first would stand when the last has been begun. */
const activatedAtOnce = 256
const aMoment = Effect.sleep(1)

const unavailable = ({ message }: JournalError) => new Unavailable({ reason: "journal", message: `${message}; try again` })

/** What actors ask of the journal beside their commits, whose turns are the committer's: a flood that is refused is one all the same. */
const readInTurns = (journal: Journal["Service"], turnstileOf: Choose<Turnstile>): Journal["Service"] => {
  const inTurn = <A, E>({ org }: Address, question: Effect.Effect<A, E>) => turnstileOf(org)?.pass(org, question) ?? question
  return {
    ...journal,
    load: (address) => inTurn(address, journal.load(address)),
    seen: (address, messageId) => inTurn(address, journal.seen(address, messageId)),
    history: (address, after, limit) => inTurn(address, journal.history(address, after, limit)),
    quarantine: (address, why) => inTurn(address, journal.quarantine(address, why))
  }
}

/** `deliver` is what hosts themselves deliver by: theirs may be a home elsewhere. By default all are here. */
export const makeHomes = Effect.fnUntraced(function* <R>(definitions: ReadonlyArray<ActorDefinition<R>>, elsewhere?: Deliver) {
  const journal = yield* Journal
  const clock = yield* Clock.Clock
  const nowMs = () => steadyMsOf(clock)
  const turnstiles = yield* forEachPart(Effect.sync(() => new Turnstile(readsInFlightMax, nowMs)))
  const services = Context.add(yield* Effect.context<HostServices | R>(), Journal, readInTurns(journal, turnstiles.of)).pipe(
    Context.add(Handover, (org: string) => lanes.of(org)?.taker() ?? null)
  )
  const inspect = yield* Inspector
  const kinds = new Map(definitions.map((definition) => [definition.kind, definition]))
  const hosts = new Map<string, Host<R>>()
  let draining = false

  const keyOf = ({ home, org }: HomeName): string => `${org}/${home}`

  const hostOf = (address: Address): Host<R> => {
    const name = keyOf(address)
    let host = hosts.get(name)
    if (host === undefined) {
      host = new Host(household, address.org, address.home)
      hosts.set(name, host)
    }
    host.unusedLooks = 0
    return host
  }

  const deliver: Deliver = (address, delivery: Delivery) =>
    Effect.suspend((): Effect.Effect<Answer, AskError> => {
      if (draining) return new Unavailable({ reason: "draining", message: "this server is stopping; try again" })
      const definition = kinds.get(address.kind)
      if (definition === undefined) return new Absent({ kind: address.kind, id: address.id })
      return hostOf(address).actor(definition, address).ask(delivery)
    })

  const household: Household<R> = {
    services,
    fork: Effect.runForkWith(services as Context.Context<never>),
    deliver: elsewhere ?? deliver,
    inspect,
    doors: new Turnstile(Number.POSITIVE_INFINITY, nowMs),
    restarts: new Pace(restartsAtOnceMax, restartEveryMs, nowMs),
    onDecision: ({ commands, timers: armed }, org) => {
      const lane = lanes.of(org)
      for (const { outbox, timers } of lane === null ? lanes.all : [lane]) {
        if (commands.length > 0) outbox.wake(org)
        for (const timer of armed.values()) if (timer !== null && timer.delayMs < timerAheadMs) timers.wake()
      }
    }
  }

  const look = Effect.fnUntraced(function* (address: Address) {
    const definition = kinds.get(address.kind)
    const stored = definition && (yield* journal.load(address).pipe(Effect.mapError(unavailable)))
    if (!stored) return null
    const known = stored.machineVersion === definition.version
    const { value, context } = stored.snapshot as { value: unknown; context: Record<string, unknown> }
    return {
      address,
      rev: stored.rev,
      epoch: stored.epoch,
      machineVersion: stored.machineVersion,
      status: stored.status,
      value,
      context,
      accepts: known ? acceptsOf(definition, restore(definition.machine, stored.snapshot)) : [],
      quarantine: stored.quarantine,
      updatedAtMs: stored.updatedAtMs
    }
  })

  const passivate = Effect.gen(function* () {
    for (const [name, host] of hosts) {
      if (!host.isIdle || !host.isBare || ++host.unusedLooks <= passivateAfterMs / passivateEveryMs) continue
      // Idle, so no commit of it is under way: whoever asks meanwhile may begin at once.
      hosts.delete(name)
      yield* host.stop()
      inspect({ type: "home.passivated", org: host.org, home: host.home })
    }
  })
  yield* Effect.forkScoped(unending("passivation", passivate, passivateEveryMs))

  const leave = (isMeant: (home: HomeName) => boolean) =>
    Effect.suspend(() => {
      const leaving = [...hosts].filter(([, host]) => isMeant(host))
      const stopped = ([name, host]: [string, Host<R>]) =>
        Effect.andThen(
          host.stop(),
          // Only then may others begin: two of one actor would meet in one batch (J4).
          Effect.sync(() => {
            if (hosts.get(name) === host) hosts.delete(name)
          })
        )
      return Effect.forEach(leaving, stopped, { concurrency: "unbounded", discard: true })
    })

  const idle = Effect.sync(() => [...hosts.values()].every(({ isIdle }) => isIdle)).pipe(
    Effect.repeat({ until: (isIdle) => isIdle, schedule: Schedule.spaced(10) }),
    Effect.timeoutOption(drainMs)
  )
  const drain = Effect.suspend(() => {
    draining = true
    return idle
  }).pipe(
    Effect.andThen(
      Effect.suspend(() => {
        const all = [...hosts.values()]
        hosts.clear()
        return Effect.forEach(all, (host) => host.stop(), { concurrency: "unbounded", discard: true })
      })
    )
  )
  yield* Effect.addFinalizer(() => drain)

  const activate = (address: Address) =>
    Effect.sync(() => {
      const definition = kinds.get(address.kind)
      if (definition !== undefined && !draining) hostOf(address).actor(definition, address)
    })

  const lanes = yield* forEachPart(
    Effect.map(Journal, (part): Lane => {
      let taker: Taker | null = null
      return {
        journal: part,
        outbox: new Wakeup(),
        timers: new Wakeup(),
        taker: () => taker,
        onTaker: (told) => {
          taker = told
        },
        activateResidents: (isOurs) =>
          Effect.flatMap(part.residents(recentMs), (residents) =>
            Effect.forEach(
              residents.filter(isOurs),
              (address, index) => Effect.andThen(activate(address), (index + 1) % activatedAtOnce === 0 ? aMoment : Effect.void),
              { discard: true }
            )
          )
      }
    })
  )

  return {
    definitions: kinds,
    versions: Object.fromEntries(definitions.map(({ kind, version }) => [kind, version])),
    lanes: lanes.all,
    deliver,
    look,
    stands: (address) => hosts.get(keyOf(address))?.stands(address) ?? false,
    tree: (org, home) =>
      Effect.map(steadyMs, (nowMs) => {
        const ours = [...hosts.values()].filter((host) => host.org === org && (home === null || host.home === home))
        return treeOf(ours.map((host) => host.sight(nowMs)))
      }),
    activate,
    wake: (address) =>
      Effect.andThen(
        activate(address),
        Effect.sync(() => hosts.get(keyOf(address))?.doubt(address))
      ),
    restart: (address) =>
      Effect.andThen(
        leave((home) => keyOf(home) === keyOf(address)),
        activate(address)
      ),
    release: (address, begin) =>
      journal.release(address).pipe(
        Effect.mapError(unavailable),
        Effect.tap((released) => (released ? begin(address) : Effect.void))
      ),
    hurry: Effect.sync(() => {
      for (const { outbox, timers } of lanes.all) {
        outbox.wake()
        timers.wake()
      }
    }),
    names: () => [...hosts.values()],
    leave,
    drain
  } satisfies Homes<R> as Homes<R>
})
