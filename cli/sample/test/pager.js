import assert from "node:assert/strict"
import { test } from "node:test"
import { pageOf, paginate } from "../lib/pager.js"

test("splits a list into full pages", () => {
  assert.deepEqual(paginate(["a", "b", "c", "d"], 2), [["a", "b"], ["c", "d"]])
})

test("keeps the last item on a page of its own", () => {
  assert.deepEqual(paginate(["a", "b", "c", "d", "e"], 2), [["a", "b"], ["c", "d"], ["e"]])
})

test("refuses a page size that is no positive whole number", () => {
  assert.throws(() => paginate(["a"], 0), RangeError)
})

test("finds the page of an item", () => {
  assert.equal(pageOf(4, 2), 2)
})
