/**
 * State × event, generated from every configuration that can be reached: handled, refused, or ignored because … An empty cell, an
 * event that nobody thought of in a state, fails. `GENERATE=1 npm test -- test/machines/table` writes the golden file anew.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, beforeAll, describe, it } from "vitest"
import type { AnyStateNode } from "xstate"
import { SessionFact, SessionRequest } from "../../machines/session/events.ts"
import { sessionMachine } from "../../machines/session.ts"
import type { Played } from "../support/played.ts"
import { begin, leavesOf } from "../support/session.ts"
import { explore } from "../support/session-space.ts"

const golden = join(import.meta.dirname, "session.table.md")
const walkWithinMs = 120_000

const requests = SessionRequest.members.map(({ fields }) => fields.type.schema.literal)
const facts = SessionFact.members.map(({ fields }) => fields.type.schema.literal)

/** Why a fact is of no use in a state. The first that fits is the reason. */
const reasons: ReadonlyArray<{ readonly facts: RegExp; readonly states: RegExp; readonly because: string }> = [
  {
    facts: /^(sandbox|link)\./,
    states: /^(pending|paused|stopped)$|\.booting$|^(provisioning|restoring)\.waiting$/,
    because: "no sandbox is its own"
  },
  { facts: /^sandbox\.(failed|expiring)$/, states: /^stopping$/, because: "it is being stopped, whatever comes" },
  { facts: /^(sandbox\.failed|workspace\.|agent\.(ready|failed))/, states: /./, because: "no boot waits for this leg" },
  { facts: /^sandbox\.destroyed$/, states: /./, because: "it was let go: nobody waits for that" },
  { facts: /^sandbox\.expiring$/, states: /^(pausing|migrating)/, because: "it is being left already" },
  {
    facts: /^sandbox\.expiring$/,
    states: /^(provisioning|restoring|recovering|failed)/,
    because: "nothing runs in it yet; should it expire, it is replaced"
  },
  {
    facts: /^sandbox\.(stopped|gone)$/,
    states: /^(provisioning|restoring|recovering)/,
    because: "the leg that needs it fails, or the boot's deadline passes"
  },
  {
    facts: /^sandbox\.(stopped|gone)$/,
    states: /^(pausing|migrating)/,
    because: "the turn or the capture fails, or its deadline passes"
  },
  { facts: /^sandbox\.(stopped|gone)$/, states: /^failed$/, because: "nothing needs it; resuming finds out" },
  { facts: /^sandbox\.(stopped|gone)$/, states: /^stopping$/, because: "it is being destroyed" },
  { facts: /^agent\.exited$/, states: /\.capturing$/, because: "a capture ends the agent" },
  { facts: /^agent\.exited$/, states: /\.(settling|finishing)$/, because: "the end of its turn is a fact of its own" },
  { facts: /^agent\.exited$/, states: /./, because: "no agent of this boot runs" },
  {
    facts: /^question\.asked$/,
    states: /\.(interrupting|settling|finishing)$/,
    because: "nobody can answer any more: its turn is or will be cancelled"
  },
  { facts: /^question\.closed$/, states: /\.(working|interrupting|settling|finishing)$/, because: "no question is open" },
  { facts: /^(turn|question)\./, states: /./, because: "no turn is open" },
  { facts: /^snapshot\.failed$/, states: /./, because: "nothing is being captured" },
  { facts: /^record\.rejected$/, states: /./, because: "claims are made in booting alone" }
]
const letterOf = (index: number) => String.fromCharCode("a".charCodeAt(0) + index)

// The link has a region of its own, and names no event: what it hears is in the cells of the agent beside it.
const statesOf = ({ snapshot }: Played) => leavesOf(snapshot).filter((leaf) => !leaf.startsWith("running.link"))

const nodes = (node: AnyStateNode): Array<AnyStateNode> => [node, ...Object.values(node.states).flatMap(nodes)]

let states: ReadonlyArray<string>
/** Where an event leads from a state, by `state event`; nothing: it is never taken there. */
const leads = new Map<string, Set<string>>()

