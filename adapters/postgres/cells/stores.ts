/**
 * The runtime's stores over several cells: each cell is a part of the journal (runtime/parts.ts), which the runtime runs by itself;
 * beside them stand the stores over all, where what is asked for an actor finds its cell by the organisation.
 *
 *   X5  A batch that spans cells is one statement in each. Where one of them does not answer the whole is `unknown`: what was written
 *       in the others is found by the repeat.
 *   X6  What is claimed of all cells together is no more than was asked for, as much of each as there is room for all.
 */
import { Context, Effect, Layer } from "effect"
import type { Address } from "../../../runtime/address.ts"
import { FeedError, FeedStore } from "../../../runtime/feed.ts"
import {
  type ClaimedCommand,
  Journal,
  JournalError,
  type Shares,
  type Transition,
  type Verdict
} from "../../../runtime/journal.ts"
import { Oversight } from "../../../runtime/oversight.ts"
import { type Part, Parts } from "../../../runtime/parts.ts"
import { Cells } from "../cells.ts"
import { postgresFeed } from "../feed.ts"
import { postgresJournal } from "../journal.ts"
import { postgresOversight } from "../oversight.ts"
import type { Cell } from "./cell.ts"
import { guarded, spread } from "./spread.ts"

const unavailable = (message: string) => new JournalError({ reason: "unavailable", message })
const feedUnavailable = (message: string) => new FeedError({ reason: "unavailable", message })

/** Round by round: the first of each organisation, then the second of each, and so on. */
const inTurns = <A extends { readonly address: Address }>(rows: ReadonlyArray<A>): ReadonlyArray<A> => {
  const seen = new Map<string, number>()
  const numbered = rows.map((row) => {
    const { org } = row.address
    const turn = seen.get(org) ?? 0
    seen.set(org, turn + 1)
    return { row, turn }
  })
  return numbered.sort((left, right) => left.turn - right.turn).map(({ row }) => row)
}

/** How many each organisation had. */
const turnOf = (claimed: ReadonlyArray<ClaimedCommand>): number =>
  claimed.length / Math.max(1, new Set(claimed.map(({ address }) => address.org)).size)

const sharesLeft = ({ each, of }: Shares, claimed: ReadonlyArray<ClaimedCommand>): Shares => {
  const left: Record<string, number> = { ...of }
  for (const { address } of claimed) left[address.org] = (left[address.org] ?? each) - 1
  return { each, of: left }
}

export const celledJournal = (cells: Cells["Service"]): Journal["Service"] => {
  const journals = spread(cells, postgresJournal, unavailable)
  const { by, every } = journals
  let begins = 0
  const inCell = (cell: Cell) => journals.in(cell)
  /** Keys name an actor, which is in one cell: the others know nothing of it. */
  const everywhere = (ask: (journal: Journal["Service"]) => Effect.Effect<void, JournalError>) => Effect.asVoid(every(ask))

  const commitIn = (cell: Cell, batch: ReadonlyArray<Transition>) =>
    Effect.map(inCell(cell).commit(batch), (verdicts) => batch.map((transition, n) => [transition, verdicts[n]!] as const))

  return {
    commit: Effect.fnUntraced(function* (batch) {
      const placed = new Map<Cell, Array<Transition>>()
      for (const transition of batch) {
        const cell = yield* Effect.mapError(cells.find(transition.address.org), ({ message }) => unavailable(message))
        placed.set(cell, [...(placed.get(cell) ?? []), transition])
      }
      const asked = yield* Effect.forEach(placed, ([cell, part]) => Effect.result(commitIn(cell, part)), {
        concurrency: "unbounded"
      })
      const failed = asked.find((one) => one._tag === "Failure")
      if (failed?._tag === "Failure") {
        const { reason, message } = failed.failure
        const isAlone = asked.length === 1 || reason === "refused"
        return yield* isAlone ? failed.failure : new JournalError({ reason: "unknown", message })
      }
      const verdicts = new Map<Transition, Verdict>(asked.flatMap((one) => (one._tag === "Success" ? one.success : [])))
      return batch.map((transition) => verdicts.get(transition)!)
    }),

    load: by("load"),
    seen: by("seen"),
    history: by("history"),
    find: by("find"),
    quarantine: by("quarantine"),
    release: by("release"),

    residents: (recentMs) =>
      Effect.map(
        every((journal) => journal.residents(recentMs)),
        (found) => found.flat()
      ),

    claim: Effect.fnUntraced(function* (limit, claimMs, versions, shares) {
      const claimIn = (cell: Cell, room: number, had: ReadonlyArray<ClaimedCommand>) =>
        room === 0 || cell.trouble() !== null
          ? Effect.succeed([])
          : Effect.orElseSucceed(inCell(cell).claim(room, claimMs, versions, shares && sharesLeft(shares, had)), () => [])
      const room = Math.floor(limit / cells.all.length)
      const first = yield* Effect.forEach(
        cells.all,
        (cell) => Effect.map(claimIn(cell, room, []), (claimed) => ({ cell, claimed, turn: turnOf(claimed) })),
        { concurrency: "unbounded" }
      )
      const all = first.flatMap(({ claimed }) => claimed)
      // What is left goes to whose organisations had the fewest, to another first each time.
      begins = (begins + 1) % first.length
      const inOrder = [...first.slice(begins), ...first.slice(0, begins)].sort((left, right) => left.turn - right.turn)
      for (const { cell, claimed } of inOrder) all.push(...(yield* claimIn(cell, limit - all.length, claimed)))
      return all
    }),
    reclaim: everywhere(({ reclaim }) => reclaim),
    renew: (claims, claimMs) =>
      Effect.map(
        every((journal) => journal.renew(claims, claimMs)),
        (answers) => claims.map((_, n) => answers.some((ours) => ours[n]))
      ),
    complete: (completions) => everywhere((journal) => journal.complete(completions)),
    retry: (completion, delayMs, error) => everywhere((journal) => journal.retry(completion, delayMs, error)),
    bury: (completion, error) => everywhere((journal) => journal.bury(completion, error)),

    dueTimers: (aheadMs, limit, versions) =>
      Effect.map(
        every((journal) => journal.dueTimers(aheadMs, limit, versions)),
        (found) =>
          inTurns(found.flat().sort((left, right) => left.inMs - right.inMs))
            .slice(0, limit)
            .toSorted((left, right) => left.inMs - right.inMs)
      )
  }
}

