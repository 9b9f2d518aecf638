/** What is lent from another grant, and for a request; parts of the suite in action-records.ts. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { Grants, type NewGrant } from "../../actors/ports/grants.ts"
import { RecordsWorld } from "../support/records-world.ts"

export const grant = (
  org: string,
  id: string,
  more: Partial<NewGrant["draft"]> = {},
  parentId: string | null = null
): NewGrant => ({
  ...{ org, id, createdBy: "usr_1", requestId: null, parentId },
  draft: {
    ...{ scope: { type: "session", id: "ses_1" }, integration: "github", action: "comment" },
    ...{ constraints: [{ path: "repo", op: "equals", value: "api" }], usesMax: 2, lastsMs: 60_000 },
    ...more
  }
})

/** Of an organisation that is fresh. */
export const narrowed = (org: string) =>
  Effect.gen(function* () {
    const grants = yield* Grants
    const { passTime } = yield* RecordsWorld
    const parent = (yield* grants.lend(grant(org, "grt_1", { lastsMs: 60_000 })))!
    yield* passTime(10)
    const child = (id: string, lastsMs: number, of = "grt_1") => grants.lend(grant(org, id, { lastsMs }, of))
    assert.strictEqual((yield* child("grt_2", 600_000))?.expiresAtMs, parent.expiresAtMs)
    assert.strictEqual((yield* child("grt_3", 1_000))?.expiresAtMs, parent.createdAtMs + 10 + 1_000)
    assert.isNull(yield* child("grt_4", 1_000, "grt_none"))
    yield* grants.revoke(org, "grt_1", "usr_1")
    assert.isNull(yield* child("grt_5", 1_000))
    yield* grants.lend(grant(org, "grt_6", { lastsMs: 100 }))
    yield* passTime(101)
    assert.isNull(yield* child("grt_7", 1_000, "grt_6"))
    for (const id of ["grt_4", "grt_5", "grt_7"]) assert.isNull(yield* grants.find(org, id))
  })

/** Of an organisation that is fresh. */
export const answered = (org: string) =>
  Effect.gen(function* () {
    const grants = yield* Grants
    const { passTime } = yield* RecordsWorld
    const { draft } = grant(org, "x")
    const asked = (n: number) => grants.ask({ id: `grq_${n}`, org, sessionId: `ses_${n}`, reason: "often", draft }, 5, 1_000)
    const lend = (id: string, requestId: string, parentId: string | null = null) =>
      grants.lend({ ...grant(org, id), requestId, parentId })
    const statusOf = (n: number) => Effect.map(grants.request(org, `grq_${n}`), (request) => [request?.status, request?.by])
    for (const n of [1, 2]) yield* asked(n)
    assert.strictEqual((yield* lend("grt_1", "grq_1"))?.requestId, "grq_1")
    assert.deepStrictEqual(yield* statusOf(1), ["granted", "usr_1"])
    assert.isNull(yield* lend("grt_2", "grq_1"))
    assert.strictEqual(yield* Effect.map(Effect.flip(lend("grt_1", "grq_2")), ({ reason }) => reason), "conflict")
    assert.isNull(yield* lend("grt_2", "grq_2", "grt_none"))
    assert.deepStrictEqual(yield* statusOf(2), ["open", null])
    assert.isNull(yield* lend("grt_2", "grq_none"))
    yield* passTime(1_001)
    assert.isNull(yield* lend("grt_2", "grq_2"))
    assert.isNull(yield* grants.find(org, "grt_2"))
  })