beforeAll(() => {
  const { configurations, arrows } = explore(20_000)
  const reached = new Set([...configurations.values()].flatMap(statesOf))
  states = nodes(sessionMachine.root)
    .map(({ path }) => path.join("."))
    .filter((state) => reached.has(state))
  for (const { from, event, to } of arrows) {
    const cell = `${statesOf(configurations.get(from)!)[0]} ${event.type}`
    leads.set(cell, new Set([...(leads.get(cell) ?? []), ...statesOf(configurations.get(to)!)]))
  }
}, walkWithinMs)

const cellOf = (state: string, event: string): string => {
  const to = leads.get(`${state} ${event}`)
  if (to !== undefined) return to.size === 1 && to.has(state) ? "=" : "→"
  if ((requests as ReadonlyArray<string>).includes(event)) return "×"
  const reason = reasons.findIndex((candidate) => candidate.facts.test(event) && candidate.states.test(state))
  return reason < 0 ? "" : letterOf(reason)
}

const lifetime = (ms: number) =>
  ms % 86_400_000 === 0 ? `${ms / 86_400_000} d` : ms % 60_000 === 0 ? `${ms / 60_000} min` : `${ms / 1_000} s`
const deadlines = () =>
  nodes(sessionMachine.root).flatMap((node) =>
    node.after.map(({ delay, target }) => {
      const limit = sessionMachine.implementations.delays[delay as keyof typeof sessionMachine.implementations.delays] as any
      const lasts = (attended: boolean) =>
        lifetime(typeof limit === "function" ? limit({ context: { ...begin().context, attended } }) : limit)
      const after = lasts(true) === lasts(false) ? lasts(true) : `${lasts(true)} attended, ${lasts(false)} not`
      return `| ${node.path.join(".")} | ${delay} | ${after} | ${target?.map(({ path }) => path.join(".")).join(" ") ?? "stays"} |`
    })
  )

const row = (event: string) => `| ${event.padEnd(17)} | ${states.map((state) => cellOf(state, event).padEnd(2)).join(" | ")} |`

const table = () => `# State × event of a session

Generated by test/machines/table.test.ts from every configuration that can be reached; not to be edited.

\`→\` taken, and may lead to another state · \`=\` taken, the state stays · \`×\` refused before any acknowledgement · a letter: a fact
that is journaled and changes nothing, because …

${reasons.map(({ because }, index) => `- \`${letterOf(index)}\` ${because}`).join("\n")}

A fact that is taken is taken under its ids alone: of another boot, turn, question or capture it changes nothing (S4).

States: ${states.map((state, index) => `${index + 1} ${state}`).join(" · ")}

| event             | ${states.map((_, index) => String(index + 1).padEnd(2)).join(" | ")} |
| ----------------- | ${states.map(() => "--").join(" | ")} |
${[...requests, ...facts].map(row).join("\n")}

## Where they lead

${states
  .map((state) => {
    const away = [...requests, ...facts].flatMap((event) => {
      const to = [...(leads.get(`${state} ${event}`) ?? [])].filter((target) => target !== state).sort()
      return to.length === 0 ? [] : [`  - ${event} → ${to.join(", ")}`]
    })
    return `- **${state}**${away.length === 0 ? ": nowhere" : `\n${away.join("\n")}`}`
  })
  .join("\n")}

## Deadlines

| state | deadline | after | then |
| --- | --- | --- | --- |
${deadlines().join("\n")}
`

describe("the table of state × event", () => {
  it("has no empty cell", () => {
    const empty = states.flatMap((state) =>
      [...requests, ...facts].filter((event) => cellOf(state, event) === "").map((event) => `${state} × ${event}`)
    )
    assert.deepStrictEqual(empty, [], "say in the table of reasons why these facts may be ignored, or let the machine take them")
  })

  it("has no reason that nothing needs", () => {
    const used = new Set(states.flatMap((state) => facts.map((fact) => cellOf(state, fact))))
    const idle = reasons.filter((_, index) => !used.has(letterOf(index)))
    assert.deepStrictEqual(
      idle.map(({ because }) => because),
      []
    )
  })

  it("is the one that is checked in", () => {
    if (process.env["GENERATE"]) writeFileSync(golden, table())
    assert.strictEqual(
      readFileSync(golden, "utf8"),
      table(),
      "the machine changed: GENERATE=1 npm test -- test/machines/table, and look at the difference"
    )
  })
})
