/** How a session comes to rest: paused with a snapshot, or stopped for good. */
import { assert, describe, it } from "vitest"
import { snapshotFailuresMax } from "../../machines/limits.ts"
import type { Move, Played } from "../support/played.ts"
import {
  agentExited,
  agentReady,
  asked,
  asks,
  at,
  begin,
  boots,
  captured,
  captureFailed,
  endings,
  finished,
  idle,
  interrupt,
  linkLost,
  notStarted,
  passes,
  pause,
  paused,
  play,
  prompt,
  queueOf,
  refuses,
  resume,
  revives,
  running,
  sandboxFailed,
  sandboxReady,
  sandboxTold,
  start,
  stop,
  times,
  turnOf,
  working,
  workspaceReady
} from "../support/session.ts"

describe("a snapshot that is asked for", () => {
  const capture: Move = { type: "capture" }

  it("is captured when the turn has ended, before the next prompt, and the session goes on from it", () => {
    const asked = play(working(), capture, prompt("p2"))
    assert.strictEqual(at(asked), at(working()))
    const ended = play(asked, finished("p1"))
    assert.strictEqual(at(ended), "migrating.capturing")
    assert.deepStrictEqual(queueOf(ended), ["p2"])
    const restored = play(ended, captured("snp_1"))
    assert.strictEqual(at(restored), "restoring.booting")
    const again = play(restored, ...boots("sbx_2"))
    assert.strictEqual(turnOf(again), "p2")
    assert.strictEqual(at(play(again, finished("p2"))), at(running()))
  })

  it("is captured at once where no turn is open, and once however often it is asked for", () => {
    assert.strictEqual(at(play(running(), capture)), "migrating.capturing")
    const twice = play(working(), capture, capture, finished("p1"), captured("snp_1"), ...boots("sbx_2"))
    assert.strictEqual(at(twice), at(running()))
  })

  it("that fails is not tried again by itself", () => {
    assert.strictEqual(at(play(running(), capture, captureFailed, ...revives)), at(running()))
  })

  it("is refused where nothing runs", () => {
    refuses(begin(), capture)
  })
})

describe("pausing", () => {
  it("cancels the open turn and captures when it has ended, or after 10 s", () => {
    const settling = play(working(), pause)
    assert.strictEqual(at(settling), "pausing.settling")
    assert.deepStrictEqual(asked(settling), ["cancelTurn"])
    const ended = play(settling, finished("p1", "cancelled"))
    assert.strictEqual(at(ended), "pausing.capturing")
    const hung = play(settling, passes("interruptDeadline"))
    assert.strictEqual(at(hung), "pausing.capturing")
    assert.deepStrictEqual(endings(hung), { p1: "unresponsive" })
    const never = play(settling, notStarted("p1"))
    assert.strictEqual(at(never), "pausing.capturing")
    assert.deepStrictEqual(endings(never), { p1: "unreachable" })
  })

  it("lasts: prompts that waited before it wait on", () => {
    const session = play(working(), prompt("p2"), pause, finished("p1", "cancelled"), captured("snp_1"))
    assert.strictEqual(at(session), "paused")
    assert.deepStrictEqual(queueOf(session), ["p2"])
    assert.strictEqual(turnOf(play(session, resume, ...boots("sbx_2"))), "p2")
  })

  it("does not lose the prompt that comes while it captures: the session goes on from its snapshot", () => {
    const session = play(running(), passes("idleDeadline"), prompt("p1"), captured("snp_1"))
    assert.strictEqual(at(session), "restoring.booting")
    assert.strictEqual(turnOf(play(session, ...boots("sbx_2"))), "p1")
  })

  it("may be taken back while it captures", () => {
    assert.strictEqual(at(play(running(), pause, resume, captured("snp_1"))), "restoring.booting")
  })

  it("ends in a woken session when a prompt comes to a paused one", () => {
    const session = play(paused(), prompt("p1"))
    assert.strictEqual(at(session), "restoring.booting")
  })

  it("whose capture fails brings the sandbox back; the third failure in a row stops the session", () => {
    const once = play(running(), pause, captureFailed)
    assert.strictEqual(at(once), "recovering.reviving")
    const back = play(once, ...revives)
    assert.strictEqual(at(back), idle)

    const tries = times(snapshotFailuresMax, pause, captureFailed, ...revives).slice(0, -3)
    const session = play(running(), ...tries)
    assert.strictEqual(at(session), "stopping")
    assert.strictEqual(session.context.reason, "unreachable: no answer")

    const between = times(
      9,
      pause,
      captureFailed,
      ...revives,
      prompt("p"),
      finished("p"),
      pause,
      captured("snp"),
      resume,
      ...boots()
    )
    assert.strictEqual(at(play(running(), ...between)), idle)
  })

  it("does not stop a session that someone has just asked for, however often the capture failed", () => {
    const tries = times(snapshotFailuresMax - 1, pause, captureFailed, ...revives)
    const session = play(running(), ...tries, pause, prompt("p1"), captureFailed)
    assert.strictEqual(at(session), "recovering.reviving")
  })

  it("gives up a capture after 180 s, and discards its snapshot should it still come", () => {
    const session = play(running(), pause, passes("snapshotDeadline"))
    assert.strictEqual(at(session), "recovering.reviving")
    const late: Move = {
      type: "snapshot.saved",
      captureId: "cap_1",
      snapshotId: "snp_late",
      provider: "local",
      sandboxStopped: false
    }
    assert.deepStrictEqual(play(session, late).last.commands, [{ name: "discardSnapshot", params: { snapshotId: "snp_late" } }])
  })
})

