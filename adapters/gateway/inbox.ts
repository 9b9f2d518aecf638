/** What a client sends, understood or cut: one JSON object a frame, of the types of protocol.ts, with no unknown field. */
import { Effect } from "effect"
import { decode } from "../../actors/services/decode.ts"
import { type Cut, cut } from "./cut.ts"
import { parseBytes } from "./json.ts"
import { ClientFrame, version } from "./protocol.ts"

const decodeFrame = decode(ClientFrame)
const types: ReadonlyArray<string> = ClientFrame.members.map(({ fields }) => fields.type.schema.literal)

export const received = Effect.fnUntraced(function* (bytes: Uint8Array): Effect.fn.Return<ClientFrame, Cut> {
  const parsed = parseBytes(bytes)
  if ("fault" in parsed) return yield* cut(4400, `the frame ${parsed.fault}`)
  const frame = parsed.value as { readonly type?: unknown; readonly v?: unknown } | null
  const type = frame?.type
  if (typeof type !== "string" || !types.includes(type)) return yield* cut(4400, `type must be one of ${types.join(", ")}`)
  // Before anything else of it is looked at: another version may say hello with other fields.
  if (type === "hello" && Number.isInteger(frame?.v) && frame?.v !== version) {
    return yield* cut(4406, `version ${String(frame?.v)} is not spoken here, version ${version} is`)
  }
  return yield* decodeFrame(frame).pipe(Effect.catch(({ message }) => cut(4400, `${type}: ${message}`)))
})
