/** Getting an agent to run, and getting it back: sandboxes, boots, recoveries. */
import { assert, describe, it } from "vitest"
import { provisionAttemptsMax, recoveriesMax } from "../../machines/limits.ts"
import type { Move } from "../support/played.ts"
import {
  agentExited,
  agentFailed,
  asked,
  at,
  begin,
  boots,
  captured,
  captureFailed,
  endings,
  finished,
  idle,
  notStarted,
  passes,
  paused,
  play,
  prompt,
  queueOf,
  resume,
  retries,
  revives,
  running,
  sandboxFailed,
  sandboxReady,
  sandboxTold,
  start,
  stop,
  times,
  told,
  turnOf,
  working,
  workspaceFailed,
  workspaceReady
} from "../support/session.ts"

describe("a sandbox", () => {
  it("that stopped is revived with its disk, and the session goes on where it was", () => {
    const session = play(working(), sandboxTold("sandbox.stopped"))
    assert.strictEqual(at(session), "recovering.reviving")
    const back = play(session, ...revives)
    assert.strictEqual(at(back), idle)
    assert.strictEqual(back.context.sandboxId, "sbx_1")
  })

  it("that is gone is replaced from the last snapshot, and what was lost is told", () => {
    const session = play(paused(), resume, ...boots("sbx_2"), sandboxTold("sandbox.gone"))
    assert.strictEqual(at(session), "restoring.booting")
    assert.deepStrictEqual(told(session, "state.lost"), [{ restoredFrom: "snp_1" }])
    assert.strictEqual(at(play(running(), sandboxTold("sandbox.gone"))), "provisioning.booting")
  })

  it("that could not be made of its snapshot is taken empty, and why is told", () => {
    const message =
      "it started empty: its snapshot cannot be used, since it was made by provider local, and e2b cannot restore it"
    const session = play(paused(), resume, (played) => ({
      type: "sandbox.ready",
      boot: played.context.boot,
      sandboxId: "sbx_2",
      stateLost: true,
      message
    }))
    assert.strictEqual(at(session), "restoring.preparing")
    assert.deepStrictEqual(told(session, "state.lost"), [{ restoredFrom: null, message }])
    assert.strictEqual(session.context.sandboxId, "sbx_2")
  })

  it("that is gone again and again is not replaced for ever", () => {
    const again = [sandboxTold("sandbox.gone"), ...boots("sbx_1")]
    const replaced = play(running(), ...times(recoveriesMax, ...again))
    assert.strictEqual(at(replaced), idle)
    const session = play(replaced, sandboxTold("sandbox.gone"))
    assert.strictEqual(at(session), "failed")
    assert.strictEqual(session.context.reason, "the sandbox is gone")
    assert.strictEqual(at(play(session, resume)), "provisioning.booting")
  })

  it("that is about to expire is left for a copy of it, after the turn or 30 s", () => {
    const expiring = play(working(), sandboxTold("sandbox.expiring"))
    assert.strictEqual(at(expiring), "migrating.finishing")
    assert.deepStrictEqual(asked(expiring), [])
    const patient = play(expiring, finished("p1"), captured("snp_1"))
    assert.strictEqual(at(patient), "restoring.booting")
    assert.deepStrictEqual(endings(patient), { p1: "end_turn" })

    assert.deepStrictEqual(endings(play(expiring, notStarted("p1"))), { p1: "unreachable" })
    const late = play(expiring, passes("finishDeadline"))
    assert.deepStrictEqual(asked(late), ["cancelTurn"])
    const hung = play(late, passes("interruptDeadline"), captured("snp_1"), ...boots("sbx_2"))
    assert.strictEqual(at(hung), idle)
    assert.deepStrictEqual(endings(hung), { p1: "unresponsive" })
  })

  it("that cannot be captured before it expires is used until it does", () => {
    const session = play(running(), sandboxTold("sandbox.expiring"), captureFailed, ...revives)
    assert.strictEqual(at(session), idle)
    assert.strictEqual(session.context.sandboxId, "sbx_1")
    assert.strictEqual(session.context.captureFailures, 1)
  })

  it("of an earlier boot that comes late is destroyed and replaces nothing", () => {
    const late: Move = { type: "sandbox.ready", boot: 1, sandboxId: "sbx_late", stateLost: false }
    const booting = play(begin(), start, passes("provisionDeadline"), late)
    assert.strictEqual(at(booting), "provisioning.waiting")
    assert.deepStrictEqual(booting.last.commands, [{ name: "destroySandbox", params: { sandboxId: "sbx_late" } }])
    for (const session of [running(), paused(), play(begin(), start, stop)])
      assert.deepStrictEqual(play(session, late).last.commands, [{ name: "destroySandbox", params: { sandboxId: "sbx_late" } }])
  })

  it("other than the one that was to be revived is destroyed", () => {
    const session = play(running(), agentExited, sandboxReady("sbx_other"))
    assert.strictEqual(at(session), "recovering.reviving")
    assert.deepStrictEqual(session.last.commands, [{ name: "destroySandbox", params: { sandboxId: "sbx_other" } }])
  })

  it("that another session holds is neither used nor destroyed", () => {
    const session = play(begin(), start, { type: "record.rejected", name: "sandbox", key: "sbx_9", holder: "ses_2", event: {} })
    assert.deepStrictEqual(asked(session), [])
    assert.deepStrictEqual(asked(play(session, retries)), ["provisionSandbox"])
    assert.strictEqual(session.context.reason, "conflict: sandbox sbx_9 is held by ses_2")
  })
})

