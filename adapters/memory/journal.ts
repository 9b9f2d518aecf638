/**
 * The journal in memory, for the simulator and for tests: the promises of runtime/journal.ts, with Effect's Clock as its clock.
 *
 * What is stored lives in a `JournalState` that outlives the journal: another journal on the same state is a restart. All that
 * a machine hands over is kept as JSON text, so that nothing survives here which PostgreSQL would lose, and text that `jsonb`
 * refuses is refused. `disturb` is asked before each call what the weather does to it.
 */
import assert from "node:assert"
import { Clock, Effect, Layer } from "effect"
import { type Address, nameOf } from "../../runtime/address.ts"
import {
  type Completion,
  Journal,
  JournalError,
  type JournalRow,
  revOf,
  type Step,
  stepsOf,
  type Transition,
  type Verdict,
  type Versions
} from "../../runtime/journal.ts"
import { noticedOf } from "../../runtime/notices.ts"
import type { Disturbance } from "./disturbance.ts"
import { type ActorRow, type CommandRow, emptyJournal, type JournalState } from "./journal-state.ts"
import { applyRecords, isRefusedByJsonb, lastWords, refusal } from "./records.ts"

/** Asked before each call what befalls it; null: nothing. `batch` is empty but for `commit`. */
export type Disturb = (operation: keyof Journal["Service"], batch: ReadonlyArray<Transition>) => Effect.Effect<Disturbance | null>

const disturbed = (operation: string, disturbance: Disturbance) =>
  new JournalError({
    reason: disturbance === "questionLost" || disturbance === "answerLost" ? "unknown" : disturbance,
    message: `${operation} was disturbed: ${disturbance}`
  })

const calm: Disturb = () => Effect.succeed(null)

const json = (value: unknown): string => JSON.stringify(value ?? null)

const requireStorable = (value: unknown): void => {
  let text: string
  try {
    text = json(value)
  } catch (cause) {
    throw new JournalError({ reason: "refused", message: (cause as TypeError).message })
  }
  if (isRefusedByJsonb(text))
    throw new JournalError({ reason: "refused", message: "holds a NUL character or half a surrogate pair" })
}

/** The first of each, then the second of each: `rows` are in their order. */
export const inTurns = <A>(
  rows: ReadonlyArray<A>,
  orgOf: (row: A) => string,
  shareOf: (org: string) => number = () => Number.POSITIVE_INFINITY
): Array<A> => {
  const seen = new Map<string, number>()
  return rows
    .map((row) => {
      const turn = (seen.get(orgOf(row)) ?? 0) + 1
      seen.set(orgOf(row), turn)
      return { row, turn }
    })
    .filter(({ row, turn }) => turn <= shareOf(orgOf(row)))
    .sort((left, right) => left.turn - right.turn)
    .map(({ row }) => row)
}

const claimName = (org: string, { name, key }: { readonly name: string; readonly key: string }) => `${org}/${name}/${key}`

