/**
 * What every provider of sandboxes promises (actors/ports/sandboxes.ts). The stories are data, so that a process that is not the
 * test runner can play them too. Each opens servers of its own on one disk, one after the other, as crashes and restarts do.
 */
import assert from "node:assert/strict"
import { Effect } from "effect"
import type { SandboxError, Sandboxes } from "../../actors/ports/sandboxes.ts"
import { healthOf, shell, shellOk } from "../support/daemon-exec.ts"
import type { SandboxStory } from "../support/sandbox-world.ts"

type Provider = Sandboxes["Service"]

const story = (title: string, play: SandboxStory["play"]): SandboxStory => ({ title, play })
const request = (key: string, snapshotId: string | null = null) => ({ key, org: "org_a", sessionId: `ses_${key}`, snapshotId })

const reasonOf = <A, R>(effect: Effect.Effect<A, SandboxError, R>) => Effect.map(Effect.flip(effect), ({ reason }) => reason)

/** Ends with the sandbox gone, whatever happened in it. */
const using = <A, E>(
  sandboxes: Provider,
  key: string,
  snapshotId: string | null,
  use: (sandboxId: string) => Effect.Effect<A, E>
) =>
  Effect.acquireUseRelease(
    sandboxes.provision(request(key, snapshotId)),
    ({ sandboxId }) => use(sandboxId),
    ({ sandboxId }) => Effect.orDie(sandboxes.destroy(sandboxId))
  )