describe("a boot", () => {
  const failsThrice = [...times(2, sandboxFailed(), retries), sandboxFailed()]

  it("that fails is tried with another sandbox 5 s later, 3 times in all", () => {
    const twice = play(begin(), start, sandboxFailed(), retries, sandboxReady("sbx_2"), workspaceFailed())
    assert.strictEqual(at(twice), "provisioning.waiting")
    assert.deepStrictEqual(asked(twice), ["destroySandbox"])
    assert.strictEqual(twice.context.reason, "unreachable: no answer")
    assert.deepStrictEqual(asked(play(twice, retries)), ["provisionSandbox"])
    assert.isNull(play(twice, retries, ...boots("sbx_3")).context.reason)
    const failed = play(twice, retries, passes("provisionDeadline"))
    assert.strictEqual(at(failed), "failed")
    assert.strictEqual(failed.context.boot, provisionAttemptsMax)
    assert.strictEqual(failed.context.reason, "timeout: the boot took too long")
  })

  it("that is slower than its deadline is not respawned without end", () => {
    const late = (boot: number): Move => ({ type: "sandbox.ready", boot, sandboxId: `sbx_${boot}`, stateLost: false })
    const session = play(
      begin(),
      start,
      ...[1, 2, 3].flatMap((boot) => [...(boot > 1 ? [retries] : []), passes("provisionDeadline"), late(boot)])
    )
    assert.strictEqual(at(session), "failed")
    const destroyed = session.commands.filter(({ name }) => name === "destroySandbox")
    assert.strictEqual(destroyed.length, 3)
  })

  it("that failed for good is not tried again by itself, and leaves no sandbox", () => {
    for (const legs of [
      [sandboxFailed(true)],
      [sandboxReady("sbx_1"), workspaceFailed(true)],
      [sandboxReady("sbx_1"), workspaceReady, agentFailed(true)]
    ]) {
      const session = play(begin(), start, ...legs)
      assert.strictEqual(at(session), "failed")
      assert.isNull(session.context.sandboxId)
      assert.strictEqual(session.context.reason, "unreachable: no answer")
    }
  })

  it("begins anew when a failed session is resumed or prompted, with all its tries", () => {
    const failed = play(begin(), start, ...failsThrice)
    assert.strictEqual(at(failed), "failed")
    const resumed = play(failed, resume)
    assert.strictEqual(at(resumed), "provisioning.booting")
    assert.isNull(resumed.context.reason)
    assert.strictEqual(at(play(failed, resume, ...times(2, sandboxFailed(), retries))), "provisioning.booting")
    const prompted = play(failed, prompt("p1"), ...boots())
    assert.strictEqual(turnOf(prompted), "p1")
  })

  it("from a snapshot keeps the snapshot when it fails", () => {
    const failed = play(paused(), resume, ...failsThrice)
    assert.strictEqual(at(failed), "failed")
    const again = play(failed, resume)
    assert.strictEqual(at(again), "restoring.booting")
    assert.deepInclude(again.last.commands[0]?.params, { snapshotId: "snp_1" })
  })

  it("is told that its agent died before it is told that it was ready", () => {
    const session = play(begin(), start, sandboxReady("sbx_1"), workspaceReady, agentExited)
    assert.strictEqual(at(session), "provisioning.waiting")
    assert.strictEqual(session.context.reason, "crashed: signal 9")
    const late: Move = { type: "agent.ready", boot: 1, sandboxId: "sbx_1", agentSession: "s", remembers: false }
    assert.deepStrictEqual(play(session, late).last.taken, [])
  })

  it("tells when the agent does not remember the conversation", () => {
    const forgetful: Move = ({ context: { boot } }) => ({
      type: "agent.ready",
      boot,
      sandboxId: "sbx_2",
      agentSession: "new",
      remembers: false
    })
    const session = play(paused(), resume, sandboxReady("sbx_2"), workspaceReady, forgetful)
    assert.deepStrictEqual(told(session, "memory.lost"), [{ agentSession: "new" }])
    const first = play(begin(), start, sandboxReady("sbx_1"), workspaceReady, forgetful)
    assert.deepStrictEqual(told(first, "memory.lost"), [])
  })
})

