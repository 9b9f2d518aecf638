/**
 * What a node of the simulation sees of the records of action calls and of the service that they are made at, each call on a wire.
 * The records stand in the same database as the journal, and the same weather is on them.
 */
import { Effect, Layer, Redacted } from "effect"
import { SealedArguments } from "../../actors/arguments.ts"
import { Mail } from "../../actors/mail.ts"
import { Pace } from "../../actors/pace.ts"
import { Providers } from "../../actors/ports/actions.ts"
import { Calls } from "../../actors/ports/calls.ts"
import { DirectoryError } from "../../actors/ports/directory.ts"
import { Grants } from "../../actors/ports/grants.ts"
import { Rules } from "../../actors/ports/rules.ts"
import { SealError, type SealedFor, Seals } from "../../actors/ports/seals.ts"
import { CredentialsOf, NoCredential } from "../../actors/services/credentials.ts"
import type { Lane } from "../support/timeline.ts"
import type { Laws } from "./laws.ts"
import { providerOver, type Service, tokenOf } from "./service.ts"
import type { Stores } from "./stores.ts"
import type { Weather } from "./weather.ts"
import type { World } from "./world.ts"

export interface CallsAround {
  readonly weather: Weather
  readonly world: World
  readonly stores: Stores
  readonly service: Service
  readonly laws: Laws
}

const away = new DirectoryError({ reason: "unavailable", message: "the database does not answer" })

const recordsOver = <Records extends object>(lane: Lane, { weather, world }: CallsAround, records: Records): Records => {
  const disturbed = <A>(request: Effect.Effect<A, DirectoryError>): Effect.Effect<A, DirectoryError> =>
    Effect.gen(function* () {
      yield* weather.pass(0, 3)
      if (weather.strikes("records.slow")) yield* weather.pass(100, 5_000)
      if (weather.isOut("journal") || weather.strikes("journal.unavailable")) return yield* away
      if (!weather.strikes("journal.unknown")) return yield* request
      if (weather.either(true, false)) yield* request
      return yield* away
    })
  const methods = Object.entries(records).map(([name, method]) => [
    name,
    (...args: ReadonlyArray<unknown>) => lane.across(world.lane, disturbed(method(...args)))
  ])
  return Object.fromEntries(methods) as Records
}

const nameOf = ({ purpose, org, id }: SealedFor) => `${purpose}/${org}/${id} `
/** Not to be read by whoever looks at it, and good for one thing alone. */
const turned = (bytes: Uint8Array) => bytes.map((byte) => byte ^ 0x5a)
const seals = Seals.of({
  seal: (whom, text) => turned(Buffer.from(nameOf(whom) + Redacted.value(text))),
  open: (whom, sealed) => {
    const text = Buffer.from(turned(sealed)).toString()
    return text.startsWith(nameOf(whom))
      ? Effect.succeed(Redacted.make(text.slice(nameOf(whom).length)))
      : Effect.fail(new SealError({ reason: "unreadable", message: "it was sealed for something else" }))
  }
})

const credentialsOf = ({ service, weather, world }: CallsAround): CredentialsOf["Service"] => {
  const refused = new NoCredential({ reason: "refused", message: "it must be connected again" })
  return CredentialsOf.of({
    usable: () => Effect.suspend(() => (service.isConnected ? Effect.succeed(tokenOf()) : refused)),
    kept: () => Effect.succeed(tokenOf()),
    refused: () =>
      Effect.sync(() => {
        service.isConnected = false
        const connect = Effect.sync(() => {
          service.isConnected = true
        })
        world.lane.fork(Effect.andThen(weather.pass(1_000, 60_000), connect))
      })
  })
}

export const callServices = (lane: Lane, around: CallsAround) => {
  const { stores, laws, service } = around
  const rules: Rules["Service"] = {
    ...stores.rules,
    set: (...args) => Effect.tap(stores.rules.set(...args), (rule) => Effect.sync(() => laws.calls.ruled(rule)))
  }
  const provider = Effect.sync(() => providerOver(lane, service))
  const records = Layer.mergeAll(
    Layer.succeed(Calls, recordsOver(lane, around, stores.calls)),
    Layer.succeed(Grants, recordsOver(lane, around, stores.grants)),
    Layer.succeed(Rules, recordsOver(lane, around, rules)),
    Layer.succeed(Seals, seals),
    Layer.succeed(CredentialsOf, credentialsOf(around)),
    Layer.succeed(Providers, {
      of: () => Effect.map(provider, (one) => (one === null ? [] : [one])),
      find: () => provider
    })
  )
  return Layer.mergeAll(SealedArguments.layer, Pace.layer, Mail.layer).pipe(Layer.provideMerge(records))
}
