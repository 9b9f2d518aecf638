/** A provider that counts its calls by key, on loopback; and the call, the same for every contestant: kept connections, 64 at most. */
import assert from "node:assert"
import { Agent, createServer, request } from "node:http"
import type { AddressInfo } from "node:net"

export interface Provider {
  readonly url: string
  /** Keys called since the last look, and all calls with them. */
  readonly counted: () => { readonly keys: number; readonly calls: number }
  readonly end: () => void
}

export const provider = async (): Promise<Provider> => {
  const calls = new Map<string, number>()
  const server = createServer((incoming, outgoing) => {
    const key = String(incoming.headers["idempotency-key"])
    calls.set(key, (calls.get(key) ?? 0) + 1)
    incoming.resume().on("end", () => outgoing.end('{"done":true}'))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    counted: () => {
      const counted = { keys: calls.size, calls: [...calls.values()].reduce((sum, count) => sum + count, 0) }
      calls.clear()
      return counted
    },
    end: () => {
      server.closeAllConnections()
      server.close()
    }
  }
}

const agent = new Agent({ keepAlive: true, maxSockets: 64 })

export const post = (url: string, key: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const call = request(
      url,
      { method: "POST", agent, headers: { "content-type": "application/json", "idempotency-key": key }, timeout: 30_000 },
      (answer) => {
        let text = ""
        answer.setEncoding("utf8").on("data", (chunk) => {
          text += chunk
        })
        answer.on("end", () => {
          assert.strictEqual(answer.statusCode, 200)
          resolve(text)
        })
      }
    )
    call.on("timeout", () => call.destroy(new Error("the provider did not answer")))
    call.on("error", reject)
    call.end('{"charge":1}')
  })
