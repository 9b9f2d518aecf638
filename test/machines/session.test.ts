/** The journeys of a session, told as what is asked of it, what it hears, and the deadlines that pass. */
import { assert, describe, it } from "vitest"
import { promptCharactersMax, promptsQueuedMax } from "../../machines/limits.ts"
import { statusOf, whyNot } from "../../machines/session.ts"
import {
  agentExited,
  agentReady,
  asked,
  at,
  begin,
  boots,
  busy,
  captured,
  endings,
  finished,
  idle,
  passes,
  pause,
  paused,
  play,
  prompt,
  queueOf,
  refuses,
  resume,
  retries,
  revives,
  sandboxFailed,
  sandboxReady,
  sandboxTold,
  start,
  stop,
  told,
  turnOf,
  working,
  workspaceReady
} from "../support/session.ts"

describe("a session's day", () => {
  it("is created, boots in three legs, works, pauses, resumes from its snapshot and stops", () => {
    let session = begin()
    assert.strictEqual(at(session), "pending")
    session = play(session, prompt("p1"))
    assert.deepStrictEqual(session.last.commands, [
      { name: "provisionSandbox", params: { boot: 1, configurationId: "cfg_1", snapshotId: null, provider: null } }
    ])
    session = play(session, sandboxReady("sbx_1"))
    assert.deepStrictEqual(session.last.records, [{ type: "claim", name: "sandbox", key: "sbx_1" }])
    assert.deepStrictEqual(session.last.commands, [
      { name: "prepareWorkspace", params: { boot: 1, sandboxId: "sbx_1", configurationId: "cfg_1", restored: false } }
    ])
    session = play(session, workspaceReady)
    assert.deepStrictEqual(session.last.commands, [
      {
        name: "startAgent",
        params: { boot: 1, sandboxId: "sbx_1", agent: { name: "scripted", permissions: "ask" }, agentSession: null }
      }
    ])
    session = play(session, agentReady)
    assert.strictEqual(at(session), busy)
    assert.deepStrictEqual(session.last.commands, [
      { name: "startTurn", params: { boot: 1, sandboxId: "sbx_1", turnId: "p1", text: "do p1", model: null } }
    ])
    session = play(session, finished("p1"))
    assert.strictEqual(at(session), idle)

    session = play(session, pause)
    assert.deepStrictEqual(session.last.commands, [
      { name: "captureSnapshot", params: { boot: 1, sandboxId: "sbx_1", captureId: "cap_1" } }
    ])
    session = play(session, captured("snp_1"))
    assert.strictEqual(at(session), "paused")
    assert.deepStrictEqual(session.last.commands, [{ name: "destroySandbox", params: { sandboxId: "sbx_1" } }])
    assert.deepStrictEqual(session.last.records, [{ type: "release", name: "sandbox", key: "sbx_1" }])

    session = play(session, resume)
    assert.deepStrictEqual(session.last.commands, [
      { name: "provisionSandbox", params: { boot: 2, configurationId: "cfg_1", snapshotId: "snp_1", provider: "local" } }
    ])
    session = play(session, ...boots("sbx_2"))
    assert.strictEqual(at(session), idle)
    assert.strictEqual(session.context.agentSession, "conversation")

    session = play(session, stop)
    assert.strictEqual(at(session), "stopping")
    session = play(session, sandboxTold("sandbox.destroyed"))
    assert.strictEqual(at(session), "stopped")
    assert.deepStrictEqual(session.last.commands, [{ name: "discardSnapshot", params: { snapshotId: "snp_1" } }])
    assert.strictEqual(session.armed.size, 0)
  })

  it("may be started before its first prompt", () => {
    assert.strictEqual(at(play(begin(), start)), "provisioning.booting")
  })

  it("keeps one snapshot, and discards the one that a newer replaces", () => {
    const session = play(paused(), resume, ...boots("sbx_2"), pause, captured("snp_2"))
    assert.strictEqual(session.context.snapshotId, "snp_2")
    assert.deepInclude(session.last.commands, { name: "discardSnapshot", params: { snapshotId: "snp_1" } })
  })

  it("keeps a snapshot that a provider gives the same name again", () => {
    const session = play(paused(), resume, ...boots("sbx_2"), pause, captured("snp_1"))
    assert.deepStrictEqual(asked(session), ["destroySandbox"])
  })

  it("pauses after 300 s without work when a person started it, and after 30 s when a program did", () => {
    for (const [attended, delayMs] of [
      [true, 300_000],
      [false, 30_000]
    ] as const) {
      const session = play(begin({ attended }), start, ...boots())
      assert.strictEqual(session.last.timers.get("xstate.after.idleDeadline.session.running.agent.idle")?.delayMs, delayMs)
      assert.strictEqual(play(session, passes("idleDeadline"), captured("snp_1")).context.reason, "inactivity")
    }
  })

  it("tells why it rests as long as it does", () => {
    assert.strictEqual(paused().context.reason, "manual")
    assert.isNull(play(paused(), resume).context.reason)
    assert.strictEqual(play(begin(), stop).context.reason, "manual")
    assert.strictEqual(play(begin(), passes("pendingDeadline")).context.reason, "expired: it was never started")
  })

  it("is given up after two weeks of waiting or pausing, and a week of having failed", () => {
    assert.strictEqual(at(play(begin(), passes("pendingDeadline"))), "stopped")
    assert.strictEqual(at(play(paused(), passes("pausedDeadline"))), "stopped")
    assert.strictEqual(at(play(begin(), start, sandboxFailed(true), passes("failedDeadline"))), "stopped")
  })

  it("is switched to another model at any time, which its next turn and its next boot have", () => {
    let session = play(working(), { type: "switch", model: "larger" })
    assert.strictEqual(at(session), busy)
    assert.deepStrictEqual(session.last.commands, [])
    assert.deepStrictEqual(told(session, "model"), [{ model: "larger" }])
    session = play(session, prompt("p2"), finished("p1"))
    assert.deepInclude(session.last.commands[0], {
      name: "startTurn",
      params: { boot: 1, sandboxId: "sbx_1", turnId: "p2", text: "do p2", model: "larger" }
    })
    session = play(session, { type: "turn.failed", turnId: "p2", reason: "model-fixed", message: "it cannot" })
    session = play(session, sandboxReady("sbx_1"), workspaceReady)
    assert.deepInclude(session.last.commands[0]!.params, { agent: { name: "scripted", permissions: "ask", model: "larger" } })
    refuses(play(begin(), stop), { type: "switch", model: "late" })
  })

  it("can be renamed until it is stopped", () => {
    const session = play(working(), { type: "rename", title: "another" })
    assert.deepStrictEqual(told(session, "title"), [{ title: "another" }])
    refuses(play(begin(), stop), { type: "rename", title: "late" })
  })
})

