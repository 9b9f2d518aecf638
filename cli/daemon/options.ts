/**
 * The modes and models that an agent offers for a conversation, in whichever of the three shapes it does: `configOptions`, `modes`
 * and `models`, or both. What it does not offer is not asked for.
 */
import type * as acp from "@agentclientprotocol/sdk"
import { Option, Schema } from "effect"

const Choice = Schema.Struct({ value: Schema.String })
const Select = Schema.Struct({
  id: Schema.String,
  category: Schema.optionalKey(Schema.NullOr(Schema.String)),
  currentValue: Schema.String,
  options: Schema.Array(Schema.Union([Choice, Schema.Struct({ options: Schema.Array(Choice) })]))
})
const Offer = Schema.Struct({
  configOptions: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.Unknown))),
  modes: Schema.optionalKey(
    Schema.NullOr(
      Schema.Struct({ currentModeId: Schema.String, availableModes: Schema.Array(Schema.Struct({ id: Schema.String })) })
    )
  ),
  models: Schema.optionalKey(
    Schema.NullOr(
      Schema.Struct({ currentModelId: Schema.String, availableModels: Schema.Array(Schema.Struct({ modelId: Schema.String })) })
    )
  )
})
const asOffer = Schema.decodeUnknownOption(Offer)
const asSelect = Schema.decodeUnknownOption(Select)

interface Setting {
  readonly current: string
  readonly values: ReadonlyArray<string>
  readonly set: (value: string) => Promise<unknown>
}

/** Of what was answered to `session/new` or `session/load`. */
export const settingsOf = (agent: acp.ClientContext, sessionId: string, answer: unknown) => {
  const offer = Option.getOrElse(asOffer(answer), (): typeof Offer.Type => ({}))
  const selects = (offer.configOptions ?? []).flatMap((option) => Option.toArray(asSelect(option)))

  const among = (what: "mode" | "model"): Setting | null => {
    const select = selects.find(({ category, id }) => (category ?? id) === what)
    if (select === undefined) return null
    return {
      current: select.currentValue,
      values: select.options.flatMap((option) => ("value" in option ? [option.value] : option.options.map(({ value }) => value))),
      set: (value) => agent.request("session/set_config_option", { sessionId, configId: select.id, value })
    }
  }
  const mode = (): Setting | null =>
    offer.modes
      ? {
          current: offer.modes.currentModeId,
          values: offer.modes.availableModes.map(({ id }) => id),
          set: (modeId) => agent.request("session/set_mode", { sessionId, modeId })
        }
      : null
  const model = (): Setting | null =>
    offer.models
      ? {
          current: offer.models.currentModelId,
          values: offer.models.availableModels.map(({ modelId }) => modelId),
          set: (modelId) => agent.request("session/set_model", { sessionId, modelId })
        }
      : null
  return { mode: among("mode") ?? mode(), model: among("model") ?? model() }
}

export type Settings = ReturnType<typeof settingsOf>
