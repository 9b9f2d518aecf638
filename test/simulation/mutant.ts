/** The program broken on purpose in one place, and the promise that should break for it. */
export interface Mutant {
  /** The promise that it should break. */
  readonly law: string
  readonly name: string
  readonly file: string
  readonly find: string
  readonly replace: string
  /** The scenario that shows it; else seeds do. */
  readonly by?: string
  /** That scenario on a real PostgreSQL. */
  readonly isOnPostgres?: boolean
}
