/** A server's tools as actions. What a tool says of itself is a stranger's word: bounded, and never more than a hint of its risk. */
import { createHash } from "node:crypto"
import type { Tool } from "@modelcontextprotocol/sdk/types.js"
import { Result, Schema, SchemaRepresentation } from "effect"
import type { Action, Connector, Risk } from "../../../actors/ports/actions.ts"
import { redactStart } from "../../../actors/redaction.ts"
import { schemaHashOf } from "../action.ts"

const descriptionCharactersMax = 2_000
const schemaCharactersMax = 32_768
const namePattern = /^[A-Za-z0-9_.-]{1,128}$/

const anyParams = Schema.Record(Schema.String, Schema.Unknown)

/** What cannot be told by our schemas is the server's to refuse. Patterns are left out: a stranger's may take for ever. */
const paramsOf = (inputSchema: Record<string, unknown>): Schema.Codec<any, any> => {
  try {
    if (JSON.stringify(inputSchema).length > schemaCharactersMax) return anyParams
    const { $defs = {}, $schema: _, ...schema } = inputSchema
    const document = { dialect: "draft-2020-12" as const, schema, definitions: $defs as Record<string, never> }
    return SchemaRepresentation.fromJsonSchemaDocument(document, { patterns: "ignore" }) as unknown as Schema.Codec<any, any>
  } catch {
    return anyParams
  }
}

const sampleOf = (schema: unknown): unknown => {
  const { type, enum: values, default: usual, minimum } = (schema ?? {}) as Record<string, unknown>
  if (usual !== undefined) return usual
  if (Array.isArray(values)) return values[0]
  if (type === "number" || type === "integer") return typeof minimum === "number" ? minimum : 1
  if (type === "boolean") return true
  if (type === "array") return []
  return type === "object" ? {} : "text"
}

/** Its required fields with something in them; nothing where the schema does not take that. */
const exampleOf = (inputSchema: Record<string, unknown>, params: Schema.Codec<any, any>): Record<string, unknown> => {
  const properties = (inputSchema["properties"] ?? {}) as Record<string, unknown>
  const required = Array.isArray(inputSchema["required"]) ? inputSchema["required"].map(String) : []
  const example = Object.fromEntries(required.map((field) => [field, sampleOf(properties[field])]))
  return Result.isSuccess(Schema.decodeUnknownResult(params)(example)) ? example : {}
}

/** A tool that begins to call itself harmless has changed as much as one that takes other arguments. */
export const toolHashOf = ({ inputSchema, annotations = {} }: Pick<Tool, "inputSchema" | "annotations">): string =>
  createHash("sha256")
    .update(JSON.stringify([schemaHashOf(inputSchema), annotations.readOnlyHint === true, annotations.destructiveHint === true]))
    .digest("hex")

const riskOf = (
  { name, annotations = {} }: Tool,
  { defaultRisk, overrides }: Connector["riskPolicy"],
  drifted: boolean
): Risk => {
  const override = Object.hasOwn(overrides, name) ? overrides[name] : undefined
  if (override !== undefined) return override
  if (annotations.destructiveHint === true) return "danger"
  // A tool that is not the one that was accepted is not believed that it only reads.
  if (annotations.readOnlyHint === true && !drifted) return "read"
  return drifted && defaultRisk === "read" ? "write" : (defaultRisk ?? "write")
}

export const actionOf = (tool: Tool, { riskPolicy, pins }: Connector): Action | null => {
  if (!namePattern.test(tool.name)) return null
  const inputSchema = tool.inputSchema as Record<string, unknown>
  const hash = toolHashOf(tool)
  const drifted = Object.hasOwn(pins, tool.name) && pins[tool.name] !== hash
  const params = paramsOf(inputSchema)
  const said = (text: string | undefined) => redactStart(text ?? "", descriptionCharactersMax)
  return {
    name: tool.name,
    title: said(tool.title ?? tool.annotations?.title ?? tool.name),
    description: said(tool.description),
    risk: riskOf(tool, riskPolicy, drifted),
    params,
    inputSchema: JSON.stringify(inputSchema).length > schemaCharactersMax ? { type: "object" } : inputSchema,
    honoursKeys: false,
    readsBack: false,
    example: exampleOf(inputSchema, params),
    schemaHash: hash,
    drifted
  }
}
