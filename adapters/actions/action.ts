/** An action as its adapter writes it down; `describe` is what the port shows of it. */
import { createHash } from "node:crypto"
import { Schema } from "effect"
import type { Action, Risk } from "../../actors/ports/actions.ts"

export interface Spec<Client> {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly risk: Risk
  readonly params: Schema.Codec<any, any>
  readonly example: Readonly<Record<string, unknown>>
  /** What is kept of the answer, and what it must be. */
  readonly answer: Schema.Codec<any, any>
  /** A second call under one key has no second effect there. */
  readonly honoursKeys: boolean
  /** Texts longer than an answer may be: their end is kept. */
  readonly isLog: boolean
  readonly run: (client: Client, params: any, key: string) => Promise<unknown>
  /** The effect itself, undefined if it is proven not to be there, or why that cannot be told. */
  readonly readBack: ((client: Client, params: any, call: Looked) => Promise<Looking>) | null
}

export interface Looked {
  readonly key: string
  /** Nothing that is older is the effect. */
  readonly sinceMs: number
}
export type Looking = { readonly found: unknown } | { readonly absent: true } | { readonly unclear: string }

interface Written<Client, P, A> {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly risk: Risk
  readonly params: Schema.Codec<P, any>
  readonly example: P
  readonly answer: Schema.Codec<A, any>
  readonly honoursKeys?: true
  readonly isLog?: true
  readonly run: (client: Client, params: P, key: string) => Promise<unknown>
  readonly readBack?: (client: Client, params: P, call: Looked) => Promise<Looking>
}

export const actionsOf =
  <Client>() =>
  <P extends Readonly<Record<string, unknown>>, A>(written: Written<Client, P, A>): Spec<Client> => ({
    honoursKeys: false,
    isLog: false,
    readBack: null,
    ...written
  })

const withoutMeaning = new Set(["description", "title", "default", "enum", "examples"])

/** Keys in order; without what changes no meaning, but for names that fields happen to have. */
const canonical = (schema: unknown, areFields: boolean): unknown => {
  if (Array.isArray(schema)) return schema.map((item) => canonical(item, false))
  if (typeof schema !== "object" || schema === null) return schema
  return Object.entries(schema)
    .filter(([key]) => areFields || !withoutMeaning.has(key))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => [key, canonical(value, !areFields && (key === "properties" || key === "$defs"))])
}

export const schemaHashOf = (inputSchema: unknown): string =>
  createHash("sha256")
    .update(JSON.stringify(canonical(inputSchema, false) ?? null))
    .digest("hex")

export const inputSchemaOf = (params: Schema.Codec<any, any>): Readonly<Record<string, unknown>> => {
  const { schema, definitions } = Schema.toJsonSchemaDocument(params, { onExcessProperty: "error" })
  return Object.keys(definitions).length === 0 ? schema : { ...schema, $defs: definitions }
}

export const describe = <Client>({
  name,
  title,
  description,
  risk,
  params,
  example,
  honoursKeys,
  readBack
}: Spec<Client>): Action => {
  const inputSchema = inputSchemaOf(params)
  return {
    name,
    title,
    description,
    risk,
    params,
    inputSchema,
    honoursKeys,
    readsBack: readBack !== null,
    example,
    schemaHash: schemaHashOf(inputSchema),
    drifted: false
  }
}
