import { assert, describe, it } from "vitest"
import { statuses } from "../../cli/commands/sessions/list.ts"
import { titleFrom } from "../../machines/session/title.ts"
import { sessionMachine } from "../../machines/session.ts"
import { begin, prompt, send } from "../support/session.ts"

describe("what a session is called", () => {
  it("takes its title from the first line of its first prompt, and tells it", () => {
    const untitled = begin({ title: "" })
    const asked = send(untitled, { type: "prompt", promptId: "p1", text: "\n  Fix the login\nand then rest", by: null })
    assert.strictEqual(asked.context.title, "Fix the login")
    assert.deepInclude(asked.last.notices, { kind: "title", body: { title: "Fix the login" } })
    const again = send(asked, { type: "prompt", promptId: "p2", text: "Something else", by: null })
    assert.strictEqual(again.context.title, "Fix the login")
    assert.isFalse(again.last.notices.some(({ kind }) => kind === "title"))
  })

  it("keeps the title that it was given, by its creator or by a rename", () => {
    assert.strictEqual(send(begin({ title: "Release 42" }), prompt("p1")).context.title, "Release 42")
    const renamed = send(begin({ title: "" }), { type: "rename", title: "Mine" })
    assert.strictEqual(send(renamed, prompt("p1")).context.title, "Mine")
  })

  it("is one line of at most 80 characters, whole ones, without control characters", () => {
    assert.strictEqual(titleFrom(`${"😀".repeat(100)}`), `${"😀".repeat(79)}…`)
    assert.strictEqual(titleFrom("a\u0000b\tc\u001b[31m"), "a b c [31m")
    assert.strictEqual(titleFrom(" \n "), "")
  })
})

describe("an archived session", () => {
  const failed = () => {
    const booting = send(send(begin(), prompt("p1")), {
      type: "sandbox.failed",
      boot: 1,
      final: true,
      reason: "rejected",
      message: "no"
    })
    assert.strictEqual(booting.snapshot.value, "failed")
    return booting
  }

  it("is one that has stopped or failed, and comes back when it is asked to", () => {
    for (const ended of [failed(), send(begin(), { type: "stop" })]) {
      const archived = send(ended, { type: "archive" })
      assert.isTrue(archived.context.archived)
      assert.isTrue(send(archived, { type: "archive" }).context.archived)
      assert.isFalse(send(archived, { type: "unarchive" }).context.archived)
      assert.deepStrictEqual(archived.snapshot.value, ended.snapshot.value)
    }
  })

  it("is not archived while it works or rests", () => {
    for (const going of [begin(), send(begin(), prompt("p1"))]) {
      assert.isEmpty(send(going, { type: "archive" }).last.taken)
    }
  })

  it("is in the lists again as soon as it goes on, and stays away when it is given up", () => {
    const archived = send(failed(), { type: "archive" })
    assert.isFalse(send(archived, prompt("p2")).context.archived)
    const expired = [...archived.armed.values()].reduce(send, archived)
    assert.strictEqual(expired.snapshot.value, "stopped")
    assert.isTrue(expired.context.archived)
  })
})

describe("the states that lists can be narrowed to", () => {
  it("are those of the machine", () => {
    const states = Object.keys(sessionMachine.root.states).filter((state) => state !== "retrying")
    assert.sameMembers([...statuses], states)
  })
})
