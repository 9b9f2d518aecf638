/**
 * One actor in memory. Its loop: take, decide (step, commit, tell: activation.ts), answer. Read this first.
 *
 * What waits behind a message is decided with it, as far as it folds into one commit (fold.ts); the promises are the same.
 *
 *   M1  A message is answered only after its commit, and a repeat as the first was.
 *   M2  Nothing is told or run before its commit: a crash may repeat work, never invent it.
 *   M3  A request that the state does not take is refused before any acknowledgement, and leaves no trace.
 *   M4  What cannot be decided from memory (fenced, repeated, unknown, refused) is decided from the journal, never from a guess.
 *
 * A step that throws kills the loop; the supervisor starts it again, from what is stored.
 */
import { type Cause, Effect } from "effect"
import { Activation, type OnSettled } from "./activation.ts"
import type { ActorDefinition } from "./actor.ts"
import type { Address } from "./address.ts"
import type { Fold } from "./fold.ts"
import { commitRetryMs, foldedMax } from "./limits.ts"
import { Mailbox } from "./mailbox.ts"
import { type Answer, type AskError, Crashed, Unavailable } from "./router.ts"
import type { Delivery } from "./transition.ts"
import type { Turnstile } from "./turnstile.ts"

interface Envelope {
  readonly delivery: Delivery
  readonly resume: (answer: Effect.Effect<Answer, AskError>) => void
}

export class LiveActor<R> {
  readonly #activation: Activation<R>
  readonly #doors: Turnstile
  /** Null: look at the journal again. */
  readonly #mailbox = new Mailbox<Envelope | null>()
  #looksAgain = false
  #isDoubted = false
  /** So many more are decided alone: together the journal did not take them. */
  #apart = 0
  #closed: AskError | null = null
  /** What is being handled, for the record should it be poison. */
  current: Delivery | null = null

  constructor(definition: ActorDefinition<R>, address: Address, doors: Turnstile, onSettled: OnSettled) {
    this.#activation = new Activation(definition, address, onSettled)
    this.#doors = doors
  }

  get address(): Address {
    return this.#activation.address
  }

  get waiting(): number {
    return this.#mailbox.size
  }

  get isIdle(): boolean {
    return this.#closed !== null || (this.#mailbox.size === 0 && this.current === null)
  }

  /** Answers when it is committed. */
  ask(delivery: Delivery): Effect.Effect<Answer, AskError> {
    return Effect.callback((resume) => {
      if (this.#closed !== null) resume(Effect.fail(this.#closed))
      else if (!this.#mailbox.offer({ delivery, resume }))
        resume(Effect.fail(new Unavailable({ reason: "busy", message: "this actor has too many messages waiting; try again" })))
    })
  }

  /** What is remembered may be old: it is read again before the next message, and at once. */
  doubt(): void {
    this.#isDoubted = true
    this.#mailbox.offer(null)
  }

  /** Refuses what waits and what is still to come: nobody will read it. */
  close(why: AskError): void {
    this.#closed = why
    for (const envelope of this.#mailbox.clear()) envelope?.resume(Effect.fail(why))
  }

  get run() {
    // What has been taken is handled to its end; only waiting is interrupted.
    return Effect.uninterruptibleMask((restore) =>
      Effect.gen({ self: this }, function* () {
        this.current = null
        this.#looksAgain = false
        // A restart remembers nothing that a crash may have spoilt. Reading at once starts what should stand beside the actor.
        this.#activation.forget()
        const next = restore(this.#mailbox.take)
        while (true) {
          if (this.#isDoubted) this.#activation.forget()
          this.#isDoubted = false
          if (this.#activation.isBehind) yield* this.#inTurn(restore(this.#catchUp))
          yield* this.#handle(yield* next)
        }
      })
    )
  }

  /** While the journal does not answer: again soon, between the messages that come. */
  get #catchUp() {
    return Effect.catchTags(this.#activation.load, {
      Quarantined: () => Effect.void,
      Unavailable: () => {
        if (this.#looksAgain) return Effect.void
        this.#looksAgain = true
        // Whoever waits for the mailbox may have looked, and been told to look again, before the offer returns.
        const again = Effect.sync(() => {
          if (!this.#mailbox.offer(null)) this.#looksAgain = false
        })
        return Effect.asVoid(Effect.forkChild(Effect.delay(again, commitRetryMs)))
      }
    })
  }

  #handle(envelope: Envelope | null) {
    if (envelope === null) {
      this.#looksAgain = false
      return Effect.void
    }
    this.current = envelope.delivery
    return this.#inTurn(
      Effect.suspend(() => {
        const fold = this.#fold(envelope)
        return fold === null ? this.#handleAlone(envelope) : this.#handleTogether(envelope, fold)
      })
    )
  }

  #inTurn<A, E, S>(work: Effect.Effect<A, E, S>): Effect.Effect<A, E, S> {
    return this.#doors.pass(this.address.org, work)
  }

  #fold({ delivery }: Envelope): Fold | null {
    if (this.#apart > 0) {
      this.#apart -= 1
      return null
    }
    if (this.#mailbox.size === 0 || this.#isDoubted) return null
    const behind = this.#mailbox.waiting.slice(0, foldedMax - 1)
    return this.#activation.fold([delivery, ...behind.map((envelope) => envelope?.delivery ?? null)])
  }

  #handleAlone(envelope: Envelope) {
    return this.#activation.decide(envelope.delivery).pipe(
      Effect.matchCauseEffect({
        onSuccess: (answer) => Effect.sync(() => this.#answer([envelope], () => Effect.succeed(answer))),
        onFailure: (cause) => this.#failed([envelope], cause)
      })
    )
  }

  #handleTogether(first: Envelope, fold: Fold) {
    const behind = this.#mailbox.takeNow(fold.steps.length - 1) as ReadonlyArray<Envelope>
    const all = [first, ...behind]
    return this.#activation.commitFold(fold).pipe(
      Effect.matchCauseEffect({
        onSuccess: (answers) => {
          if (answers === null) return this.#takeApart(first, behind)
          return Effect.sync(() => this.#answer(all, (index) => Effect.succeed(answers[index]!)))
        },
        onFailure: (cause) => this.#failed(all, cause)
      })
    )
  }

  #takeApart(first: Envelope, behind: ReadonlyArray<Envelope>) {
    const closed = this.#closed
    if (closed === null) {
      this.#apart = behind.length
      this.#mailbox.putBack(behind)
    } else for (const { resume } of behind) resume(Effect.fail(closed))
    return this.#handleAlone(first)
  }

  #failed(envelopes: ReadonlyArray<Envelope>, cause: Cause.Cause<AskError>) {
    const failure = cause.reasons.find((reason) => reason._tag === "Fail")
    if (failure !== undefined)
      return Effect.andThen(
        Effect.sync(() => this.#answer(envelopes, () => Effect.fail(failure.error))),
        this.#doors.pause
      )
    const crashed = Effect.fail(new Crashed({ message: "the actor crashed on this message; it was not written" }))
    return Effect.andThen(
      Effect.sync(() => {
        for (const { resume } of envelopes) resume(crashed)
      }),
      Effect.failCause(cause as Cause.Cause<never>)
    )
  }

  #answer(envelopes: ReadonlyArray<Envelope>, answerTo: (index: number) => Effect.Effect<Answer, AskError>): void {
    this.current = null
    for (const [index, { resume }] of envelopes.entries()) resume(answerTo(index))
  }
}
