/** The endpoints that the host was given, which of them has a model, and what of that is for everyone to know: never a key. */
import { Context, Layer, type Redacted } from "effect"
import { type Dialect, Models } from "../../actors/ports/models.ts"

export interface Upstream {
  /** Paths of a dialect are appended to it: `https://…/v1`. */
  readonly url: string
  /** Null: it asks for none. */
  readonly key: Redacted.Redacted<string> | null
  readonly dialects: ReadonlyArray<Dialect>
  readonly models: ReadonlyArray<string>
}

export class Upstreams extends Context.Service<
  Upstreams,
  {
    /** The first that has the model and speaks the dialect. */
    readonly find: (model: string, dialect: Dialect) => Upstream | null
  }
>()("proliferate/adapters/model/Upstreams") {
  static readonly layer = (upstreams: ReadonlyArray<Upstream>): Layer.Layer<Upstreams | Models> => {
    const ids = [...new Set(upstreams.flatMap(({ models }) => models))]
    const models = ids.map((id) => ({
      id,
      dialects: [...new Set(upstreams.flatMap(({ models, dialects }) => (models.includes(id) ? dialects : [])))]
    }))
    return Layer.mergeAll(
      Layer.succeed(Models, { configured: ids.length > 0, models, default: ids[0] ?? null }),
      Layer.succeed(Upstreams, {
        find: (model, dialect) =>
          upstreams.find(({ models, dialects }) => models.includes(model) && dialects.includes(dialect)) ?? null
      })
    )
  }
}