export const memoryJournal = (state: JournalState = emptyJournal(), disturb: Disturb = calm): Journal["Service"] => {
  const { actors, commands, claims, projections } = state

  const call = <A>(
    operation: keyof Journal["Service"],
    body: (nowMs: number) => A,
    batch: ReadonlyArray<Transition> = []
  ): Effect.Effect<A, JournalError> =>
    Effect.gen(function* () {
      const disturbance = yield* disturb(operation, batch)
      const error = disturbance && disturbed(operation, disturbance)
      if (error && disturbance !== "answerLost") return yield* error
      const nowMs = yield* Clock.currentTimeMillis
      const answer = yield* Effect.try({ try: () => body(nowMs), catch: (cause) => cause }).pipe(
        Effect.catch((cause) => (cause instanceof JournalError ? Effect.fail(cause) : Effect.die(cause)))
      )
      return error ? yield* error : answer
    })

  const actorAt = ({ org, kind, id }: { readonly org: string; readonly kind: string; readonly id: string }) => {
    const actor = actors.get(nameOf({ kind, id }))
    return actor?.address.org === org ? actor : undefined
  }

  const isServed = (address: Address, versions: Versions = {}) => {
    const { quarantine, stored } = actorAt(address)!
    return quarantine === null && stored.machineVersion <= (versions[address.kind] ?? Number.POSITIVE_INFINITY)
  }

  const claimed = ({ key, claim }: Completion): CommandRow | undefined => {
    const row = commands.get(key)
    return row && row.claimedUntilMs > 0 && String(row.attempt) === claim ? row : undefined
  }

  const complete = (completion: Completion | null) => {
    if (completion && claimed(completion)) commands.delete(completion.key)
  }

  const remember = (row: ActorRow, rev: number, step: Step, { machineVersion, claimMs }: Transition, nowMs: number): void => {
    const { address } = row
    const { messageId, event, taken, notices, by, cause, completes } = step
    row.seen.set(messageId, rev)
    const effects = step.commands.map((command) => command.name)
    const entry: JournalRow = { rev, machineVersion, messageId, event, taken, effects, notices, by, cause, atMs: nowMs }
    row.journal.push(json(entry))

    complete(completes)
    for (const [index, command] of step.commands.entries()) {
      const key = `${address.kind}:${address.id}:${rev}:${index}`
      const claim = claimMs === undefined ? { attempt: 0, claimedUntilMs: 0 } : { attempt: 1, claimedUntilMs: nowMs + claimMs }
      const fresh = { dueMs: nowMs, ...claim, dead: false, deadAtMs: 0, error: null }
      commands.set(key, { key, address, name: command.name, params: json(command.params), ...fresh })
    }
    for (const [timerId, timer] of step.timers) {
      if (timer === null) row.timers.delete(timerId)
      else row.timers.set(timerId, { rev, dueMs: nowMs + Math.ceil(timer.delayMs), event: json(timer.event) })
    }
  }

  const apply = (transition: Transition, nowMs: number): Verdict => {
    const { address, base } = transition
    const name = nameOf(address)
    const actor = actorAt(address)
    const steps = stepsOf(transition)

    const first = steps.map(([, { messageId }]) => actor?.seen.get(messageId)).find((seen) => seen !== undefined)
    if (first !== undefined) {
      if (steps.length === 1) complete(transition.completes)
      return { _tag: "Duplicate", rev: first }
    }
    const isFree = base === 0 && !actors.has(name)
    if (!isFree && !(base > 0 && actor?.stored.rev === base && actor.stored.epoch === transition.epoch))
      return { _tag: "Fenced", rev: actor?.stored.rev ?? null, epoch: actor?.stored.epoch ?? null }

    const records = steps.flatMap(([, step]) => step.records)
    const { claim, release, project } = lastWords(steps)
    for (const record of claim) {
      const holder = claims.get(claimName(address.org, record))
      if (holder !== undefined && holder !== name)
        return { _tag: "Rejected", record: { name: record.name, key: record.key, holder } }
    }
    const refused = refusal(state, { address, records }, nowMs)
    if (refused !== null) return { _tag: "Rejected", record: refused }

    const rev = revOf(transition)
    const epoch = transition.epoch + (transition.takesEpoch ? 1 : 0)
    const stored = {
      rev,
      epoch,
      machineVersion: transition.machineVersion,
      status: transition.status,
      snapshot: json(transition.snapshot),
      resident: transition.resident,
      noticed: noticedOf(transition) ?? (actor === undefined ? 0 : actor.stored.noticed),
      updatedAtMs: nowMs
    }
    const row: ActorRow = actor ?? { address, stored, quarantine: null, journal: [], seen: new Map(), timers: new Map() }
    row.stored = stored
    actors.set(name, row)

    for (const [at, step] of steps) remember(row, at, step, transition, nowMs)
    for (const record of claim) claims.set(claimName(address.org, record), name)
    for (const record of release) {
      const key = claimName(address.org, record)
      if (claims.get(key) === name) claims.delete(key)
    }
    applyRecords(state, { address, records }, nowMs)
    if (project) {
      const createdAtMs = projections.get(name)?.createdAtMs ?? nowMs
      projections.set(name, { ...project.row, address, rev: project.rev, createdAtMs, updatedAtMs: nowMs })
    }
    return { _tag: "Won", rev, epoch, atMs: nowMs }
  }

  const commit = (batch: ReadonlyArray<Transition>, nowMs: number): ReadonlyArray<Verdict> => {
    assert(new Set(batch.map(({ address }) => nameOf(address))).size === batch.length, "J4: an actor stands in a batch once")
    for (const transition of batch) {
      for (const [, { timers, ...rest }] of stepsOf(transition)) requireStorable([{ ...rest, earlier: [] }, ...timers])
    }
    return batch.map((transition) => apply(transition, nowMs))
  }

  return {
    commit: (batch) => call("commit", (nowMs) => commit(batch, nowMs), batch),
    load: (address) =>
      call("load", () => {
        const actor = actorAt(address)
        if (!actor) return null
        const quarantine = actor.quarantine === null ? null : JSON.parse(actor.quarantine)
        const timers = new Map([...actor.timers].map(([timerId, { rev }]) => [timerId, rev]))
        return { ...actor.stored, snapshot: JSON.parse(actor.stored.snapshot), timers, quarantine }
      }),
    seen: (address, messageId) =>
      call("seen", () => {
        const actor = actorAt(address)
        return { at: actor?.seen.get(messageId) ?? null, rev: actor?.stored.rev ?? null }
      }),
    history: (address, after, limit) =>
      call("history", () => {
        const rows = actorAt(address)?.journal.slice(after, after + limit) ?? []
        return rows.map((row): JournalRow => JSON.parse(row))
      }),
    find: (org, kind, id) => call("find", () => actorAt({ org, kind, id })?.address ?? null),
    residents: (recentMs) =>
      call("residents", () => {
        const rows = [...actors.values()]
        const newestMs = rows.reduce((newest, { stored }) => Math.max(newest, stored.updatedAtMs), 0)
        // What the feed has is not known here.
        const tells = ({ journal }: ActorRow) => journal.some((row) => (JSON.parse(row) as JournalRow).notices.length > 0)
        return rows
          .filter((row) => row.stored.resident || (row.stored.updatedAtMs > newestMs - recentMs && tells(row)))
          .map(({ address }) => address)
      }),

    claim: (limit, claimMs, versions, { each, of } = { each: limit, of: {} }) =>
      call("claim", (nowMs) => {
        const isDue = (row: CommandRow) => row.dueMs <= nowMs && row.claimedUntilMs <= nowMs && !row.dead
        const due = [...commands.values()].filter((row) => isDue(row) && isServed(row.address, versions))
        const taken = inTurns(
          due.sort((left, right) => left.dueMs - right.dueMs),
          ({ address }) => address.org,
          (org) => of[org] ?? each
        ).slice(0, limit)
        taken.sort((left, right) => left.dueMs - right.dueMs)
        return taken.map((row) => {
          row.attempt += 1
          row.claimedUntilMs = nowMs + claimMs
          const { key, address, name, params, attempt } = row
          return { key, address, name, params: JSON.parse(params), attempt, claim: String(attempt) }
        })
      }),
    reclaim: call("reclaim", () => {
      for (const row of commands.values()) row.claimedUntilMs = 0
    }),
    renew: (claims, claimMs) =>
      call("renew", (nowMs) =>
        claims.map((completion) => {
          const row = claimed(completion)
          if (row) row.claimedUntilMs = nowMs + claimMs
          return row !== undefined
        })
      ),
    complete: (completions) => call("complete", () => completions.forEach(complete)),
    retry: (completion, delayMs, error) =>
      call("retry", (nowMs) => {
        const row = claimed(completion)
        if (row) Object.assign(row, { dueMs: nowMs + Math.ceil(delayMs), claimedUntilMs: 0, error })
      }),
    bury: (completion, error) =>
      call("bury", (nowMs) => {
        const row = claimed(completion)
        if (row) Object.assign(row, { dead: true, deadAtMs: nowMs, claimedUntilMs: 0, error })
      }),

    dueTimers: (aheadMs, limit, versions) =>
      call("dueTimers", (nowMs) =>
        inTurns(
          [...actors.values()]
            .filter(({ address }) => isServed(address, versions))
            .flatMap(({ address, timers }) => [...timers].map(([timerId, timer]) => ({ address, timerId, ...timer })))
            .filter(({ dueMs }) => dueMs <= nowMs + aheadMs)
            .sort((left, right) => left.dueMs - right.dueMs),
          ({ address }) => address.org
        )
          .slice(0, limit)
          .sort((left, right) => left.dueMs - right.dueMs)
          .map(({ dueMs, event, ...timer }) => ({ ...timer, event: JSON.parse(event), inMs: dueMs - nowMs }))
      ),

    quarantine: (address, quarantine) =>
      call("quarantine", (nowMs) => {
        requireStorable(quarantine)
        const actor = actorAt(address)
        if (actor) actor.quarantine = json({ ...quarantine, atMs: nowMs })
      }),
    release: (address) =>
      call("release", () => {
        const actor = actorAt(address)
        if (!actor || actor.quarantine === null) return false
        actor.quarantine = null
        return true
      })
  }
}

export const layer = (state?: JournalState, disturb?: Disturb): Layer.Layer<Journal> =>
  Layer.succeed(Journal, memoryJournal(state, disturb))
