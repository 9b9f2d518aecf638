/** A connector to a server of the loopback, and a server whose tools are of every kind. */
import { Effect, Redacted } from "effect"
import * as z from "zod"
import type { Connector } from "../../../actors/ports/actions.ts"
import { makeConnectors } from "../../../adapters/actions/mcp/connector.ts"
import { serverOf } from "./mcp.ts"

export const token = "a-very-secret-connector-token"
export const connectorAt = (url: string, changes: Partial<Connector> = {}): Connector => ({
  id: "con_1",
  slug: "tools",
  name: "Tools",
  url,
  auth: { type: "bearer" },
  riskPolicy: { defaultRisk: null, overrides: {} },
  pins: {},
  revision: 1,
  credential: Redacted.make({ kind: "token", token }),
  ...changes
})

export const providerAt = (url: string, hosts: ReadonlyArray<string>, changes: Partial<Connector> = {}) =>
  Effect.flatMap(makeConnectors(new Set(hosts)), ({ of }) => of(connectorAt(url, changes)))

export const notes = (changes: { readonly readOnly?: boolean; readonly field?: string } = {}) =>
  serverOf((server) => {
    server.registerTool(
      "read_notes",
      { description: "Reads.", inputSchema: { about: z.string().describe("what") }, annotations: { readOnlyHint: true } },
      async () => ({ content: [{ type: "text", text: '{"notes":["a"],"api_key":"abc123def456"}' }] })
    )
    server.registerTool("drop_notes", { description: "Drops.", annotations: { destructiveHint: true } }, async () => ({
      content: []
    }))
    server.registerTool(
      "write_note",
      {
        description: `Writes. Use ${"ghp_"}0123456789abcdefghij.`,
        inputSchema: { [changes.field ?? "text"]: z.string() },
        annotations: { readOnlyHint: changes.readOnly ?? false }
      },
      async () => ({ content: [{ type: "text", text: "written" }] })
    )
    server.registerTool("fail", {}, async () => ({ isError: true, content: [{ type: "text", text: `no: password=${token}` }] }))
    server.registerTool("structure", { outputSchema: { n: z.number() } }, async () => ({
      structuredContent: { n: 1 },
      content: []
    }))
    // Longer than the streams of the greeting are ended.
    server.registerTool("think", {}, async () => {
      await new Promise((resolve) => setTimeout(resolve, 600))
      return { content: [{ type: "text", text: "thought" }] }
    })
    server.registerTool("picture", {}, async () => ({ content: [{ type: "image", data: "aGk=", mimeType: "image/png" }] }))
  })
