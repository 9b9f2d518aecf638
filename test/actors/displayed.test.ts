/** What people and agents are shown: never a secret, never more than 10 KB, always JSON, in bounded time whatever is given. */
import assert from "node:assert/strict"
import fc from "fast-check"
import { describe, it } from "vitest"
import { displayed, displayedBytesMax, notShown } from "../../actors/displayed.ts"
import { redactText } from "../../actors/redaction.ts"
import { isRefusedByJsonb } from "../../adapters/memory/records.ts"
import { valueAt } from "../../machines/policy/constraints.ts"

const letters = (length: number) =>
  fc.string({ unit: fc.constantFrom(..."abcdefABCDEF0123456789"), minLength: length, maxLength: length })

/** Tokens as services make them: known by what they look like. */
const token = fc.oneof(
  ...[
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_11A_",
    "xoxb-12345-",
    "xoxe.xoxp-1-",
    "lin_api_",
    "lin_oauth_",
    "sntryu_",
    "sk-proj-",
    "glpat-",
    "plf_"
  ].map((prefix) => letters(36).map((rest) => `${prefix}${rest}`)),
  letters(40).map((rest) => `eyJhbGciOiJIUzI1NiJ9.${rest}.${rest}`),
  letters(64).map((rest) => `-----BEGIN RSA PRIVATE KEY-----\n${rest}\n${rest}\n-----END RSA PRIVATE KEY-----`)
)
const secretName = fc.constantFrom(
  ..."token access_token refreshToken X-Auth-Token client_secret SECRET_KEY_BASE password dbPassword Authorization api_key apikey APIKEY Set-Cookie cookie private_key privateKey credentials".split(
    " "
  )
)
/** A secret known by its name alone. */
const named = letters(20).map((rest) => `Q${rest}`)

/** A place for something, at any depth, among anything. */
const around = (inner: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.letrec((tie) => ({
    place: fc.oneof(
      { maxDepth: 8, depthSize: "medium" },
      inner,
      fc.tuple(tie("place"), fc.jsonValue()).map(([value, other]) => ({ a: other, inner: value })),
      fc.tuple(tie("place"), fc.jsonValue()).map(([value, other]) => [other, value]),
      tie("place").map((value) => ({ text: JSON.stringify(value) })),
      tie("place").map((value) => JSON.stringify(value))
    )
  })).place

/** Milliseconds of work, whatever else the machine does meanwhile. */
const worked = (work: () => unknown) => {
  const from = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(from)
  return (user + system) / 1_000
}

const isGone = (secret: string, value: unknown) => {
  const shown = JSON.stringify(displayed(value).value)
  for (const part of secret.split("\n").filter((line) => line.length > 8 && !line.startsWith("-----")))
    assert.ok(!shown.includes(part), `${part} is in ${shown}`)
}

describe("what is shown", () => {
  it("holds no token, wherever it stands and whatever is around it", () => {
    const planted = token.chain((secret) =>
      fc.record({
        secret: fc.constant(secret),
        value: around(
          fc
            .tuple(
              fc.constantFrom("", "Error: bad credentials ", '{"a":"', "url?x="),
              fc.constantFrom("", " is no good", '"}', "&y=1")
            )
            .map(([before, after]) => `${before}${secret}${after}`)
        )
      })
    )
    fc.assert(
      fc.property(planted, ({ secret, value }) => isGone(secret, value)),
      { numRuns: 400 }
    )
  })

  it("holds nothing that stands under the name of a secret", () => {
    const planted = fc.tuple(named, secretName).chain(([secret, name]) =>
      fc.record({
        secret: fc.constant(secret),
        value: around(
          fc.constantFrom<unknown>(
            { [name]: secret },
            { [name]: { nested: [secret] } },
            { [name]: `before "${secret}" after` },
            { headers: [{ name, value: secret }] },
            `as JSON: ${JSON.stringify({ a: [{ [name]: secret }, { name, value: secret }] })}`,
            `failed with ${name}=${secret}&more=1`,
            `curl -H '${name}: ${secret}'`,
            `${name}: Bearer ${secret}`,
            `https://user:${secret}@host/path`
          )
        )
      })
    )
    fc.assert(
      fc.property(planted, ({ secret, value }) => isGone(secret, value)),
      { numRuns: 600 }
    )
  })

  it("holds no secret that is known, though nothing gives it away", () => {
    fc.assert(
      fc.property(
        named.chain((secret) => fc.record({ secret: fc.constant(secret), value: around(fc.constant(`x${secret}y`)) })),
        ({ secret, value }) => {
          assert.ok(!JSON.stringify(displayed(value, [secret]).value).includes(secret))
        }
      )
    )
  })

  it("shows no half of a secret where a text is cut", () => {
    fc.assert(
      fc.property(token, fc.integer({ min: 0, max: 12_000 }), (secret, at) =>
        isGone(secret, { log: `${"x ".repeat(at)}${secret}${" y".repeat(9_000)}` })
      ),
      { numRuns: 200 }
    )
    // What was taken out before makes room for what comes after, up to a password whose end was not looked at.
    const before = `ghp_${"a1".repeat(18)} `
    const long = {
      log: `${before.repeat(Math.floor(10_000 / before.length))}https://user:${"k".repeat(500)}@host ${"y".repeat(9_000)}`
    }
    assert.ok(!JSON.stringify(displayed(long).value).includes("kkk"))
  })

  it("is JSON of at most 10 KB that a journal takes, the same each time, and unchanged when shown again", () => {
    fc.assert(
      fc.property(
        fc.anything({ maxDepth: 12, withBigInt: true, withDate: true, withTypedArray: true, withNullPrototype: true }),
        (value) => {
          const { value: shown } = displayed(value)
          const written = JSON.stringify(shown)
          assert.ok(Buffer.byteLength(written) <= displayedBytesMax)
          assert.ok(!isRefusedByJsonb(written))
          assert.deepEqual(displayed(JSON.parse(written)).value, JSON.parse(written))
        }
      ),
      { numRuns: 500 }
    )
  })

  it("shows small things whole", () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.constantFrom("title", "body", "number", "labels"),
          fc.oneof(fc.integer(), fc.array(fc.integer()), fc.constant("some words"), fc.constant(null))
        ),
        (value) => {
          assert.deepEqual(displayed(value), { value: { ...value }, isCut: false })
        }
      )
    )
  })

  it("says in place what is not there", () => {
    const { value, isCut } = displayed({
      issues: Array.from({ length: 5_000 }, (_, number) => ({ number, body: "long ".repeat(500) })),
      total: 5_000
    })
    assert.ok(isCut)
    const { issues, total } = value as { readonly issues: ReadonlyArray<unknown>; readonly total: number }
    assert.equal(total, 5_000)
    assert.match(String(issues.at(-1)), /^… 4,\d\d\d more items$/)
    assert.match((issues[0] as { body: string }).body, /… 2,\d\d\d more characters$/)
  })

  it("keeps names that only sound like a secret's where they count something, and truths", () => {
    const usage = { input_tokens: 12, output_tokens: 3, has_secret: true, token: null }
    assert.deepEqual(displayed(usage).value, usage)
  })

  it("takes no more time for 50 MB, for depth, for width, or for texts made to be slow", () => {
    const hostile: ReadonlyArray<readonly [string, unknown]> = [
      ["a text", "ghp_ token: ".repeat(4_500_000)],
      ["texts", Array.from({ length: 500_000 }, (_, at) => ({ at, text: "x".repeat(80) }))],
      ["depth", JSON.parse(`${'{"a":['.repeat(10_000)}1${"]}".repeat(10_000)}`)],
      ["width", Object.fromEntries(Array.from({ length: 300_000 }, (_, at) => [`f${at}`, at]))],
      ["eyJ-", "eyJ-".repeat(1_000_000)],
      ["://", "://a:".repeat(1_000_000)],
      ["key", `token${"\\".repeat(1_000_000)}`],
      ["many", Array.from({ length: 10_000 }, () => "password=".repeat(1_000))],
      ["-----BEGIN", "-----BEGIN PRIVATE KEY-----".repeat(200_000)]
    ]
    for (const [what, value] of hostile) {
      const tookMs = worked(() => displayed(value))
      assert.ok(tookMs < 2_500, `${what} took ${tookMs} ms`)
    }
    const text = `${"eyJ-".repeat(100_000)}${"bearer ".repeat(100_000)}${"a".repeat(1_000_000)}`
    assert.ok(worked(() => redactText(text)) < 2_500)
  })
})

