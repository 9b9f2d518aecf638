/** Connecting a service by a browser, from the command line: where to go, and the code that ends it. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { beforeAll } from "vitest"
import { makeBundle, run } from "../support/command.ts"
import { startGateway } from "../support/gateway.ts"

beforeAll(makeBundle)

it.live("says where to go, and that it ends with a code; a code of nobody is over", () =>
  Effect.gen(function* () {
    const place = { url: "https://github.test", apiUrl: "https://api.github.test", client: null }
    const gateway = yield* startGateway({ github: place })
    const env = { PROLIFERATE_URL: gateway.url, PROLIFERATE_TOKEN: gateway.owner.token }
    const says = (...args: ReadonlyArray<string>) => Effect.promise(() => run(["connections", ...args], env))

    const begun = yield* says("add", "github", "--app", "--owner", "acme")
    assert.strictEqual(begun.code, 0, begun.stderr)
    const [url = ""] = /http\S+\/v1\/connections\/app\/begin\?state=\S+/.exec(begun.stdout) ?? []
    assert.isTrue(url.startsWith(gateway.url))
    assert.include(begun.stdout, "proliferate connections confirm CODE")
    const { pathname, search } = new URL(url)
    const { body } = yield* gateway.ask(null, "GET", pathname + search)
    assert.include(body.action, "https://github.test/organizations/acme/settings/apps/new?state=")

    const none = yield* says("add", "github", "--browser")
    assert.strictEqual(none.code, 1)
    assert.include(none.stderr, "no client of GitHub's OAuth")
    const over = yield* says("confirm", "ABCD-EFGH-JKMN")
    assert.strictEqual(over.code, 4, over.stderr)
    assert.include(over.stderr, "begin again with `proliferate connections add`")
    for (const args of [
      ["--browser", "--app"],
      ["--owner", "acme"]
    ])
      assert.strictEqual((yield* says("add", "github", ...args)).code, 2)
  }).pipe(Effect.scoped)
)