describe("stopping", () => {
  const everywhere: Record<string, Played> = {
    pending: begin(),
    provisioning: play(begin(), start),
    preparing: play(begin(), start, sandboxReady("sbx_1")),
    starting: play(begin(), start, sandboxReady("sbx_1"), workspaceReady),
    idle: running(),
    working: working(),
    awaitingApproval: play(working(), asks("p1", "q1")),
    interrupting: play(working(), interrupt),
    reconnecting: play(working(), linkLost),
    recovering: play(running(), agentExited),
    migrating: play(working(), sandboxTold("sandbox.expiring")),
    settling: play(working(), pause),
    capturing: play(running(), pause),
    paused: paused(),
    restoring: play(paused(), resume),
    failed: play(begin(), start, sandboxFailed(true)),
    failedWithSandbox: play(running(), agentExited, passes("provisionDeadline"))
  }

  it.each(Object.entries(everywhere))("works when it is %s: nothing stays behind", (_, session) => {
    const { sandboxId, snapshotId } = session.context
    let stopped = play(session, stop)
    assert.strictEqual(at(stopped), sandboxId === null ? "stopped" : "stopping")
    stopped = sandboxId === null ? stopped : play(stopped, sandboxTold("sandbox.destroyed"))
    assert.strictEqual(at(stopped), "stopped")
    const names = stopped.commands.map(({ name, params }) => JSON.stringify({ name, params }))
    if (sandboxId !== null) assert.include(names, JSON.stringify({ name: "destroySandbox", params: { sandboxId } }))
    if (snapshotId !== null) assert.include(names, JSON.stringify({ name: "discardSnapshot", params: { snapshotId } }))
  })

  it("does not wait more than 60 s for the sandbox to be destroyed", () => {
    const session = play(working(), stop, passes("stoppingDeadline"))
    assert.strictEqual(at(session), "stopped")
    assert.deepStrictEqual(session.last.records, [{ type: "release", name: "sandbox", key: "sbx_1" }])
  })

  it("refuses further requests, at once and for ever", () => {
    for (const session of [play(working(), stop), play(begin(), stop)])
      for (const request of [prompt("late"), { type: "unqueue", promptId: "p1" }, interrupt, pause, resume, start, stop] as const)
        refuses(session, request)
  })

  it("does not let a fact that comes late begin anything again", () => {
    const session = play(working(), stop, sandboxTold("sandbox.destroyed"))
    const late: ReadonlyArray<Move> = [
      workspaceReady,
      agentReady,
      agentExited,
      finished("p1"),
      asks("p1", "q1"),
      linkLost,
      captureFailed,
      { type: "sandbox.gone", sandboxId: "sbx_1" }
    ]
    for (const fact of late) assert.deepStrictEqual(play(session, fact).last.taken, [], JSON.stringify(fact))
    const snapshot = play(session, {
      type: "snapshot.saved",
      captureId: "cap_9",
      snapshotId: "snp_9",
      provider: "local",
      sandboxStopped: true
    })
    assert.deepStrictEqual(asked(snapshot), ["discardSnapshot"])
  })
})