const leaves = (value: unknown, keys: ReadonlyArray<string> = []): ReadonlyArray<readonly [ReadonlyArray<string>, unknown]> =>
  typeof value === "object" && value !== null
    ? Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...keys, key]))
    : [[keys, value]]

describe("what is not shown", () => {
  const short = fc.oneof(fc.string({ maxLength: 12 }), token, fc.integer(), fc.boolean(), fc.constant(null))
  const long = fc.oneof(
    fc.nat({ max: 20_000 }).map((length) => "word ".repeat(length / 5)),
    fc.nat({ max: 3_000 }).map((length) => Array.from({ length }, (_, at) => at)),
    fc.nat({ max: 700 }).map((length) => Object.fromEntries(Array.from({ length }, (_, at) => [`f${at}`, `${at}`])))
  )
  const inner = fc.letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 4 },
      { arbitrary: short, weight: 6 },
      { arbitrary: long, weight: 1 },
      { arbitrary: fc.array(tie("any"), { maxLength: 4 }), weight: 2 },
      {
        arbitrary: fc.dictionary(fc.oneof(fc.string({ maxLength: 8 }), fc.constantFrom("token", "name", "value")), tie("any"), {
          maxKeys: 4
        }),
        weight: 2
      }
    )
  })).any

  it("is known by the keys that lead to it: whatever else there was is shown as it is", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ maxLength: 8 }), inner, { maxKeys: 6 }), (given) => {
        const value = JSON.parse(JSON.stringify(given))
        const shown = displayed(value).value
        const hidden = notShown(shown)
        for (const [keys, was] of leaves(value)) {
          if (hidden.some((path) => path.every((key, at) => key === keys[at]))) continue
          assert.deepEqual(valueAt(shown, keys), was, JSON.stringify(keys))
        }
      }),
      { numRuns: 60 }
    )
  })

  it("is nothing of what is short and holds no secret, and all of what is too large to be shown at all", () => {
    assert.deepEqual(notShown(displayed({ project: "api", labels: ["a", "b"], more: { count: 3 } }).value), [])
    assert.deepEqual(notShown(displayed({ labels: ["a", "ghp_0123456789abcdef"], more: { token: "x" } }).value), [
      ["labels"],
      ["more", "token"]
    ])
    assert.deepEqual(notShown("… too large to be shown"), [[]])
  })
})
