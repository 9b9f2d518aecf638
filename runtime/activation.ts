/**
 * What is remembered of one actor, and how a message changes it: step, commit, tell. The promises are those of live-actor.ts, which
 * brings the messages one after another.
 */
import { Effect } from "effect"
import type { AnyMachineSnapshot } from "xstate"
import { acceptsOf } from "./accepts.ts"
import type { ActorDefinition } from "./actor.ts"
import type { Address } from "./address.ts"
import { type CommitFailed, Committer } from "./committer.ts"
import type { Feeds } from "./feeds.ts"
import { type Fold, foldOf } from "./fold.ts"
import { handingOver } from "./handover.ts"
import { report } from "./inspection.ts"
import { Journal, type Stored, type Transition, type Verdict } from "./journal.ts"
import { feedEventsOf, tell, tellAgain } from "./notices.ts"
import {
  Absent,
  type Answer,
  type AskError,
  type Message,
  Moved,
  Quarantined,
  Refused,
  Unavailable,
  unavailable
} from "./router.ts"
import { begin, type Decision, restore, staying, step } from "./step.ts"
import { reasonOf, storable } from "./text.ts"
import { type Delivery, type Memory, remembered, transitionOf } from "./transition.ts"
import { upgrade } from "./versions.ts"

type Services = Journal | Feeds | Committer
type Deciding = Effect.Effect<Answer, AskError, Services>

const unborn = (): Memory => ({ rev: 0, epoch: 0, owned: false, snapshot: null, timers: new Map() })

/** `begin` what was claimed with it, once all have been told of it. */
type Written = Verdict & { readonly begin?: () => void }

interface Unstorable {
  readonly _tag: "Unstorable"
  readonly message: string
}

/** Lost races against another owner before the caller is told to try again. */
const racesMax = 3

/** Called after each commit and each activation, with what now stands. */
export type OnSettled = (snapshot: AnyMachineSnapshot, decision: Decision | null) => void

export class Activation<R> {
  readonly address: Address
  readonly #definition: ActorDefinition<R>
  readonly #onSettled: OnSettled
  /** Null: read before it is used. That there is no such actor is never remembered: another host may make it. */
  #memory: Memory | null = null
  /** What is stored may be ahead of what was told and of what stands beside the actor. */
  isBehind = true

  constructor(definition: ActorDefinition<R>, address: Address, onSettled: OnSettled) {
    this.#definition = definition
    this.address = address
    this.#onSettled = onSettled
  }

  forget(): void {
    this.#memory = null
    this.isBehind = true
  }

  // Methods, not fields: there are many activations, and each field would be one of its own.

