/**
 * Sandboxes at E2B (https://e2b.dev). Promises: keyed as the port says, though E2B has no keys; found again by their label after any
 * crash, since nothing is kept here; a sandbox that E2B stopped is resumed with its processes, and what it lost is told. The way
 * back to the host is an uplink that we open: a sandbox dials nobody, and E2B lets no other traffic out of it.
 */
import { createHash, createHmac } from "node:crypto"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { Sandbox as Machine } from "e2b"
import { Clock, Effect, Layer, Redacted, Schedule } from "effect"
import { type SandboxError, Sandboxes, type SandboxInfo } from "../../../actors/ports/sandboxes.ts"
import { makeLock } from "../locks.ts"
import { type Address, makeUplinks } from "../uplink/uplinks.ts"
import { type ApiOptions, infoOf, makeApi } from "./api.ts"
import { failed, provider } from "./failure.ts"
import { askHealth } from "./health.ts"
import { daemonPort, makeInside, readBundle } from "./inside.ts"
import * as limits from "./limits.ts"

export interface E2BOptions extends Omit<ApiOptions, "label"> {
  /** Of this server: what its sandboxes are known by, and the secrets of their daemons, come from it. */
  readonly hostKey: Redacted.Redacted<Uint8Array>
  /** With Node 24 and git. */
  readonly template: string
  /** The bundle with the daemon. By default the one that the bootstrap builds. */
  readonly bundle?: string
}

const builtBundle = fileURLToPath(new URL("../../../cli/dist/proliferate.mjs", import.meta.url))
/** What else is asked about was not made here. */
const isId = (sandboxId: string) => /^[a-z0-9-]{1,64}$/i.test(sandboxId)
const isSnapshotName = (name: string) => /^plf-[0-9a-f]{32}$/.test(name)

const within =
  (limitMs: number, what: string) =>
  <A, R>(effect: Effect.Effect<A, SandboxError, R>): Effect.Effect<A, SandboxError, R> =>
    Effect.timeoutOrElse(effect, {
      duration: limitMs,
      orElse: () => Effect.fail(failed("unreachable", `Could not ${what} at E2B within ${limitMs / 1_000} s.`))
    })

