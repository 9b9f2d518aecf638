/** That chaos comes again as it came, and that each fault it looks for would be found. */
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { type Evidence, judge } from "./judge.ts"
import { kinds, saidOf, troublesOf } from "./troubles.ts"

describe("the troubles of a seed", () => {
  it("are the same each time, others for another seed, and all kinds of them within a minute", () => {
    const troubles = troublesOf(7, 60, kinds)
    assert.deepEqual(troublesOf(7, 60, kinds), troubles)
    assert.notDeepEqual(troublesOf(8, 60, kinds), troubles)
    assert.sameMembers([...new Set(troubles.map(({ kind }) => kind))], [...kinds])
    assert.isAbove(troubles.length, 30)
    for (const [index, { atMs }] of troubles.entries()) assert.isAbove(atMs, index === 0 ? 0 : troubles[index - 1]!.atMs)
    assert.isTrue(troubles.every((trouble) => saidOf(trouble).startsWith(trouble.kind)))
  })

  it("leave out what a machine cannot be made to suffer", () => {
    const able = kinds.filter((kind) => !kind.startsWith("redis."))
    assert.sameMembers([...new Set(troublesOf(7, 60, able).map(({ kind }) => kind))], able)
  })
})

const event = (seq: number, kind: string, body: Record<string, unknown>) => ({ from: seq, seq, kind, body })

/** One prompt, whole. */
const sound = (): { -readonly [Key in keyof Evidence]: Evidence[Key] } => {
  const stored = [
    event(1, "prompt", { promptId: "p-1" }),
    event(2, "turn.opened", { turnId: "p-1" }),
    event(3, "turn.ended", { turnId: "p-1", stopReason: "end_turn" })
  ]
  return {
    name: "p",
    ledger: {
      acked: new Set(["p-1"]),
      refused: new Set(["p-0"]),
      unanswered: new Set(),
      ended: new Map([["p-1", ["end_turn"]]]),
      stateLost: false
    },
    shown: stored,
    holes: [],
    repeats: [],
    stored,
    journal: [
      { rev: 1, messageId: "create", promptId: null },
      { rev: 2, messageId: "prompt:p-1", promptId: "p-1" }
    ],
    rev: 2,
    effects: ["p-1"],
    asked: new Map([["p-1", 1]]),
    restless: null
  }
}
const found = (change: (evidence: ReturnType<typeof sound>) => void) => {
  const evidence = sound()
  change(evidence)
  return judge(evidence)
}
const only = (kind: "lost" | "doubled" | "stuck", says: RegExp, change: (evidence: ReturnType<typeof sound>) => void) => {
  const verdict = found(change)
  assert.match(verdict[kind].join("\n"), says)
  for (const other of ["lost", "doubled", "stuck"] as const) if (other !== kind) assert.deepEqual(verdict[other], [], other)
}