  decide(delivery: Delivery, racesLost = 0): Deciding {
    return Effect.suspend(() => {
      if (racesLost === racesMax)
        return new Unavailable({ reason: "busy", message: "another host is writing for this actor; try again" })
      // That it was not there when we looked is as good as a look: another that made it since fences us.
      const isNew = !this.isBehind && racesLost === 0 && delivery.event.type === "create"
      const memory = this.#memory ?? (isNew ? unborn() : null)
      return memory === null
        ? Effect.flatMap(this.load, (loaded) => this.#decideOn(loaded, delivery, racesLost))
        : this.#decideOn(memory, delivery, racesLost)
    })
  }

  /** Those of the messages, from the first, that one commit may take together; null: the first is decided alone. */
  fold(deliveries: ReadonlyArray<Delivery | null>): Fold | null {
    const memory = this.#memory
    if (memory === null || memory.snapshot === null) return null
    return foldOf(this.#definition, this.address, memory, deliveries, (snapshot, event) => this.#step(snapshot, event))
  }

  /** The answers, or null: nothing was written, and each is to be decided alone, from what is stored. */
  commitFold({ steps, transition, memory }: Fold): Effect.Effect<ReadonlyArray<Answer> | null, Unavailable, Services> {
    const { address } = this
    const { base } = transition
    return Effect.flatMap(this.#submit(transition), (verdict) => {
      if (verdict._tag !== "Won") {
        this.forget()
        return Effect.as(report({ type: "actor.unfolded", address, messages: steps.length, verdict: verdict._tag }), null)
      }
      this.#memory = { ...memory, epoch: verdict.epoch }
      this.isBehind = false
      const decisions = steps.map(({ decision }) => decision)
      const reports = Effect.forEach(
        steps,
        ({ delivery, decision: { taken } }, index) =>
          report({ type: "actor.stepped", address, rev: base + index + 1, event: delivery.event.type, taken }),
        { discard: true }
      )
      const told = decisions.flatMap(({ notices }, index) => feedEventsOf(address, base + index + 1, verdict.atMs, notices))
      return Effect.andThen(reports, tell(address, told)).pipe(
        Effect.ensuring(Effect.sync(() => verdict.begin?.())),
        Effect.map(() => {
          // What stands beside it is what the last state wants; what was asked for is what all of them did.
          const timers = new Map(decisions.flatMap((decision) => [...decision.timers]))
          const commands = verdict.begin === undefined ? decisions.flatMap((decision) => decision.commands) : []
          this.#onSettled(memory.snapshot!, { ...decisions.at(-1)!, commands, timers })
          return steps.map((_, index): Answer => ({ rev: base + index + 1, duplicate: false }))
        })
      )
    })
  }

  #decideOn(memory: Memory, delivery: Delivery, racesLost: number): Deciding {
    const { event, timer, ifRev } = delivery
    if (memory.snapshot === null && event.type !== "create") return this.#absent
    if (ifRev !== undefined && ifRev !== memory.rev)
      return this.#turnAway(memory.rev, delivery, racesLost, () => new Moved({ rev: memory.rev, meantFor: ifRev }))
    if (memory.snapshot !== null && timer !== undefined && memory.timers.get(timer.id) !== timer.rev) {
      if (timer.rev <= memory.rev) return Effect.succeed({ rev: memory.rev, duplicate: true })
      // Another owner armed it.
      this.forget()
      return this.decide(delivery, racesLost + 1)
    }
    const { snapshot } = memory
    const decision = this.#step(snapshot, event)
    if (snapshot !== null && decision.taken.length === 0 && this.#definition.requests.has(event.type))
      return this.#turnAway(memory.rev, delivery, racesLost, () => this.#refusal(snapshot, event))
    return this.#commit(memory, delivery, decision, racesLost)
  }

  /** The answer to what the actor as we know it does not take, if it is so still. */
  #turnAway(rev: number, delivery: Delivery, racesLost: number, why: () => Refused | Moved): Deciding {
    return Effect.gen({ self: this }, function* () {
      const journal = yield* Journal
      const seen = yield* journal.seen(this.address, delivery.id).pipe(Effect.mapError(unavailable))
      if (seen.at !== null) return { rev: seen.at, duplicate: true }
      if (seen.rev !== rev) {
        this.forget()
        return yield* this.decide(delivery, racesLost + 1)
      }
      yield* report({ type: "actor.refused", address: this.address, event: delivery.event.type })
      return yield* why()
    })
  }

