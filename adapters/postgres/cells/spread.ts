/**
 * A port over several cells: most questions are an organisation's, and go to its cell; what is asked of all cells is asked of each at
 * once, and has its answer from those that answer in time.
 */
import { Effect } from "effect"
import type { Cells } from "../cells.ts"
import type { Postgres } from "../pool.ts"
import { awayText, type Cell } from "./cell.ts"

/** A cell that takes longer is left out. */
const answerMs = 2_000

type Whose = string | { readonly org: string }

/** The questions of a port that begin with whose they are. */
type OfOne<S> = {
  [K in keyof S]: S[K] extends (whose: infer W, ...rest: any) => Effect.Effect<any, any> ? (W extends Whose ? K : never) : never
}[keyof S]

/** Nothing is asked of a cell while it cannot be used. */
const ifUsable = <A, E>(cell: Cell, answer: () => Effect.Effect<A, E>, fail: (message: string) => E): Effect.Effect<A, E> =>
  Effect.suspend(() => (cell.trouble() === null ? answer() : Effect.fail(fail(awayText(cell)))))

/** The port over one cell. */
export const guarded = <S extends object>(cell: Cell, port: S, fail: (message: string) => unknown): S => {
  const guard = (answer: Effect.Effect<unknown, unknown>) => ifUsable(cell, () => answer, fail)
  const members = Object.entries(port).map(([name, member]) => [
    name,
    typeof member === "function" ? (...given: ReadonlyArray<unknown>) => guard(member(...given)) : guard(member)
  ])
  return Object.fromEntries(members) as S
}

export interface Spread<S, E> {
  readonly in: (cell: Cell) => S
  /** The question of this name, asked in the cell of the organisation that it begins with. */
  readonly by: <K extends OfOne<S>>(name: K) => S[K]
  /** What each cell answers; fails if any does not. */
  readonly every: <A>(ask: (service: S) => Effect.Effect<A, E>) => Effect.Effect<ReadonlyArray<A>, E>
  /** What those cells answer that do; fails if none does. */
  readonly some: <A>(ask: (service: S) => Effect.Effect<A, E>) => Effect.Effect<ReadonlyArray<A>, E>
}

/** `make` builds the port over one cell; `fail` says in its words that a cell cannot be asked. */
export const spread = <S extends object, E>(
  { all, find }: Cells["Service"],
  make: (pools: Postgres["Service"]) => S,
  fail: (message: string) => E
): Spread<S, E> => {
  const services = new Map(all.map((cell) => [cell, make(cell.pools)]))
  const of = (cell: Cell): S => services.get(cell)!

  const ask = <A>(cell: Cell, question: (service: S) => Effect.Effect<A, E>): Effect.Effect<A, E> =>
    ifUsable(cell, () => question(of(cell)), fail)

  return {
    in: of,
    by: (name) =>
      ((whose: Whose, ...rest: ReadonlyArray<unknown>) =>
        find(typeof whose === "string" ? whose : whose.org).pipe(
          Effect.mapError(({ message }) => fail(message)),
          Effect.flatMap((cell) => {
            const service = of(cell)
            return (service[name] as (...all: ReadonlyArray<unknown>) => Effect.Effect<never, E>)(whose, ...rest)
          })
        )) as S[typeof name],
    every: (question) => Effect.forEach(all, (cell) => ask(cell, question), { concurrency: "unbounded" }),
    some: (question) =>
      Effect.forEach(
        all,
        (cell) =>
          Effect.result(
            ask(cell, question).pipe(
              Effect.timeoutOrElse({
                duration: answerMs,
                orElse: () => Effect.fail(fail(`the cell ${cell.name} did not answer within ${answerMs / 1_000} s`))
              })
            )
          ),
        { concurrency: "unbounded" }
      ).pipe(
        Effect.flatMap((asked) => {
          const answers = asked.flatMap((one) => (one._tag === "Success" ? [one.success] : []))
          const failed = asked.find((one) => one._tag === "Failure")
          return answers.length === 0 && failed?._tag === "Failure" ? Effect.fail(failed.failure) : Effect.succeed(answers)
        })
      )
  }
}
