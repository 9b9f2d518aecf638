/**
 * The ledger of one session's client against what the server has stored and what the world outside saw: what was lost, what was
 * doubled, what is stuck. Pure; each finding is a sentence.
 */
import { isDeepStrictEqual } from "node:util"
import type { Ledger } from "./client.ts"
import type { Shown } from "./stream.ts"

export interface Row {
  readonly rev: number
  readonly messageId: string
  /** Of the event that was journaled, where it is a prompt. */
  readonly promptId: string | null
}

export interface Evidence {
  readonly name: string
  readonly ledger: Ledger
  readonly shown: ReadonlyArray<Shown>
  readonly holes: ReadonlyArray<string>
  readonly repeats: ReadonlyArray<string>
  /** The feed as it is stored, from its first event. */
  readonly stored: ReadonlyArray<Shown>
  readonly journal: ReadonlyArray<Row>
  /** Revision of the actor. */
  readonly rev: number
  /** Ids of prompts that the agent wrote down in its sandbox, in order. */
  readonly effects: ReadonlyArray<string>
  /** How often the model was asked, by the id of the prompt. */
  readonly asked: ReadonlyMap<string, number>
  /** Why it did not come to rest; null: it did. */
  readonly restless: string | null
}

export interface Verdict {
  readonly lost: ReadonlyArray<string>
  readonly doubled: ReadonlyArray<string>
  readonly stuck: ReadonlyArray<string>
}

/** How often each stands there. */
const counted = (values: Iterable<string>): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return counts
}
const repeated = (values: Iterable<string>): ReadonlyArray<readonly [string, number]> =>
  [...counted(values)].filter(([, times]) => times > 1)

const isSame = (left: Shown, right: Shown): boolean => left.kind === right.kind && isDeepStrictEqual(left.body, right.body)

const journalOf = ({ journal, rev, ledger }: Evidence) => {
  const prompts = journal.flatMap(({ promptId }) => (promptId === null ? [] : [promptId]))
  const known = new Set(prompts)
  return {
    lost: [
      ...[...ledger.acked].filter((id) => !known.has(id)).map((id) => `prompt ${id} was acknowledged and is not in the journal`),
      ...(journal.some((row, index) => row.rev !== index + 1) ? ["the journal has a gap in its revisions"] : []),
      ...(journal.length === rev ? [] : [`the actor is at revision ${rev} and its journal at ${journal.length}`])
    ],
    doubled: [
      ...repeated(prompts).map(([id, times]) => `prompt ${id} was journaled ${times} times`),
      ...repeated(journal.map(({ messageId }) => messageId)).map(([id, times]) => `message ${id} was journaled ${times} times`),
      ...[...ledger.refused].filter((id) => known.has(id)).map((id) => `prompt ${id} was refused and is in the journal`)
    ]
  }
}

const feedOf = ({ shown, stored, holes, repeats }: Evidence) => {
  const bySeq = new Map(stored.map((event) => [event.seq, event]))
  // What was joined for a client that was behind has no row of its own.
  const differing = shown.filter((event) => event.from === event.seq && !isSame(event, bySeq.get(event.seq) ?? event))
  return {
    lost: [
      ...holes,
      ...(stored.some(({ seq }, index) => seq !== index + 1) ? ["the stored feed has a gap"] : []),
      ...((stored.at(-1)?.seq ?? 0) > (shown.at(-1)?.seq ?? 0) ? ["the end of the feed was not shown"] : []),
      ...differing.map(({ seq }) => `event ${seq} is stored otherwise than it was shown`)
    ],
    doubled: [...repeats]
  }
}

const turnOf = ({ body }: Shown) => body["turnId"]

const turnsOf = ({ journal, stored, effects, asked, ledger }: Evidence) => {
  const taken = new Set(journal.flatMap(({ promptId }) => (promptId === null ? [] : [promptId])))
  const ends = stored
    .filter(({ kind }) => kind === "turn.ended")
    .map(({ body }) => body as { turnId: string; stopReason: string })
  const reasons = new Map(ends.map(({ turnId, stopReason }) => [turnId, stopReason]))
  const written = new Set(effects)
  // Of one whose command failed, for want of space perhaps, nobody promised that it wrote anything: its agent went on to its end.
  const failed = new Set(stored.filter(({ kind, body }) => kind === "tool" && body["status"] === "failed").map(turnOf))
  const whole = [...reasons].filter(([, reason]) => reason === "end_turn").map(([id]) => id)
  return {
    lost: ledger.stateLost
      ? []
      : whole
          .filter((id) => !written.has(id) && !failed.has(id))
          .map((id) => `the turn of ${id} ended well, and what it wrote is gone`),
    doubled: [
      ...repeated(ends.map(({ turnId }) => turnId)).map(([id, times]) => `the turn of ${id} ended ${times} times`),
      ...repeated(effects).map(([id, times]) => `the turn of ${id} was run ${times} times: what it wrote stands there as often`),
      ...[...asked].filter(([, times]) => times > 1).map(([id, times]) => `the model was asked ${times} times for ${id}`)
    ],
    stuck: [...taken].filter((id) => !reasons.has(id)).map((id) => `prompt ${id} is in the journal, and its turn never ended`)
  }
}

export const judge = (evidence: Evidence): Verdict => {
  const [journal, feed, turns] = [journalOf(evidence), feedOf(evidence), turnsOf(evidence)]
  const named = (findings: ReadonlyArray<string>) => findings.map((finding) => `${evidence.name}: ${finding}`)
  return {
    lost: named([...journal.lost, ...feed.lost, ...turns.lost]),
    doubled: named([...journal.doubled, ...feed.doubled, ...turns.doubled]),
    stuck: named([...turns.stuck, ...(evidence.restless === null ? [] : [evidence.restless])])
  }
}