export const sandboxStories: ReadonlyArray<SandboxStory> = [
  story("provisions once per key, however often and at once it is asked", ({ serving }) =>
    serving((sandboxes) =>
      Effect.gen(function* () {
        const asked = yield* Effect.all(
          Array.from({ length: 4 }, () => sandboxes.provision(request("once"))),
          { concurrency: 4 }
        )
        assert.equal(new Set(asked.map(({ sandboxId }) => sandboxId)).size, 1)
        const listed = (yield* sandboxes.list).filter(({ key }) => key === "once")
        assert.deepEqual(listed, [{ sandboxId: asked[0]!.sandboxId, org: "org_a", sessionId: "ses_once", key: "once" }])
        yield* sandboxes.destroy(asked[0]!.sandboxId)
      })
    )
  ),
  story("answers as running once it is provisioned", ({ serving }) =>
    serving((sandboxes) =>
      using(sandboxes, "runs", null, (id) =>
        Effect.gen(function* () {
          assert.equal(yield* sandboxes.status(id), "running")
          assert.equal(yield* shellOk(sandboxes, id, "echo $PROLIFERATE_SESSION in $PWD"), "ses_runs in /workspace")
        })
      )
    )
  ),
  story("refuses a key that another session has used", ({ serving }) =>
    serving((sandboxes) =>
      using(sandboxes, "taken", null, () =>
        Effect.gen(function* () {
          assert.equal(yield* reasonOf(sandboxes.provision({ ...request("taken"), sessionId: "ses_other" })), "rejected")
        })
      )
    )
  ),
  story("finds the sandbox of a key after a crash, running on as if nothing had happened", ({ serving }) =>
    Effect.gen(function* () {
      const before = yield* serving((sandboxes) =>
        Effect.gen(function* () {
          const { sandboxId } = yield* sandboxes.provision(request("found"))
          return { sandboxId, daemonId: (yield* healthOf(sandboxes, sandboxId)).daemonId }
        })
      )
      yield* serving((sandboxes) =>
        Effect.gen(function* () {
          assert.equal(yield* sandboxes.status(before.sandboxId), "running")
          assert.deepEqual(yield* sandboxes.revive(before.sandboxId), { stateLost: false })
          assert.equal((yield* sandboxes.provision(request("found"))).sandboxId, before.sandboxId)
          assert.equal((yield* healthOf(sandboxes, before.sandboxId)).daemonId, before.daemonId)
          yield* sandboxes.destroy(before.sandboxId)
        })
      )
    })
  ),
  story("restores workspace and home as they were captured, deletions and rights included", ({ serving }) =>
    serving((sandboxes) =>
      Effect.gen(function* () {
        const change = "rm gone; rm -r dir; mkdir dir; echo new > dir/new; chmod 700 script; mv renamed ~/moved"
        const make = `cd /workspace; echo 1 > gone; mkdir -p dir/deep; echo 1 > dir/deep/file; printf '#!/bin/sh\\necho ran' > script;
          echo r > renamed; ln -s script link; ln script twin; echo secret > ~/.config; chmod 600 ~/.config; mkdir -m 000 closed`
        const look = "cd /workspace; ls -A . dir; cat dir/new ~/moved; ./link; stat -c '%a %n' script ~/.config closed"
        const snapshotId = yield* using(sandboxes, "full", null, (id) =>
          Effect.gen(function* () {
            yield* shellOk(sandboxes, id, make)
            return (yield* sandboxes.capture(id, "full-1")).snapshotId
          })
        )
        const changed = yield* using(sandboxes, "full-2", snapshotId, (id) =>
          Effect.gen(function* () {
            yield* shellOk(sandboxes, id, `cd /workspace; ${change}`)
            const seen = yield* shellOk(sandboxes, id, look)
            return { seen, snapshotId: (yield* sandboxes.capture(id, "full-2")).snapshotId }
          })
        )
        yield* using(sandboxes, "full-3", changed.snapshotId, (id) =>
          Effect.gen(function* () {
            const seen = yield* shellOk(sandboxes, id, look)
            assert.equal(seen, changed.seen)
            assert.match(seen, /^\.:\nclosed\ndir\nlink\nscript\ntwin\n\ndir:\nnew\nnew\nr\nran\n700 script\n600 .*\n0 closed$/)
          })
        )
        for (const id of [snapshotId, changed.snapshotId]) yield* sandboxes.discard(id)
      })
    )
  ),
  story("makes one snapshot of one key, and keeps it from what comes later", ({ serving }) =>
    Effect.gen(function* () {
      const first = yield* serving((sandboxes) =>
        Effect.gen(function* () {
          const { sandboxId } = yield* sandboxes.provision(request("capture"))
          yield* shellOk(sandboxes, sandboxId, "echo first > file")
          const { snapshotId } = yield* sandboxes.capture(sandboxId, "c")
          return { sandboxId, snapshotId }
        })
      )
      yield* serving((sandboxes) =>
        Effect.gen(function* () {
          yield* sandboxes.revive(first.sandboxId)
          yield* shellOk(sandboxes, first.sandboxId, "echo second > file")
          assert.equal((yield* sandboxes.capture(first.sandboxId, "c")).snapshotId, first.snapshotId)
          const seen = yield* using(sandboxes, "restored", first.snapshotId, (id) => shellOk(sandboxes, id, "cat file"))
          assert.equal(seen, "first")
          yield* sandboxes.destroy(first.sandboxId)
          yield* sandboxes.discard(first.snapshotId)
        })
      )
    })
  ),
  story("goes on with the same files when it is revived after a capture, again and again", ({ serving }) =>
    serving((sandboxes) =>
      using(sandboxes, "again", null, (id) =>
        Effect.gen(function* () {
          for (const round of [1, 2, 3]) {
            yield* shellOk(
              sandboxes,
              id,
              `echo ${round} >> file; echo ${round} >> ~/file; touch only-${round}; rm -f only-${round - 1}`
            )
            const { snapshotId, stopped } = yield* sandboxes.capture(id, `again-${round}`)
            if (stopped) assert.equal(yield* sandboxes.status(id), "stopped")
            assert.deepEqual(yield* sandboxes.revive(id), { stateLost: stopped })
            yield* sandboxes.discard(snapshotId)
          }
          assert.equal(yield* shellOk(sandboxes, id, "cat file ~/file; ls"), "1\n2\n3\n1\n2\n3\nfile\nonly-3")
        })
      )
    )
  ),
  story("keeps the layers that another snapshot stands on when one is discarded", ({ serving }) =>
    serving((sandboxes) =>
      Effect.gen(function* () {
        const lower = yield* using(sandboxes, "lower", null, (id) =>
          Effect.andThen(shellOk(sandboxes, id, "echo lower > lower"), sandboxes.capture(id, "lower"))
        )
        const upper = yield* using(sandboxes, "upper", lower.snapshotId, (id) =>
          Effect.andThen(shellOk(sandboxes, id, "echo upper > upper"), sandboxes.capture(id, "upper"))
        )
        yield* sandboxes.discard(lower.snapshotId)
        yield* sandboxes.discard(lower.snapshotId)
        assert.equal(yield* reasonOf(sandboxes.provision(request("late", lower.snapshotId))), "rejected")
        assert.equal(
          yield* using(sandboxes, "late", upper.snapshotId, (id) => shellOk(sandboxes, id, "cat lower upper")),
          "lower\nupper"
        )
        yield* sandboxes.discard(upper.snapshotId)
      })
    )
  ),
  story("restores one snapshot into two sandboxes that know nothing of each other", ({ serving }) =>
    serving((sandboxes) =>
      Effect.gen(function* () {
        const { snapshotId } = yield* using(sandboxes, "source", null, (id) =>
          Effect.andThen(shellOk(sandboxes, id, "echo common > file"), sandboxes.capture(id, "source"))
        )
        yield* using(sandboxes, "left", snapshotId, (left) =>
          using(sandboxes, "right", snapshotId, (right) =>
            Effect.gen(function* () {
              yield* shellOk(sandboxes, left, "echo left >> file")
              yield* shellOk(sandboxes, right, "echo right >> file")
              assert.equal(yield* shellOk(sandboxes, left, "cat file"), "common\nleft")
              assert.equal(yield* shellOk(sandboxes, right, "cat file"), "common\nright")
            })
          )
        )
        yield* sandboxes.discard(snapshotId)
      })
    )
  ),
  story("rejects a snapshot that it does not know, and leaves nothing of the attempt", ({ serving }) =>
    serving((sandboxes) =>
      Effect.gen(function* () {
        for (const unknown of ["snp_aaaaaaaaaaaaaaaaaaaaaaaaaa", "../../etc", ""]) {
          assert.equal(yield* reasonOf(sandboxes.provision(request("unknown", unknown))), "rejected")
        }
        assert.deepEqual(
          (yield* sandboxes.list).filter(({ key }) => key === "unknown"),
          []
        )
      })
    )
  ),
  story("stops when its daemon dies, says so, and is revived with its files", ({ serving }) =>
    serving((sandboxes) =>
      using(sandboxes, "dies", null, (id) =>
        Effect.gen(function* () {
          yield* shellOk(sandboxes, id, "echo kept > file; (setsid nohup sleep 600 >/dev/null 2>&1 &)")
          yield* Effect.ignore(shell(sandboxes, id, "kill -9 $PPID"))
          yield* sandboxes.status(id).pipe(
            Effect.catch(() => Effect.succeed("running")),
            Effect.repeat({ until: (status) => status === "stopped" }),
            Effect.timeout("10 seconds")
          )
          assert.equal(yield* reasonOf(sandboxes.endpoint(id)), "not-found")
          assert.deepEqual(yield* sandboxes.revive(id), { stateLost: true })
          assert.equal(yield* shellOk(sandboxes, id, "cat file; pgrep -c sleep || true"), "kept\n0")
        })
      )
    )
  ),
  story("is gone after it is destroyed, and destroying what is gone succeeds", ({ serving }) =>
    serving((sandboxes) =>
      Effect.gen(function* () {
        const { sandboxId } = yield* sandboxes.provision(request("gone"))
        for (const id of [sandboxId, sandboxId, "sbx_aaaaaaaaaaaaaaaaaaaaaaaaaa", "../../etc"]) yield* sandboxes.destroy(id)
        assert.equal(yield* sandboxes.status(sandboxId), "gone")
        assert.equal(yield* reasonOf(sandboxes.endpoint(sandboxId)), "not-found")
        assert.equal(yield* reasonOf(sandboxes.revive(sandboxId)), "not-found")
        assert.equal(yield* reasonOf(sandboxes.capture(sandboxId, "gone")), "not-found")
        assert.deepEqual(
          (yield* sandboxes.list).filter(({ key }) => key === "gone"),
          []
        )
      })
    )
  )
]
