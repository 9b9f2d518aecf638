/** What a session refuses to hear at all, and in which words. */
import { Exit, Schema } from "effect"
import { assert, describe, it } from "vitest"
import { promptCharactersMax } from "../../machines/limits.ts"
import { SessionEvent, type SessionRequest } from "../../machines/session/events.ts"
import { begin, play, start } from "../support/session.ts"
import { alphabet } from "../support/session-space.ts"

const decode = Schema.decodeUnknownExit(SessionEvent, { onExcessProperty: "error" })
const prompt: SessionRequest = { type: "prompt", promptId: "p1", text: "fix it", by: "usr_1" }

describe("an event", () => {
  it("of the alphabet that the machine is tested with could really come", () => {
    for (const session of [begin(), play(begin(), start)])
      for (const event of alphabet(session))
        if (!event.type.startsWith("xstate.")) assert.isTrue(Exit.isSuccess(decode(event)), JSON.stringify(event))
  })

  it.each([
    ["an empty prompt", { ...prompt, text: "" }, "must not be empty"],
    ["a prompt that is a book", { ...prompt, text: "x".repeat(promptCharactersMax + 1) }, "must have at most 100000 characters"],
    ["NUL in a prompt", { ...prompt, text: "a\u0000b" }, "must not contain NUL characters"],
    ["an id with spaces", { ...prompt, promptId: "a prompt" }, "1 to 128 letters, digits or _ . : -"],
    ["an id without an end", { ...prompt, promptId: "p".repeat(129) }, "1 to 128 letters, digits or _ . : -"],
    ["a number where text belongs", { ...prompt, text: 7 }, "text"],
    ["a missing field", { type: "prompt", promptId: "p1", by: null }, "text"],
    ["a field that nobody knows", { ...prompt, urgent: true }, "urgent"],
    ["a pause for a reason that we do not have", { type: "pause", why: "lunch" }, "why"],
    ["an event that we do not have", { type: "explode" }, "type"],
    ["no object at all", "prompt", "prompt"]
  ])("is refused when it is %s, and told why", (_, event, why) => {
    const exit = decode(event)
    assert.isTrue(Exit.isFailure(exit))
    assert.include(String(exit), why)
  })
})
