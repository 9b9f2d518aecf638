/** Where connectors are reached: at public addresses, and where the operator opened the way. */
import assert from "node:assert/strict"
import dns from "node:dns"
import { syncBuiltinESMExports } from "node:module"
import { it } from "@effect/vitest"
import { Effect } from "effect"
import { describe } from "vitest"
import { isPublic } from "../../../adapters/actions/addresses.ts"
import { notes, providerAt } from "../../support/services/connectors.ts"
import { mcpServer } from "../../support/services/mcp.ts"
import { service } from "../../support/services/service.ts"

describe("the addresses of connectors", () => {
  it("are those of the public internet alone", () => {
    const inside =
      "127.0.0.1 127.8.8.8 0.0.0.0 10.1.2.3 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 100.64.0.1 198.18.0.1 224.0.0.1 255.255.255.255 ::1 :: fe80::1 fc00::1 fd12:3456::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:8.8.8.8 64:ff9b::7f00:1 2002:7f00:1:: 2001::1 ff02::1 fec0::1 2001:db8::1 not-an-address"
    for (const address of inside.split(" ")) assert.equal(isPublic(address), false, address)
    for (const address of ["8.8.8.8", "1.1.1.1", "172.32.0.1", "2606:4700:4700::1111", "2a00:1450:4001::1"])
      assert.equal(isPublic(address), true, address)
  })

  it.effect("a server inside is not asked anything, however its address is written, unless its host and port are opened", () =>
    Effect.gen(function* () {
      const { host, asked } = yield* mcpServer(notes())
      const port = host.split(":")[1]
      for (const written of [
        `http://127.0.0.1:${port}/mcp`,
        `https://127.0.0.1:${port}/mcp`,
        `https://localhost:${port}/mcp`,
        `https://2130706433:${port}/mcp`,
        `https://0x7f.1:${port}/mcp`,
        `https://[::1]:${port}/mcp`,
        `https://[::ffff:127.0.0.1]:${port}/mcp`,
        "https://169.254.169.254/latest/meta-data",
        "file:///etc/passwd"
      ]) {
        const provider = yield* providerAt(written, ["127.0.0.1:1", `127.0.0.2:${port}`])
        assert.deepEqual(provider.actions, [], written)
        assert.match(provider.trouble ?? "", /no public address|only https|not spoken/, written)
      }
      assert.deepEqual(asked, [])
      assert.ok((yield* providerAt(`http://${host}/mcp`, [host])).actions.length > 0)
    }).pipe(Effect.scoped)
  )

  it.effect("a name that is inside by any of its addresses is not connected to", () =>
    Effect.gen(function* () {
      const { lookup } = dns
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          dns.lookup = lookup
          syncBuiltinESMExports()
        })
      )
      for (const inside of ["127.0.0.1", "::ffff:10.0.0.1", "169.254.169.254", "fd00::1"]) {
        dns.lookup = ((_: string, __: unknown, done: (error: null, found: ReadonlyArray<dns.LookupAddress>) => void) =>
          done(null, [
            { address: "93.184.216.34", family: 4 },
            { address: inside, family: inside.includes(":") ? 6 : 4 }
          ])) as unknown as typeof lookup
        syncBuiltinESMExports()
        const provider = yield* providerAt("https://rebinds.example/mcp", [])
        assert.match(provider.trouble ?? "", /rebinds.example is no public address/)
      }
    }).pipe(Effect.scoped)
  )

  it.effect("a redirect opens no way inside, nor does it carry the credential elsewhere", () =>
    Effect.gen(function* () {
      const inside = yield* mcpServer(notes())
      for (const status of [302, 307, 308]) {
        const outside = yield* service(() => ({ status, headers: { location: inside.url } }))
        const provider = yield* providerAt(outside.url, [new URL(outside.url).host])
        assert.deepEqual(provider.actions, [])
        assert.match(provider.trouble ?? "", /redirects/)
      }
      assert.deepEqual(inside.asked, [])
    }).pipe(Effect.scoped)
  )
})
