/** How agents can be kept apart from this machine: what the server itself finds at its start (adapters/sandbox/local/inspect.ts). */
import { Effect } from "effect"
import { inspectHost } from "../../adapters/sandbox/local/inspect.ts"
import { isolationText } from "../unsafe.ts"
import { broken, type Finding, lack, ok } from "./finding.ts"

type Seen = Effect.Success<ReturnType<typeof inspectHost>>
type Wish = "bubblewrap" | "util-linux" | "unsafe" | undefined

const costs: Readonly<Record<string, string>> = {
  bubblewrap: "sandboxes start by util-linux instead, some 30 ms later each",
  "util-linux": "there is no second way should bubblewrap be removed"
}

const wayOf = (
  { ways }: Seen,
  { name, driver, findings }: Seen["ways"][number],
  fix: string | null,
  isWished: boolean
): Finding => {
  if (driver !== null) return ok(name, "tried and seen to hold")
  const why = findings.map((finding) => finding.why).join("; ")
  const isNeeded = isWished || ways.every((way) => way.driver === null)
  return isNeeded
    ? broken(name, why, isWished ? "it is the one that PROLIFERATE_ISOLATION asks for" : "no agent can run", fix)
    : lack(name, why, costs[name]!, fix)
}

const disksOf = ({ ways }: Seen): Finding => {
  const driver = ways.find((way) => way.driver !== null)?.driver
  const found = { overlay: "stacked by overlay", reflink: "copied by reflink", copy: "copied whole" }[driver ?? "copy"]
  return driver === "copy" || driver === undefined
    ? lack(
        "disks",
        found,
        "each snapshot and each session copies its whole disk",
        "put PROLIFERATE_DATA on ext4, xfs or btrfs of its own"
      )
    : ok("disks", found)
}

const limitsOf = ({ cgroups }: Seen): Finding => {
  const missing = ["pids", "memory", "cpu"].filter((controller) => !cgroups.name.includes(controller))
  if (missing.length === 0) return ok("limits", cgroups.name)
  const cost = {
    pids: "processes are counted per user of the sandbox alone",
    memory: "memory is watched once a second instead of bounded, and /tmp is smaller",
    cpu: "a busy sandbox takes processor time from the others"
  }
  return lack(
    "limits",
    cgroups.name === "none" ? "no control group may be made" : `${cgroups.name}; not ${missing.join(", ")}`,
    missing.map((controller) => cost[controller as keyof typeof cost]).join("; "),
    'systemd-run --user --scope -p Delegate="cpu memory pids" npm start'
  )
}

const filterOf = ({ filtered }: Seen): Finding =>
  filtered
    ? ok("system calls", "filtered in sandboxes, on both ways")
    : lack("system calls", `not filtered on ${process.arch}`, "sandboxes see all of the kernel", "use x64 or arm64")

const spaceOf = ({ free, freeMin }: Seen): Finding => {
  const said = `${Math.floor(free / 1_048_576)} MB free`
  return free >= freeMin
    ? ok("space", said)
    : broken(
        "space",
        said,
        `no sandbox is started with less than ${freeMin / 1_048_576} MB`,
        "free some, or move PROLIFERATE_DATA"
      )
}

export const sandboxes = (scratch: string | null, wish: Wish): Effect.Effect<ReadonlyArray<Finding>> => {
  const unsafe = lack(
    "isolation",
    isolationText("unsafe"),
    "an agent that errs, or is led astray, has this machine",
    "unset PROLIFERATE_ISOLATION"
  )
  if (wish === "unsafe" || scratch === null) return Effect.succeed(wish === "unsafe" ? [unsafe] : [])
  return inspectHost(scratch).pipe(
    Effect.map((seen) => {
      const fix = seen.advice.join("\n")
      return [
        ...seen.ways.map((way) => wayOf(seen, way, fix, way.name === wish)),
        filterOf(seen),
        limitsOf(seen),
        disksOf(seen),
        spaceOf(seen)
      ]
    }),
    Effect.catch(({ message }) => Effect.succeed([broken("isolation", message, "no agent can run", null)]))
  )
}