describe("the judge", () => {
  it("finds nothing where nothing is wrong", () => {
    assert.deepEqual(
      found(() => {}),
      { lost: [], doubled: [], stuck: [] }
    )
  })

  it("forgives what nobody promised", () => {
    const pardoned = found((evidence) => {
      evidence.ledger.unanswered.add("p-2")
      evidence.ledger.stateLost = true
      evidence.effects = []
      evidence.asked = new Map()
      // Joined for a client that was behind.
      evidence.shown = [{ from: 1, seq: 3, kind: "turn.ended", body: {} }]
    })
    assert.deepEqual(pardoned, { lost: [], doubled: [], stuck: [] })
  })

  it("believes an agent whose command failed that it wrote nothing", () => {
    const full = found((evidence) => {
      evidence.effects = []
      evidence.stored = evidence.stored.with(
        0,
        event(1, "tool", { turnId: "p-1", status: "failed", output: "No space left on device" })
      )
      evidence.shown = evidence.stored
    })
    assert.deepEqual(full, { lost: [], doubled: [], stuck: [] })
  })

  it("finds what was lost", () => {
    only("lost", /p-2 was acknowledged and is not in the journal/, ({ ledger }) => ledger.acked.add("p-2"))
    only("lost", /gap in its revisions/, (evidence) => {
      evidence.journal = evidence.journal.map((row) => ({ ...row, rev: row.rev + 1 }))
    })
    only("lost", /at revision 3 and its journal at 2/, (evidence) => {
      evidence.rev = 3
    })
    only("lost", /events 2 to 3/, (evidence) => {
      evidence.holes = ["events 2 to 3 were left out"]
    })
    only("lost", /the end of the feed was not shown/, (evidence) => {
      evidence.shown = evidence.shown.slice(0, 2)
    })
    only("lost", /the stored feed has a gap/, (evidence) => {
      evidence.stored = evidence.stored.toSpliced(1, 1)
    })
    only("lost", /event 2 is stored otherwise/, (evidence) => {
      evidence.shown = evidence.shown.with(1, event(2, "turn.opened", { turnId: "p-9" }))
    })
    only("lost", /what it wrote is gone/, (evidence) => {
      evidence.effects = []
    })
  })

  it("finds what was doubled", () => {
    only("doubled", /prompt p-1 was journaled 2 times/, (evidence) => {
      evidence.journal = [...evidence.journal, { rev: 3, messageId: "prompt:again", promptId: "p-1" }]
      evidence.rev = 3
    })
    only("doubled", /message create was journaled 2 times/, (evidence) => {
      evidence.journal = [...evidence.journal, { rev: 3, messageId: "create", promptId: null }]
      evidence.rev = 3
    })
    only("doubled", /p-1 was refused and is in the journal/, ({ ledger }) => ledger.refused.add("p-1"))
    only("doubled", /shown again/, (evidence) => {
      evidence.repeats = ["event 2 was shown again"]
    })
    only("doubled", /the turn of p-1 ended 2 times/, (evidence) => {
      evidence.stored = [...evidence.stored, event(4, "turn.ended", { turnId: "p-1", stopReason: "end_turn" })]
      evidence.shown = evidence.stored
    })
    only("doubled", /run 2 times/, (evidence) => {
      evidence.effects = ["p-1", "p-1"]
    })
    only("doubled", /the model was asked 2 times for p-1/, (evidence) => {
      evidence.asked = new Map([["p-1", 2]])
    })
  })

  it("finds what is stuck", () => {
    only("stuck", /its turn never ended/, (evidence) => {
      evidence.stored = evidence.stored.slice(0, 2)
      evidence.shown = evidence.stored
    })
    only("stuck", /did not come to rest/, (evidence) => {
      evidence.restless = "it did not come to rest"
    })
  })
})

describe("a clock that is off", () => {
  it("is off in every way that a program reads the wall, and in no other", () => {
    const directory = mkdtempSync(join(tmpdir(), "proliferate-clock-"))
    const file = join(directory, "clock")
    writeFileSync(file, "-3600000")
    const script = `
      const off = [Date.now(), new Date().getTime(), Date.parse(Date()), performance.timeOrigin + performance.now()]
      console.log(JSON.stringify({ off, right: new Date(5).getTime(), isDate: new Date() instanceof Date, utc: Date.UTC(2000, 0) }))`
    try {
      const said = execFileSync(
        process.execPath,
        [`--import=${join(import.meta.dirname, "skewed-clock.ts")}`, "--input-type=module", "--eval", script],
        { env: { ...process.env, CHAOS_CLOCK: file }, encoding: "utf8" }
      )
      const { off, ...rest } = JSON.parse(said)
      const hourAgo = Date.now() - 3_600_000
      for (const atMs of off) assert.approximately(atMs, hourAgo, 10_000)
      assert.deepEqual(rest, { right: 5, isDate: true, utc: Date.UTC(2000, 0) })
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })
})
