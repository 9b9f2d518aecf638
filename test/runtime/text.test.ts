import fc from "fast-check"
import { assert, it } from "vitest"
import { isRefusedByJsonb } from "../../adapters/memory/records.ts"
import { reasonCharactersMax } from "../../runtime/limits.ts"
import { reasonOf, storable, storableText } from "../../runtime/text.ts"

const anyText = fc.string({ unit: fc.constantFrom("a", "\u0000", "\ud83d", "\ude00", "\\", "\ufffd", '"', "é") })

it("makes any value one that a journal takes, and leaves one that it takes as it is", () => {
  const value = fc.dictionary(anyText, fc.oneof(anyText, fc.array(anyText), fc.integer(), fc.constant(null)))
  fc.assert(
    fc.property(value, (given) => {
      const clean = storable(given)
      assert.isFalse(isRefusedByJsonb(JSON.stringify(clean)))
      if (!isRefusedByJsonb(JSON.stringify(given))) assert.strictEqual(clean, given)
    })
  )
})

it("replaces what cannot be stored character by character, and no whole pair", () => {
  assert.strictEqual(storableText("a\u0000b\ud83dc😀\ude00"), "a\ufffdb\ufffdc😀\ufffd")
})

it("says why something failed in words of a bounded length", () => {
  assert.strictEqual(reasonOf(new RangeError("too far")), "RangeError: too far")
  assert.strictEqual(reasonOf("words"), "words")
  assert.lengthOf(reasonOf("x".repeat(10 * reasonCharactersMax)), reasonCharactersMax)
})
