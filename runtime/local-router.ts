/**
 * The router of one process: address → host (its supervisor) → cell. Also what runs beside it: outbox and timers.
 *
 * A start activates every actor that was stored as resident, so that links are held again, and those that were written last, so
 * that their watchers lack nothing. A home with nothing to do and nothing standing leaves memory after five minutes; the next
 * message brings it back from the journal.
 */
import { Clock, type Context, Effect, Layer, Schedule } from "effect"
import { acceptsOf } from "./accepts.ts"
import type { ActorDefinition } from "./actor.ts"
import type { Address } from "./address.ts"
import { Host, type HostServices, type Household } from "./host.ts"
import { Inspector } from "./inspection.ts"
import { Journal, type JournalError } from "./journal.ts"
import { drainMs, passivateAfterMs, passivateEveryMs, recentMs, timerAheadMs } from "./limits.ts"
import { runOutbox } from "./outbox.ts"
import { Absent, type Answer, type AskError, Router, Unavailable } from "./router.ts"
import { restore } from "./step.ts"
import { deliveryOf, runTimers } from "./timers.ts"
import type { Delivery } from "./transition.ts"
import { treeOf } from "./tree.ts"
import { Wakeup } from "./wakeup.ts"

const unavailable = ({ message }: JournalError) => new Unavailable({ reason: "journal", message: `${message}; try again` })

export const localRouter = <R>(definitions: ReadonlyArray<ActorDefinition<R>>) =>
  Layer.effect(
    Router,
    Effect.gen(function* () {
      const services = yield* Effect.context<HostServices | R>()
      const journal = yield* Journal
      const inspect = yield* Inspector
      const kinds = new Map(definitions.map((definition) => [definition.kind, definition]))
      const versions = Object.fromEntries(definitions.map(({ kind, version }) => [kind, version]))
      const hosts = new Map<string, Host<R>>()
      const outbox = new Wakeup()
      const timers = new Wakeup()
      let draining = false

      const hostOf = ({ home, org }: Address): Host<R> => {
        const name = `${org}/${home}`
        let host = hosts.get(name)
        if (host === undefined) {
          host = new Host(household, org, home)
          hosts.set(name, host)
        }
        host.unusedLooks = 0
        return host
      }

      const deliver = (address: Address, delivery: Delivery): Effect.Effect<Answer, AskError> =>
        Effect.suspend((): Effect.Effect<Answer, AskError> => {
          if (draining) return new Unavailable({ reason: "draining", message: "this server is stopping; try again" })
          const definition = kinds.get(address.kind)
          if (definition === undefined) return new Absent({ kind: address.kind, id: address.id })
          return hostOf(address).cell(definition, address).ask(delivery)
        })

      const household: Household<R> = {
        services,
        fork: Effect.runForkWith(services as Context.Context<never>),
        deliver,
        inspect,
        onDecision: ({ commands, timers: armed }) => {
          if (commands.length > 0) outbox.wake()
          for (const timer of armed.values()) if (timer !== null && timer.delayMs < timerAheadMs) timers.wake()
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

      /** Begins from what is stored, with all that should stand beside it. */
      const activate = (address: Address) =>
        Effect.sync(() => {
          const definition = kinds.get(address.kind)
          if (definition !== undefined && !draining) hostOf(address).cell(definition, address)
        })
      const activateResidents = journal.residents(recentMs).pipe(
        Effect.retry({ while: () => true, schedule: Schedule.spaced(1_000) }),
        Effect.flatMap((residents) => Effect.forEach(residents, activate, { discard: true }))
      )
      yield* Effect.forkScoped(activateResidents)
      yield* Effect.forkScoped(runOutbox({ definitions: kinds, versions, deliver, wakeup: outbox }))
      yield* Effect.forkScoped(runTimers({ versions, deliver, wakeup: timers }))
      yield* Effect.forkScoped(passivate.pipe(Effect.repeat(Schedule.spaced(passivateEveryMs))))

      return Router.of({
        ask: deliver,
        look,
        isAttended: ({ home, org, kind, id }) => Effect.sync(() => hosts.get(`${org}/${home}`)?.stands({ kind, id }) ?? false),
        tree: (org, home) =>
          Effect.map(Clock.currentTimeMillis, (nowMs) => {
            const ours = [...hosts.values()].filter((host) => host.org === org && (home === null || host.home === home))
            return treeOf(ours.map((host) => host.sight(nowMs)))
          }),
        wake: (address) =>
          // One that is in memory may have been overtaken by a host that is gone.
          Effect.andThen(
            activate(address),
            Effect.sync(() => hosts.get(`${address.org}/${address.home}`)?.doubt(address))
          ),
        fire: (timer) => deliver(timer.address, deliveryOf(timer)),
        hurry: Effect.sync(() => {
          outbox.wake()
          timers.wake()
        }),
        release: Effect.fnUntraced(function* (address) {
          const released = yield* journal.release(address).pipe(Effect.mapError(unavailable))
          if (!released) return false
          const name = `${address.org}/${address.home}`
          const host = hosts.get(name)
          if (host !== undefined) {
            // Only then may others begin: two cells of one actor would meet in one batch (J4).
            yield* host.stop()
            if (hosts.get(name) === host) hosts.delete(name)
          }
          yield* activate(address)
          return true
        }),
        drain
      })
    })
  )