  #commit(memory: Memory, delivery: Delivery, decision: Decision, racesLost: number, wasRejected = false): Deciding {
    const transition = transitionOf(this.#definition, this.address, memory, decision, delivery)
    return Effect.flatMap(this.#submit(transition), (verdict) => {
      switch (verdict._tag) {
        case "Won":
          return this.#settle(memory, decision, delivery, verdict)
        case "Duplicate":
          if (verdict.rev > memory.rev) this.forget()
          return Effect.as(report({ type: "actor.duplicate", address: this.address, messageId: delivery.id }), {
            rev: verdict.rev,
            duplicate: true
          })
        case "Fenced":
          this.forget()
          return Effect.andThen(
            report({ type: "actor.fenced", address: this.address, rev: memory.rev }),
            this.decide(delivery, racesLost + 1)
          )
        case "Rejected": {
          const { name, key, holder } = verdict.record
          if (memory.snapshot === null || wasRejected) throw new Error(`${name} ${key} is held by ${holder}`)
          // Stepped again, with that as the fact.
          const told = { type: "record.rejected", name, key, holder, event: delivery.event }
          return this.#commit(memory, delivery, this.#step(memory.snapshot, told), racesLost, true)
        }
        case "Unstorable": {
          // Perhaps it is for the characters that no journal takes.
          const event = storable(delivery.event)
          if (event === delivery.event) throw new Error(`the ${this.address.kind} cannot be stored: ${verdict.message}`)
          return this.decide({ ...delivery, event }, racesLost + 1)
        }
      }
    })
  }

  #step(snapshot: AnyMachineSnapshot | null, event: Message["event"]): Decision {
    const { machine } = this.#definition
    const decision = snapshot === null ? begin(machine, event) : step(machine, snapshot, event)
    if (!decision.taken.some((transition) => !transition.endsWith(staying))) return decision
    const state = this.#definition.announce(decision.snapshot)
    return state === null ? decision : { ...decision, notices: [...decision.notices, state] }
  }

  #submit(transition: Transition): Effect.Effect<Written | Unstorable, Unavailable, Committer> {
    return handingOver(transition, (claimed) => this.#write(claimed))
  }

  #write(transition: Transition): Effect.Effect<Verdict | Unstorable, Unavailable, Committer> {
    return Committer.use((committer) => committer.submit(transition)).pipe(
      Effect.catch(({ reason, message }: CommitFailed) => {
        // Whatever was or was not written is read again before the next word.
        this.forget()
        return reason === "refused"
          ? Effect.succeed<Unstorable>({ _tag: "Unstorable", message })
          : Effect.fail(new Unavailable({ reason: "journal", message: "the database does not answer; try again" }))
      })
    )
  }

  #settle(memory: Memory, decision: Decision, delivery: Delivery, won: Extract<Written, { _tag: "Won" }>) {
    const { rev, epoch, atMs, begin } = won
    const { address } = this
    const { snapshot, taken, notices } = decision
    this.#memory = remembered(memory, delivery, decision, rev, epoch)
    this.isBehind = false
    return report({ type: "actor.stepped", address, rev, event: delivery.event.type, taken }).pipe(
      Effect.andThen(tell(address, feedEventsOf(address, rev, atMs, notices))),
      Effect.ensuring(Effect.sync(() => begin?.())),
      Effect.map((): Answer => {
        this.#onSettled(snapshot, begin === undefined ? decision : { ...decision, commands: [] })
        return { rev, duplicate: false }
      })
    )
  }

  /** Reads what is stored, starts what should stand beside it, and makes good what a crash kept from the feed. */
  get load(): Effect.Effect<Memory, Unavailable | Quarantined, Services> {
    return Effect.gen({ self: this }, function* () {
      const { machine, version } = this.#definition
      const journal = yield* Journal
      const stored = yield* journal.load(this.address).pipe(Effect.mapError(unavailable))
      this.isBehind = stored !== null && stored.quarantine === null && stored.machineVersion <= version
      if (stored === null) return unborn()
      if (stored.quarantine !== null) return yield* new Quarantined({ reason: stored.quarantine.reason })
      if (stored.machineVersion > version) return yield* new Unavailable({ reason: "version", message: tooNew(stored, version) })
      if (stored.machineVersion < version) return yield* this.#upgrade(stored)
      const snapshot = restore(machine, stored.snapshot)
      yield* tellAgain(this.address, stored).pipe(Effect.mapError(unavailable))
      const memory: Memory = { rev: stored.rev, epoch: stored.epoch, owned: false, snapshot, timers: new Map(stored.timers) }
      this.#memory = memory
      this.isBehind = false
      yield* report({ type: "actor.activated", address: this.address, rev: stored.rev })
      this.#onSettled(snapshot, null)
      return memory
    })
  }

  #upgrade(stored: Stored): Effect.Effect<Memory, Unavailable | Quarantined, Services> {
    return Effect.gen({ self: this }, function* () {
      const { version } = this.#definition
      const upgraded = yield* Effect.result(Effect.try({ try: () => upgrade(this.#definition, stored), catch: reasonOf }))
      if (upgraded._tag === "Failure") {
        const reason = `it was stored by version ${stored.machineVersion} of its machine and is not upgraded: ${upgraded.failure}`
        // Recorded, so that its commands and timers rest as well.
        const journal = yield* Journal
        yield* journal.quarantine(this.address, { reason, event: null }).pipe(Effect.mapError(unavailable))
        this.isBehind = false
        return yield* new Quarantined({ reason })
      }
      yield* tellAgain(this.address, stored).pipe(Effect.mapError(unavailable))
      const memory = { rev: stored.rev, epoch: stored.epoch, owned: false, snapshot: null, timers: new Map(stored.timers) }
      const event = { type: "upgraded", from: stored.machineVersion, to: version }
      const delivery = { id: `upgrade:${version}`, event, by: null }
      const verdict = yield* this.#submit(transitionOf(this.#definition, this.address, memory, upgraded.success, delivery))
      if (verdict._tag === "Won") yield* this.#settle(memory, upgraded.success, delivery, verdict)
      // Another host upgraded it, or wrote for it.
      return (
        this.#memory ?? (yield* new Unavailable({ reason: "busy", message: "another host is upgrading this actor; try again" }))
      )
    })
  }

  get #absent() {
    return new Absent({ kind: this.address.kind, id: this.address.id })
  }

  #refusal(snapshot: AnyMachineSnapshot, event: Message["event"]): Refused {
    const accepts = acceptsOf(this.#definition, snapshot).filter((type) => type !== event.type)
    const state = JSON.stringify(snapshot.value)
    const why =
      this.#definition.whyNot(snapshot, event) ?? `a ${this.address.kind} that is ${state} does not take \`${event.type}\``
    return new Refused({ state, accepts, message: why })
  }
}

const tooNew = ({ machineVersion }: Stored, version: number) =>
  `it is stored by version ${machineVersion} of its machine, and this server knows version ${version}; try again`