describe("a recovery", () => {
  it("waits for a provider that does not answer, and after 120 s fails with the sandbox still its own", () => {
    const waiting = play(working(), sandboxTold("sandbox.stopped"), sandboxFailed())
    assert.strictEqual(at(waiting), "recovering.waiting")
    const again = play(waiting, retries)
    assert.strictEqual(at(again), "recovering.reviving")
    const failed = play(again, sandboxFailed(), passes("provisionDeadline"))
    assert.strictEqual(at(failed), "failed")
    assert.strictEqual(failed.context.sandboxId, "sbx_1")
    assert.strictEqual(failed.context.reason, "timeout: the sandbox could not be recovered (unreachable: no answer)")
    assert.notInclude(
      failed.commands.map(({ name }) => name),
      "destroySandbox"
    )
    for (const onward of [resume, prompt("p2")]) assert.strictEqual(at(play(failed, onward)), "recovering.reviving")
  })

  it("whose sandbox is gone for sure restores, and tells what was lost", () => {
    const session = play(paused(), resume, ...boots("sbx_2"), agentExited, sandboxFailed(true))
    assert.strictEqual(at(session), "restoring.booting")
    assert.strictEqual(session.context.reason, "unreachable: no answer")
    assert.strictEqual(told(session, "state.lost").length, 1)
  })

  it("keeps the disk when the workspace or the agent does not come up", () => {
    for (const legs of [
      [sandboxReady(), workspaceFailed()],
      [sandboxReady(), workspaceReady, agentFailed()],
      [sandboxReady(), workspaceReady, agentExited]
    ]) {
      const session = play(running(), agentExited, ...legs)
      assert.strictEqual(at(session), "recovering.waiting")
      assert.strictEqual(at(play(session, retries, ...revives)), idle)
    }
    const failed = play(running(), agentExited, sandboxReady(), workspaceReady, agentFailed(true))
    assert.strictEqual(at(failed), "failed")
    assert.strictEqual(failed.context.reason, "unreachable: no answer")
    assert.strictEqual(failed.context.sandboxId, "sbx_1")
  })

  it("does not take the answer to an earlier try for its own", () => {
    const session = play(running(), agentExited, sandboxFailed(), retries)
    const late: Move = { type: "sandbox.ready", boot: session.context.boot - 1, sandboxId: "sbx_1", stateLost: false }
    assert.deepStrictEqual(play(session, late).last.taken, [])
  })

  it("is not repeated more than 3 times without a finished turn between: then the session pauses, prompts and all", () => {
    const dying = [agentExited, ...revives]
    const session = play(running(), ...times(recoveriesMax, ...dying), prompt("p1"), prompt("p2"), agentExited)
    assert.strictEqual(at(session), "pausing.capturing")
    assert.strictEqual(session.context.reason, "recovered too often")
    const resting = play(session, captured("snp_1"))
    assert.strictEqual(at(resting), "paused")
    assert.deepStrictEqual(queueOf(resting), ["p2"])

    const healthy = play(working(), ...times(9, agentExited, ...revives, prompt("p2"), finished("p2")))
    assert.strictEqual(at(healthy), idle)
  })

  it("that may not be repeated, of what cannot be captured either, leaves the sandbox to a person", () => {
    const session = play(running(), ...times(recoveriesMax + 1, agentExited, ...revives).slice(0, -3), captureFailed)
    assert.strictEqual(at(session), "failed")
    assert.strictEqual(session.context.sandboxId, "sbx_1")
  })
})
