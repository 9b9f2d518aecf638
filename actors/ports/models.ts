/**
 * Port: the models that sessions may use, as the host is configured. Agents reach them only through the relay of their sandbox
 * (`/model/v1/…`, actors/ports/proxy.ts): the host's keys stay on the host. Adapter: adapters/model.
 */
import { Context, Schema } from "effect"

/** What an endpoint speaks: OpenAI's chat completions, OpenAI's responses, Anthropic's messages. */
export const Dialect = Schema.Literals(["chat", "responses", "messages"])
export type Dialect = typeof Dialect.Type

export interface Model {
  readonly id: string
  /** At least one. */
  readonly dialects: ReadonlyArray<Dialect>
}

export class Models extends Context.Service<
  Models,
  {
    /** Some model can be used: `models` has at least one. */
    readonly configured: boolean
    /** In the order in which the operator named them; an id is there once. */
    readonly models: ReadonlyArray<Model>
    /** The first, which a session has when nobody chose; null exactly when none is configured. */
    readonly default: string | null
  }
>()("proliferate/actors/ports/Models") {}
