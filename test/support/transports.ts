/** The transports that there are on this machine, each with its name, for suites that run on all of them. */
import { overNode } from "../../adapters/gateway/over-node.ts"
import { overUws } from "../../adapters/gateway/over-uws.ts"
import type { Transport } from "../../adapters/gateway/transport.ts"
import { loadUws } from "../../adapters/gateway/uws.ts"

const loaded = loadUws()

export const transports: ReadonlyArray<readonly [string, () => Transport]> = [
  ...(loaded.uws === null ? [] : [["uWebSockets.js", () => overUws(loaded.uws, loaded.how)] as const]),
  ["node and ws", () => overNode("for this test")]
]
