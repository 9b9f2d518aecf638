/**
 * Sockets that have had all there is of a session. One fibre reads the feed for all of them and sends each event to each in one go:
 * nobody is woken, and nothing is encoded twice. It waits for none: one that does not keep up steps out and goes on by itself
 * (follow.ts), from the last event that it took.
 */
import { Cause, Effect, type Fiber } from "effect"
import type { Home } from "../../runtime/feed.ts"
import type { Feeds } from "../../runtime/feeds.ts"
import type { Cut } from "./cut.ts"
import { encodeEvent } from "./frames.ts"
import type { Sender } from "./sender.ts"

/** Sent between two chances for everything else in this process: about 2 ms. */
const framesInOneGo = 4_096

interface Walker {
  readonly sender: Sender
  /** Its last event, which may be one that the others have yet to get. */
  after: number
  readonly stepOut: (how: Effect.Effect<number, Cut>) => void
}

interface Company {
  readonly walkers: Set<Walker>
  after: number
  fiber: Fiber.Fiber<void> | null
}

export interface InStep {
  /** Sends what comes after `after`, as it comes, until it steps out: how far it has got then. Null: those in step are further. */
  readonly walk: (home: Home, after: number, sender: Sender) => Effect.Effect<number | null, Cut>
}

type Read = (home: Home, after: number) => Effect.Effect<Effect.Success<ReturnType<Feeds["Service"]["next"]>>, Cut>

export const makeInStep = (read: Read, fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>): InStep => {
  const companies = new Map<string, Company>()

  const lead = Effect.fnUntraced(function* (home: Home, company: Company) {
    const { walkers } = company
    while (walkers.size > 0) {
      const { events, gap } = yield* read(home, company.after)
      if (gap !== null) break
      const frames = events.map(encodeEvent)
      let sent = 0
      for (const walker of walkers) {
        const had = Math.max(0, walker.after - company.after)
        const taken = had >= frames.length ? 0 : walker.sender.sendNow(frames, had)
        walker.after = Math.max(walker.after, company.after + had + taken)
        sent += taken
        if (had + taken < frames.length) {
          walkers.delete(walker)
          walker.stepOut(Effect.succeed(walker.after))
        }
        if (sent >= framesInOneGo) {
          sent = 0
          yield* Effect.yieldNow
        }
      }
      company.after += frames.length
    }
    for (const { stepOut, after } of walkers) stepOut(Effect.succeed(after))
  })

  const start = (name: string, home: Home, company: Company): void => {
    company.fiber = fork(
      lead(home, company).pipe(
        Effect.catchCause((cause) =>
          Effect.sync(() => {
            if (Cause.hasInterruptsOnly(cause)) return
            for (const { stepOut } of company.walkers) stepOut(Effect.failCause(cause))
          })
        ),
        Effect.ensuring(
          Effect.sync(() => {
            company.walkers.clear()
            if (companies.get(name) === company) companies.delete(name)
          })
        )
      )
    )
  }

  return {
    walk: (home, after, sender) =>
      Effect.callback((resume) => {
        const name = `${home.org}/${home.id}`
        const met = companies.get(name)
        if (met !== undefined && after < met.after) return resume(Effect.succeed(null))
        const company = met ?? { walkers: new Set(), after, fiber: null }
        const walker: Walker = { sender, after, stepOut: resume }
        company.walkers.add(walker)
        companies.set(name, company)
        if (met === undefined) start(name, home, company)
        return Effect.sync(() => {
          company.walkers.delete(walker)
          if (company.walkers.size > 0) return
          if (companies.get(name) === company) companies.delete(name)
          company.fiber?.interruptUnsafe()
        })
      })
  }
}