describe("prompts", () => {
  it("are worked on in the order they came, one at a time", () => {
    let session = play(working(), prompt("p2"), prompt("p3"))
    assert.deepStrictEqual([turnOf(session), queueOf(session)], ["p1", ["p2", "p3"]])
    session = play(session, finished("p1"))
    assert.deepStrictEqual([turnOf(session), queueOf(session)], ["p2", ["p3"]])
    session = play(session, finished("p2"), finished("p3"))
    assert.deepStrictEqual(endings(session), { p1: "end_turn", p2: "end_turn", p3: "end_turn" })
    assert.strictEqual(at(session), idle)
  })

  it("can be taken back while they wait, and not once they are the turn", () => {
    const session = play(working(), prompt("p2"), { type: "unqueue", promptId: "p2" })
    assert.deepStrictEqual(told(session, "turn.ended"), [{ turnId: "p2", stopReason: "removed" }])
    assert.deepStrictEqual(told(session, "queue"), [{ promptIds: [] }])
    refuses(session, { type: "unqueue", promptId: "p1" })
    assert.include(whyNot(session.snapshot, { type: "unqueue" }), "interrupt that instead")
  })

  it("are refused when 20 wait, in a failed session too, and the refusal says so", () => {
    const full = Array.from({ length: promptsQueuedMax }, (_, index) => prompt(`q${index}`))
    for (const session of [play(working(), ...full), play(begin(), start, ...full, sandboxFailed(true))]) {
      refuses(session, prompt("one-more"))
      assert.include(whyNot(session.snapshot, prompt("one-more")), "20 prompts are waiting already")
    }
  })

  it("are refused under an id that waits or is the turn", () => {
    const session = play(working(), prompt("p2"))
    refuses(session, prompt("p1"))
    refuses(session, prompt("p2"))
    assert.include(whyNot(session.snapshot, prompt("p2")), "with this id")
  })

  it("wait through a boot, a recovery and a migration", () => {
    const session = play(begin(), start, prompt("p1"), sandboxFailed(), retries, ...boots("sbx_2"))
    assert.strictEqual(turnOf(session), "p1")
    const recovered = play(session, prompt("p2"), agentExited, prompt("p3"), ...revives)
    assert.deepStrictEqual([turnOf(recovered), queueOf(recovered)], ["p2", ["p3"]])
    const migrated = play(
      recovered,
      sandboxTold("sandbox.expiring"),
      finished("p2"),
      prompt("p4"),
      captured("snp_1"),
      ...boots("sbx_3")
    )
    assert.deepStrictEqual([turnOf(migrated), queueOf(migrated)], ["p3", ["p4"]])
  })

  it("end when the session is stopped, each with that reason", () => {
    const session = play(working(), prompt("p2"), prompt("p3"), stop)
    assert.deepStrictEqual(endings(session), { p1: "stopped", p2: "stopped", p3: "stopped" })
  })
})

describe("what people see", () => {
  it("is the outermost state as one word", () => {
    assert.strictEqual(statusOf(working().snapshot), "running")
    assert.strictEqual(statusOf(paused().snapshot), "paused")
  })

  it("is a reason that fits into a row", () => {
    const session = play(begin(), start, {
      type: "sandbox.failed",
      boot: 1,
      final: true,
      reason: "rejected",
      message: "x".repeat(promptCharactersMax)
    })
    assert.strictEqual(session.context.reason?.length, 500)
  })
})
