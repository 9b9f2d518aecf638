/**
 * Finds out at start what works here: which isolation, and how disks are stacked. Each is tried as it will be used, with a
 * process inside that looks around; only what it reports is believed. What was found and why is kept in `isolation.json`.
 */
import { accessSync, constants, realpathSync } from "node:fs"
import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { Effect, Schema } from "effect"
import { SandboxError } from "../../../actors/ports/sandboxes.ts"
import { hostPath } from "../host.ts"
import { advice } from "./advice.ts"
import { bubblewrap } from "./bubblewrap.ts"
import { exists, makeDirectory, writeDurably } from "./disk.ts"
import { attempt, failed } from "./failure.ts"
import { node } from "./inside.ts"
import { type Isolation, startLine } from "./isolation.ts"
import * as limits from "./limits.ts"
import type { Place } from "./place.ts"
import type { Driver } from "./records.ts"
import { run } from "./run.ts"
import type { Filter } from "./seccomp/filter.ts"
import type { Trash } from "./trash.ts"
import { unsafe } from "./unsafe.ts"
import { utilLinux } from "./utillinux.ts"

const Report = Schema.fromJsonString(
  Schema.Struct({
    uid: Schema.Int,
    capabilities: Schema.String,
    noNewPrivileges: Schema.Boolean,
    filtered: Schema.Boolean,
    hostSettingsClosed: Schema.Boolean,
    programsClosed: Schema.Boolean,
    loopback: Schema.Boolean,
    disk: Schema.Boolean
  })
)

/** Runs inside. */
const lookAround = `
  const fs = require("node:fs"), net = require("node:net")
  setTimeout(() => process.exit(1), 8000).unref()
  const can = (act) => { try { act(); return true } catch { return false } }
  const status = fs.readFileSync("/proc/self/status", "utf8")
  const report = {
    uid: process.getuid(),
    capabilities: [...status.matchAll(/^Cap(?:Inh|Prm|Eff|Bnd|Amb):\\s*(\\w+)/gm)].map((match) => match[1]).join(""),
    noNewPrivileges: /^NoNewPrivs:\\s*1$/m.test(status),
    filtered: /^Seccomp:\\s*2$/m.test(status),
    hostSettingsClosed: !can(() => fs.closeSync(fs.openSync("/proc/sys/kernel/core_pattern", "r+"))),
    programsClosed: !can(() => fs.writeFileSync("/usr/bin/.proliferate", "")),
    disk: can(() => fs.writeFileSync("/workspace/seen", "")) && can(() => fs.writeFileSync("/home/user/seen", ""))
  }
  const tell = (loopback) => process.stdout.write(JSON.stringify({ ...report, loopback }), () => process.exit(0))
  const server = net.createServer((socket) => socket.destroy()).on("error", () => tell(false))
  server.listen(0, "127.0.0.1", () => net.connect(server.address().port, "127.0.0.1").on("connect", () => tell(true)).on("error", () => tell(false)))
`

const missing = (program: string): boolean =>
  !hostPath.split(":").some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })

export interface Finding {
  readonly isolation: Isolation["name"]
  readonly stacked: boolean
  readonly works: boolean
  readonly why: string
}

export interface Host {
  readonly place: Place
  readonly trash: Trash
  /** For people. */
  readonly cgroups: string
  readonly filter: Filter | null
}

