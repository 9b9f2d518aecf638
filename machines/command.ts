/**
 * What a machine may ask for but never does. Declared as no-op actions, they come back from a step as plain data:
 * a command is run by the actor's hands, a record is written in the step's own commit.
 */
export const command =
  <Params>() =>
  (_: unknown, _params: Params): void => {}

/** Takes `key` of `name` for this actor; while another holds it, the step is refused and told so as `record.rejected`. */
export const claim = (_: unknown, _params: { readonly name: string; readonly key: string }): void => {}

export const release = (_: unknown, _params: { readonly name: string; readonly key: string }): void => {}

/** What a budget allows, and what its lender keeps with it. It lasts from this commit on. */
export interface Loan {
  readonly id: string
  readonly usesMax: number | null
  readonly lastsMs: number
  readonly about: Readonly<Record<string, unknown>>
}

/** Makes a budget; refused where the id is taken. */
export const lend = (_: unknown, _params: { readonly budget: Loan }): void => {}

/** Takes one use; refused where the budget is spent, expired, revoked or absent. */
export const reserve = (_: unknown, _params: { readonly budgetId: string }): void => {}

/** Gives one use back, if there is one. */
export const refund = (_: unknown, _params: { readonly budgetId: string }): void => {}

/** Changes nothing; refused where the budget is expired, revoked or absent. */
export const ensure = (_: unknown, _params: { readonly budgetId: string }): void => {}

/** Goes into a room; refused where `max` others are in it. */
export const occupy = (_: unknown, _params: { readonly room: string; readonly max: number }): void => {}

export const vacate = (_: unknown, _params: { readonly room: string }): void => {}