export const celledFeed = (cells: Cells["Service"]): FeedStore["Service"] => {
  const { by } = spread(cells, postgresFeed, feedUnavailable)
  return { head: by("head"), append: by("append"), read: by("read"), trim: by("trim") }
}

const byId = (left: { readonly address: Address }, right: { readonly address: Address }) =>
  left.address.id < right.address.id ? -1 : 1

export const celledOversight = (cells: Cells["Service"]): Oversight["Service"] => {
  const oversights = spread(cells, postgresOversight, unavailable)
  const { by, every } = oversights
  const home = oversights.in(cells.home)
  /** The first so many of what all cells answer, where organisations take turns. */
  const firstOf = <A extends { readonly address: Address }>(
    limit: number,
    ask: (oversight: Oversight["Service"]) => Effect.Effect<ReadonlyArray<A>, JournalError>,
    inOrder: (left: A, right: A) => number
  ) => Effect.map(every(ask), (found) => inTurns(found.flat().sort(inOrder)).slice(0, limit).toSorted(inOrder))

  return {
    // A page by id, whoever they are of.
    standing: (after, limit) =>
      Effect.map(
        every((oversight) => oversight.standing(after, limit)),
        (found) => found.flat().sort(byId).slice(0, limit)
      ),
    quarantined: (org, limit) =>
      org === null
        ? firstOf(limit, (oversight) => oversight.quarantined(org, limit), byId)
        : Effect.flatMap(
            Effect.mapError(cells.find(org), ({ message }) => unavailable(message)),
            (cell) => oversights.in(cell).quarantined(org, limit)
          ),
    stuck: (lateMs, limit) =>
      firstOf(
        limit,
        (oversight) => oversight.stuck(lateMs, limit),
        (left, right) => right.forMs - left.forMs
      ),
    dead: (limit) =>
      firstOf(
        limit,
        (oversight) => oversight.dead(limit),
        (left, right) => left.forMs - right.forMs
      ),
    commandsOf: by("commandsOf"),
    commands: by("commands"),
    buried: by("buried"),
    exhume: by("exhume"),
    seize: by("seize"),
    // At home, where they can be read and written while a cell is away.
    pause: home.pause,
    resume: home.resume,
    pauses: home.pauses,
    note: home.note,
    notes: home.notes
  }
}

export const layer = Layer.unwrap(
  Effect.map(Cells, (cells) => {
    const partOf = new Map(
      cells.all.map((cell): readonly [Cell, Part] => {
        const { name, pools, trouble, ready } = cell
        const stores = Context.make(Journal, guarded(cell, postgresJournal(pools), unavailable)).pipe(
          Context.add(FeedStore, guarded(cell, postgresFeed(pools), feedUnavailable)),
          Context.add(Oversight, guarded(cell, postgresOversight(pools), unavailable))
        )
        return [cell, { name, stores, trouble, ready }]
      })
    )
    const division = {
      all: [...partOf.values()],
      known: (org: string) => {
        const cell = cells.known(org)
        return cell === null ? null : partOf.get(cell)!
      },
      find: (org: string) =>
        cells.find(org).pipe(
          Effect.mapError(({ message }) => unavailable(message)),
          Effect.map((cell) => partOf.get(cell)!)
        )
    }
    return Layer.mergeAll(
      Layer.succeed(Journal, celledJournal(cells)),
      Layer.succeed(FeedStore, celledFeed(cells)),
      Layer.succeed(Oversight, celledOversight(cells)),
      Layer.succeed(Parts, division)
    )
  })
)