const tryOut = Effect.fn("sandbox.probe")(function* ({ place, trash, filter }: Host, isolation: Isolation, stacked: boolean) {
  const sandboxId = place.idOf("sbx", "probe", isolation.name, `${stacked}`)
  const box = place.box(sandboxId)
  const sockets = place.run(sandboxId)
  const folders = [box.disk, box.work, box.merged, box.root, join(box.disk, "workspace"), join(box.disk, "home"), sockets.inbox]
  const lowest = place.layer("empty")
  yield* attempt("prepare a try of the isolation", async () => {
    await makeDirectory(box.directory, 0o711)
    await makeDirectory(sockets.directory, 0o711)
    await makeDirectory(sockets.proxy, 0o711)
    for (const folder of [...folders, lowest]) {
      await mkdir(folder, { recursive: true })
      await place.give(folder)
    }
  })
  const line = startLine({
    place,
    isolation,
    programs: { node: realpathSync(process.execPath), bundle: null, agents: null },
    sandboxId,
    sessionId: "probe",
    layers: stacked ? [] : null,
    rlimits: limits,
    isFiltered: filter !== null,
    tmpBytesMax: limits.tmpUncountedBytesMax,
    command: [node, "-e", lookAround]
  })
  const outcome = yield* run(line, limits.probeMs, `start ${isolation.name}`).pipe(
    Effect.flatMap((text) =>
      Schema.decodeEffect(Report)(text).pipe(
        Effect.mapError(() => failed("unreachable", `${isolation.name} ran, but nothing came out of it.`))
      )
    ),
    Effect.result
  )
  const isWritten = yield* attempt("look at a try of the isolation", () => exists(join(box.disk, "workspace", "seen")))
  yield* trash.throwAway(box.directory)
  yield* trash.throwAway(sockets.directory)
  if (outcome._tag === "Failure") return outcome.failure.message
  const { uid, capabilities, noNewPrivileges, filtered, hostSettingsClosed, programsClosed, loopback, disk } = outcome.success
  const lacks = [
    uid !== 1000 && `it ran as uid ${uid}`,
    !/^0+$/.test(capabilities) && "it kept capabilities",
    !noNewPrivileges && "it could gain privileges",
    !(filtered || filter === null) && "no system call was filtered",
    !hostSettingsClosed && "it could write /proc/sys",
    !programsClosed && "it could write /usr",
    !loopback && "it had no loopback device",
    !(disk && isWritten) && "it could not write its disk"
  ].filter((lack) => lack !== false)
  return lacks.length === 0 ? null : `${isolation.name} ran, but ${lacks.join(", ")}.`
})

/** Of a disk that is no stack. */
const copied = (place: Place) =>
  Effect.gen(function* () {
    const file = join(place.sandboxes, "reflink")
    yield* attempt("try a reflink", () => writeFile(file, "reflink"))
    const cloned = yield* Effect.result(run(["cp", "--reflink=always", file, `${file}.copy`], limits.probeMs, "try a reflink"))
    yield* Effect.ignore(run(["rm", "-f", file, `${file}.copy`], limits.probeMs, "clean up"))
    const driver: Driver = cloned._tag === "Success" ? "reflink" : "copy"
    return driver
  })

/** What is true of one way on this host. `driver`: how disks are made there, null where it does not work. */
export const look = Effect.fn("sandbox.look")(function* (host: Host, isolation: Isolation) {
  const findings: Array<Finding> = []
  const found = (stacked: boolean, why: string | null) =>
    findings.push({ isolation: isolation.name, stacked, works: why === null, why: why ?? "tried and seen to hold" })
  const absent = isolation.needs.filter(missing)
  if (absent.length > 0) {
    found(false, `${absent.join(", ")} is not installed`)
    return { findings, driver: null }
  }
  for (const stacked of [true, false]) {
    const why = yield* tryOut(host, isolation, stacked)
    found(stacked, why)
    if (why === null) return { findings, driver: stacked ? ("overlay" as const) : yield* copied(host.place) }
  }
  return { findings, driver: null }
})

export const isolations: ReadonlyArray<Isolation> = [bubblewrap, utilLinux]

export const findIsolation = Effect.fn("sandbox.findIsolation")(function* (host: Host, only: Isolation["name"] | undefined) {
  const { place, cgroups, filter } = host
  const findings: Array<Finding> = []
  const record = (chosen: Isolation | null, driver: Driver | null) =>
    attempt("write what works here", () =>
      writeDurably(
        join(place.dataDir, "isolation.json"),
        `${JSON.stringify({ isolation: chosen?.name ?? null, disks: driver, limits: cgroups, filter: filter?.architecture ?? null, findings }, null, 2)}\n`
      )
    )
  if (only === "unsafe") {
    const driver = yield* copied(place)
    findings.push({ isolation: only, stacked: false, works: true, why: "asked for by name; it isolates nothing" })
    yield* record(unsafe, driver)
    return { isolation: unsafe, driver, findings }
  }
  for (const isolation of isolations.filter(({ name }) => only === undefined || name === only)) {
    const seen = yield* look(host, isolation)
    findings.push(...seen.findings)
    if (seen.driver === null) continue
    yield* record(isolation, seen.driver)
    return { isolation, driver: seen.driver, findings }
  }
  yield* record(null, null)
  const tried = findings.map(({ isolation, why }) => `${isolation}: ${why}`).join("\n  ")
  return yield* new SandboxError({
    reason: "rejected",
    provider: "local",
    message: `No sandbox can be kept apart from this host, so none is started.\n  ${tried}\nWhat to do:\n  ${advice().join("\n  ")}`
  })
})
