/**
 * What operators do with commands that are not settled: see them, have buried ones run again, and end one for good. Everything is of
 * their own organisation, and leaves a note. What runs them is runtime/outbox.ts.
 */
import { Context, Effect, Layer, Schema } from "effect"
import { Journal, type JournalError } from "../../runtime/journal.ts"
import { type ListedCommand, Oversight } from "../../runtime/oversight.ts"
import { type AskError, Router } from "../../runtime/router.ts"
import { actorKinds } from "../kinds.ts"
import { redactText } from "../redaction.ts"
import { type Pass, userOf } from "./access.ts"
import { ServiceError } from "./error.ts"
import { fixNote, Why } from "./fix-notes.ts"
import { Id } from "./words.ts"

const Key = Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(400))
const Part = Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(200))

/** By their keys, or all that are this, 1,000 at most. */
export const Retried = Schema.Union([
  Schema.Struct({ keys: Schema.Array(Key).check(Schema.isMinLength(1), Schema.isMaxLength(200)), why: Why }),
  Schema.Struct({
    query: Schema.Struct({
      name: Schema.optionalKey(Id),
      actor: Schema.optionalKey(Id),
      error: Schema.optionalKey(Part)
    }),
    /** Say which they are, and leave them. */
    dryRun: Schema.Boolean,
    why: Schema.optionalKey(Why)
  })
])

/** A command as pages, programs and the command line have it. */
export interface CommandRow extends Omit<ListedCommand, "address"> {
  readonly kind: string
  readonly actor: string
}

const retriedMax = 1_000
const notesAtOnceMax = 8
/** To tell an actor that its command is no more, and to end it; where that fails it is as before after this. */
const discardClaimMs = 15_000

const rowOf = ({ address: { kind, id }, error, ...rest }: ListedCommand): CommandRow => ({
  ...rest,
  kind,
  actor: id,
  // A hand that crashed may have had anything on its lips.
  error: error === null ? null : redactText(error)
})

export class Commands extends Context.Service<
  Commands,
  {
    /** `isCut`: there are more. */
    readonly list: (
      pass: Pass<"operations.read">,
      which: "open" | "dead",
      limit: number
    ) => Effect.Effect<{ readonly commands: ReadonlyArray<CommandRow>; readonly isCut: boolean }, JournalError>
    /** Makes buried ones due again, under their keys: those that it answers with. `isCut`: more of them fit the query. */
    readonly retry: (
      pass: Pass<"operations.apply">,
      request: typeof Retried.Type
    ) => Effect.Effect<{ readonly keys: ReadonlyArray<string>; readonly isCut: boolean }, JournalError | ServiceError>
    /** Ends one that waits or was buried: its actor is told as when it is given up, and nobody runs it any more. */
    readonly discard: (
      pass: Pass<"operations.apply">,
      key: string,
      why: string
    ) => Effect.Effect<void, JournalError | ServiceError | AskError>
  }
>()("proliferate/actors/services/Commands") {
  static readonly layer: Layer.Layer<Commands, never, Oversight | Journal | Router> = Layer.effect(
    Commands,
    Effect.gen(function* () {
      const [oversight, journal, router] = [yield* Oversight, yield* Journal, yield* Router]

      const exhume = Effect.fnUntraced(function* (pass: Pass<"operations.apply">, keys: ReadonlyArray<string>, why: string) {
        const due = yield* oversight.exhume(pass.organisation, keys)
        if (due.length > 0) yield* router.hurry
        const said = { kind: "outbox.dead", fix: "retry", result: "applied", outcome: "it is due again" } as const
        yield* Effect.forEach(due, (subject) => Effect.flatMap(fixNote(pass, why, { ...said, subject }), oversight.note), {
          concurrency: notesAtOnceMax,
          discard: true
        })
        return due
      })

      return Commands.of({
        list: Effect.fn("Commands.list")(function* ({ organisation }, which, limit) {
          const rows = yield* oversight.commands(organisation, which, limit + 1)
          return { commands: rows.slice(0, limit).map(rowOf), isCut: rows.length > limit }
        }),

        retry: Effect.fn("Commands.retry")(function* (pass, request) {
          if ("keys" in request) return { keys: yield* exhume(pass, request.keys, request.why), isCut: false }
          const { query, dryRun, why } = request
          const found = yield* oversight.buried(pass.organisation, query, retriedMax + 1)
          const [keys, isCut] = [found.slice(0, retriedMax), found.length > retriedMax]
          if (dryRun) return { keys, isCut }
          if (why === undefined)
            return yield* new ServiceError({ reason: "invalid", message: "why: say why they are to run again" })
          return { keys: yield* exhume(pass, keys, why), isCut }
        }),

        discard: Effect.fn("Commands.discard")(function* (pass, key, why) {
          const command = yield* oversight.seize(pass.organisation, key, discardClaimMs)
          if (command === null) {
            const message = `there is no command ${key} in your organisation: it has settled, or never was`
            return yield* new ServiceError({ reason: "not-found", message })
          }
          if (command === "running") {
            const message = `${key} is being run at the moment: ask again when it waits`
            return yield* new ServiceError({ reason: "refused", message })
          }
          const { address, name, params } = command
          const by = userOf(pass)
          const reason = `discarded by ${by ?? "the system"}: ${why}`
          const fact = actorKinds.find(({ kind }) => kind === address.kind)?.buried(name, params, reason) ?? null
          // Told first, under the id of what the outbox tells when it gives one up: an actor that knows is not told again.
          if (fact !== null)
            yield* router
              .ask(address, { id: `buried:${key}`, event: fact, by })
              .pipe(Effect.catchTag("Absent", () => Effect.void))
          yield* journal.complete([command])
          const outcome = fact === null ? `${name} is no more` : `${name} is no more; its actor was told ${fact.type}`
          const said = { kind: "outbox.dead", subject: key, fix: "discard", result: "applied", outcome } as const
          yield* oversight.note(yield* fixNote(pass, why, said))
        })
      })
    })
  )
}