const make = Effect.fn("E2BSandboxes.make")(function* (options: E2BOptions) {
  const { hostKey, template, bundle: bundlePath = builtBundle } = options
  const derived = (what: string) => createHmac("sha256", Redacted.value(hostKey)).update(`e2b ${what}`).digest("hex")
  const label = derived("label").slice(0, 16)
  const api = makeApi({ ...options, label })
  const inside = makeInside(api, template)
  const uplinks = yield* makeUplinks
  const lock = makeLock()
  /** Of those that were reached: their keys to what runs in them. */
  const machines = new Map<string, Machine>()

  const bundle = Effect.suspend(() =>
    existsSync(bundlePath)
      ? Effect.sync(() => readBundle(bundlePath))
      : Effect.fail(
          failed("rejected", `There is no daemon to run: ${bundlePath} is missing. Build it with \`node cli/bootstrap.mjs\`.`)
        )
  )
  const secretOf = (sandboxId: string) => derived(`daemon ${sandboxId}`)
  const addressOf = (machine: Machine): Address => {
    const { sandboxId } = machine
    const authorization = `Bearer ${secretOf(sandboxId)}`
    return api.sandboxUrl === undefined
      ? { url: `https://${machine.getHost(daemonPort)}`, headers: { authorization } }
      : { url: api.sandboxUrl, headers: { authorization, "e2b-sandbox-id": sandboxId, "e2b-sandbox-port": `${daemonPort}` } }
  }

  const unknown = (sandboxId: string) => failed("not-found", `There is no sandbox ${sandboxId} of this server at E2B.`)
  const known = Effect.fnUntraced(function* (sandboxId: string) {
    if (!isId(sandboxId)) return yield* unknown(sandboxId)
    const listed = yield* api.info(sandboxId)
    const info = infoOf(listed)
    return info === null || listed.metadata["proliferate"] !== label ? yield* unknown(sandboxId) : { ...listed, info }
  })

  /** Resumes it if it was paused. */
  const reach = Effect.fnUntraced(function* (sandboxId: string) {
    const machine = yield* api.connect(sandboxId)
    machines.set(sandboxId, machine)
    return machine
  })
  const letGo = (sandboxId: string) =>
    Effect.andThen(
      Effect.sync(() => machines.delete(sandboxId)),
      uplinks.close(sandboxId)
    )

  /** Null: it does not run, its disk is there. Fails with `unreachable` where nobody can say. Resumes nothing. */
  const look = Effect.fnUntraced(function* (sandboxId: string) {
    const { state, info } = yield* known(sandboxId)
    if (state === "paused") return null
    const machine = machines.get(sandboxId) ?? (yield* reach(sandboxId))
    const health = yield* Effect.result(Effect.retry(askHealth(addressOf(machine)), { times: 1 }))
    if (health._tag === "Success") return { machine, info }
    if ((yield* inside.supervisor(machine)) === null) return null
    return yield* health.failure
  })

  const openUplink = (machine: Machine, info: SandboxInfo, limitMs: number) =>
    uplinks.open(info, addressOf(machine), runs(info.sandboxId)).pipe(
      Effect.timeoutOrElse({
        duration: limitMs,
        orElse: () =>
          Effect.fail(failed("unreachable", `No connection to the daemon of ${info.sandboxId} within ${limitMs / 1_000} s.`))
      })
    )
  /** Only E2B's own word ends the dialling. */
  const runs = (sandboxId: string): Effect.Effect<boolean> =>
    look(sandboxId).pipe(
      Effect.map((found) => found !== null),
      Effect.catch(({ reason }) => Effect.succeed(reason !== "not-found"))
    )

  /** Runs with a daemon that answers and a way out, whatever it was before. True: the daemon had to be started. */
  const ensure = Effect.fnUntraced(function* (machine: Machine, info: SandboxInfo) {
    const address = addressOf(machine)
    const isOver = inside.supervisor(machine).pipe(
      Effect.map((pid) => pid === null),
      Effect.orElseSucceed(() => false),
      Effect.repeat({ until: (over) => over, schedule: Schedule.spaced("500 millis") })
    )
    // Nobody waits for a daemon that has ended.
    const answers = Effect.raceFirst(
      Effect.as(Effect.retry(askHealth(address), Schedule.spaced("100 millis")), true),
      Effect.as(isOver, false)
    ).pipe(
      Effect.timeoutOrElse({ duration: limits.healthMs, orElse: () => Effect.succeed(false) }),
      Effect.orElseSucceed(() => false)
    )
    let isStarted = false
    if (!(yield* answers)) {
      isStarted = true
      yield* uplinks.close(info.sandboxId)
      yield* inside.end(machine)
      const secretSha256 = createHash("sha256").update(secretOf(info.sandboxId)).digest("hex")
      yield* inside.start(machine, yield* bundle, info.sessionId, secretSha256)
      if (!(yield* answers)) {
        const words = yield* inside.lastWords(machine)
        yield* Effect.ignore(inside.end(machine))
        return yield* failed("unreachable", `The daemon did not come up. It wrote: ${words === "" ? "nothing" : words}`)
      }
    }
    yield* openUplink(machine, info, limits.uplinkMs)
    return isStarted
  })

  /** The one that was made under this key: the oldest, and no other stays. */
  const claim = Effect.fnUntraced(function* (key: string) {
    const [first, ...others] = yield* api.underKey(key)
    for (const { sandboxId } of others) yield* api.kill(sandboxId)
    return first ?? null
  })

  const templateOf = Effect.fnUntraced(function* (snapshotId: string | null) {
    if (snapshotId === null) return template
    const native = isSnapshotName(snapshotId) ? yield* api.snapshotNamed(snapshotId) : null
    return native ?? (yield* failed("rejected", `E2B has no snapshot ${snapshotId} of this server.`))
  })

  const create = Effect.fnUntraced(function* (wish: Omit<SandboxInfo, "sandboxId">, snapshotId: string | null) {
    const from = yield* templateOf(snapshotId)
    const created = yield* Effect.result(api.create(from, wish))
    // Its answer may be lost, and another may have been made meanwhile: what is there under the key decides.
    const made = yield* claim(wish.key)
    if (created._tag === "Success" && (made === null || made.sandboxId === created.success.sandboxId)) return created.success
    if (made !== null) return yield* reach(made.sandboxId)
    const error = (created as Extract<typeof created, { readonly _tag: "Failure" }>).failure
    if (error.reason !== "not-found") return yield* error
    return yield* failed("rejected", `${error.message} Is the template ${from} there? PROLIFERATE_E2B_TEMPLATE names it.`)
  })

  const provision = Effect.fn("E2BSandboxes.provision")(
    function* (request: Omit<SandboxInfo, "sandboxId"> & { readonly snapshotId: string | null }) {
      const { key, org, sessionId, snapshotId } = request
      const body = Effect.gen(function* () {
        const made = yield* claim(key)
        if (made !== null && (made.metadata["org"] !== org || made.metadata["session"] !== sessionId))
          return yield* failed("rejected", "This key was used for another session's sandbox.")
        const machine = made === null ? yield* create({ key, org, sessionId }, snapshotId) : yield* reach(made.sandboxId)
        const { sandboxId } = machine
        machines.set(sandboxId, machine)
        yield* lock(sandboxId)(ensure(machine, { sandboxId, key, org, sessionId })).pipe(
          // One that never answered has nothing to lose, and costs money.
          Effect.tapError(() => (made === null ? Effect.ignore(destroy(sandboxId)) : Effect.void))
        )
        return { sandboxId }
      })
      return yield* lock(`key ${key}`)(body)
    },
    within(limits.provisionMs, "start a sandbox")
  )

  const revive = Effect.fn("E2BSandboxes.revive")(
    function* (sandboxId: string) {
      const body = Effect.gen(function* () {
        const { info } = yield* known(sandboxId)
        return { stateLost: yield* ensure(yield* reach(sandboxId), info) }
      })
      return yield* lock(sandboxId)(body)
    },
    within(limits.provisionMs, "revive a sandbox")
  )

  const capture = Effect.fn("E2BSandboxes.capture")(
    function* (sandboxId: string, key: string) {
      const snapshotId = `plf-${derived(`snapshot ${sandboxId} ${key}`).slice(0, 32)}`
      const body = Effect.gen(function* () {
        const existing = yield* api.snapshotNamed(snapshotId)
        if (existing !== null) return { snapshotId, stopped: !(yield* runs(sandboxId)) }
        yield* known(sandboxId)
        const machine = yield* reach(sandboxId)
        // E2B keeps the memory as well: what ran would run again, twice, and what it knew would be in the snapshot.
        yield* uplinks.close(sandboxId)
        yield* inside.end(machine)
        yield* inside.sync(machine)
        yield* api.snapshot(sandboxId, snapshotId)
        return { snapshotId, stopped: true }
      })
      return yield* lock(sandboxId)(body)
    },
    within(limits.captureMs, "capture a sandbox")
  )

  const destroy = Effect.fn("E2BSandboxes.destroy")(
    function* (sandboxId: string) {
      if (!isId(sandboxId)) return
      yield* letGo(sandboxId)
      yield* api.kill(sandboxId)
    },
    within(limits.destroyMs, "destroy a sandbox")
  )

  // A wrong key is told now; an outage is no reason not to start.
  yield* api.list.pipe(
    Effect.catch((error) => (error.isTransient ? Effect.logWarning(error.message) : Effect.fail(error))),
    within(limits.askMs, "list the sandboxes")
  )
  yield* Effect.logInfo("sandboxes are at E2B", { template, label })

  return Sandboxes.of({
    provider,
    isolation: `E2B, template ${template}`,
    provision,
    revive,
    capture,
    destroy,
    status: Effect.fn("E2BSandboxes.status")(
      function* (sandboxId) {
        const found = yield* look(sandboxId).pipe(
          Effect.catch((error) => (error.reason === "not-found" ? Effect.succeed("gone" as const) : Effect.fail(error)))
        )
        if (found === "gone" || found === null) yield* letGo(sandboxId)
        return found === "gone" ? "gone" : found === null ? "stopped" : "running"
      },
      within(limits.askMs, "ask for a sandbox's status")
    ),
    extend: Effect.fn("E2BSandboxes.extend")(
      function* (sandboxId) {
        const { state } = yield* known(sandboxId)
        if (state === "paused") return yield* failed("not-found", `Sandbox ${sandboxId} does not run.`)
        // One that may live no longer is not extended: its end says so.
        yield* api.extend(sandboxId).pipe(
          Effect.catchIf(
            ({ reason }) => reason === "rejected",
            () => Effect.void
          )
        )
        const { endAt } = yield* api.info(sandboxId)
        return Math.max(0, endAt.getTime() - (yield* Clock.currentTimeMillis))
      },
      within(limits.askMs, "extend a sandbox's life")
    ),
    endpoint: Effect.fn("E2BSandboxes.endpoint")(
      function* (sandboxId) {
        const machine = machines.get(sandboxId)
        // While the uplink stands the daemon lives: nobody need be asked.
        if (machine !== undefined && uplinks.isConnected(sandboxId)) return addressOf(machine)
        const found = yield* look(sandboxId)
        if (found === null) return yield* failed("not-found", `Sandbox ${sandboxId} does not run.`)
        yield* openUplink(found.machine, found.info, limits.uplinkMs)
        return addressOf(found.machine)
      },
      within(limits.askMs, "find a sandbox's daemon")
    ),
    discard: Effect.fn("E2BSandboxes.discard")(
      function* (snapshotId) {
        const native = isSnapshotName(snapshotId) ? yield* api.snapshotNamed(snapshotId) : null
        if (native !== null) yield* api.discard(native)
      },
      within(limits.destroyMs, "discard a snapshot")
    ),
    list: api.list.pipe(
      Effect.map((found) => found.flatMap((each) => infoOf(each) ?? [])),
      within(limits.askMs, "list the sandboxes")
    )
  })
})

export const E2BSandboxes = { layer: (options: E2BOptions) => Layer.effect(Sandboxes, make(options)) }
