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
