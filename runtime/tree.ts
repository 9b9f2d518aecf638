/**
 * What one process hosts of an organisation, as its supervisors have it: home → actors → what stands beside each. A look at what is
 * in memory: it waits for nobody, wakes nobody, and shows at most 200 homes of 100 actors, those in trouble first.
 */

/** A child of a supervisor. */
export interface ChildSight {
  /** `pausing`: between two lives. */
  readonly state: "running" | "pausing"
  readonly restart: "permanent" | "transient" | "temporary"
  /** Within the window of its supervisor; a child with more than the supervisor grants is given up. */
  readonly crashes: number
  /** The newest of those. */
  readonly crash: Crash | null
}

export interface Crash {
  readonly reason: string
  readonly atMs: number
}

export interface StandingSight extends ChildSight {
  readonly id: string
}

export interface ActorSight extends ChildSight {
  readonly kind: string
  readonly id: string
  /** Messages in its mailbox. */
  readonly waiting: number
  /** Type of the event that it is deciding on. */
  readonly handling: string | null
  readonly standing: ReadonlyArray<StandingSight>
  /** Crashed more often than was granted: its actor was told, and it is not started again while the actor's state wants it. */
  readonly givenUp: ReadonlyArray<Crash & { readonly id: string }>
}

export interface HomeSight {
  readonly home: string
  readonly strategy: "one_for_one" | "rest_for_one"
  readonly actorsTotal: number
  readonly actors: ReadonlyArray<ActorSight>
}

export interface Tree {
  readonly homesTotal: number
  readonly homes: ReadonlyArray<HomeSight>
}

export const treeHomesMax = 200
export const treeActorsMax = 100

export const isTroubled = ({ crashes, standing, givenUp }: ActorSight): boolean =>
  crashes > 0 || givenUp.length > 0 || standing.some((child) => child.crashes > 0)

const isHomeTroubled = ({ actors }: HomeSight): boolean => actors.some(isTroubled)
const waitingIn = ({ actors }: HomeSight): number => actors.reduce((sum, { waiting }) => sum + waiting, 0)

/** Trouble, then what waits, then by name. */
const worstFirst =
  <A>(troubled: (one: A) => boolean, waiting: (one: A) => number, name: (one: A) => string) =>
  (left: A, right: A): number =>
    Number(troubled(right)) - Number(troubled(left)) || waiting(right) - waiting(left) || (name(left) < name(right) ? -1 : 1)

/** As much of it as is shown. */
export const treeOf = (homes: ReadonlyArray<HomeSight>): Tree => ({
  homesTotal: homes.length,
  homes: homes
    .toSorted(worstFirst(isHomeTroubled, waitingIn, ({ home }) => home))
    .slice(0, treeHomesMax)
    .map((home) => ({
      ...home,
      actors: home.actors
        .toSorted(
          worstFirst(
            isTroubled,
            ({ waiting }) => waiting,
            ({ kind, id }) => `${kind}/${id}`
          )
        )
        .slice(0, treeActorsMax)
    }))
})
