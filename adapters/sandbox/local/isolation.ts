/**
 * How the processes of a sandbox are kept apart from the host and from one another: user, mount, process, network, IPC and
 * host-name namespaces of their own, no capability, no new privileges. One file per way to do it; probe.ts finds what works.
 *
 * The way in is a chain of programs that each do one thing and become the next:
 *
 *   gate       waits until we have written down who it is; if we die first, it ends and nothing has begun
 *   porch      as root: shows the sandbox's user the parts it needs on a tmpfs, in a mount namespace of its own…
 *   setpriv    …and becomes that user, before anything else
 *   overlay    stacks the layers, in a user namespace of its own
 *   enclose    bubblewrap.ts or utillinux.ts
 *   filter     of system calls, put on by what encloses (seccomp/)
 *   limits     per process; inside, so that one sandbox's processes are counted apart from another's
 */
import { readFileSync } from "node:fs"
import { basename, join } from "node:path"
import { init, type View } from "./inside.ts"
import * as limits from "./limits.ts"
import type { Place } from "./place.ts"

export interface Isolation {
  readonly name: "bubblewrap" | "util-linux" | "unsafe"
  /** Programs of the host that it uses. */
  readonly needs: ReadonlyArray<string>
  /**
   * The command line that runs `command` enclosed, as pid 1. It writes who that is on the host to file descriptor 3, as JSON,
   * before the command starts, and ends when the command ends.
   */
  readonly enclose: (view: View, sessionId: string, command: ReadonlyArray<string>) => ReadonlyArray<string>
}

export interface Programs {
  /** Of node, on the host. */
  readonly node: string
  readonly bundle: string | null
  /** The directory of installed agents. */
  readonly agents: string | null
}

/** Where the sandbox's user finds the host's files: where they are, or on the porch. */
interface Ways {
  readonly binds: ReadonlyArray<readonly [from: string, to: string]>
  readonly layers: string
  readonly box: string
  readonly run: string
  readonly node: string
  readonly bundle: string | null
  readonly agents: string | null
  readonly inside: string
}

const waysTo = (place: Place, sandboxId: string, { node, bundle, agents }: Programs): Ways => {
  const box = place.box(sandboxId).directory
  const run = place.run(sandboxId).directory
  const { porch, layers, inside } = place
  if (porch === null) return { binds: [], layers, box, run, node, bundle, agents, inside }
  const on = (name: string) => join(porch, name)
  return {
    binds: [
      [layers, on("layers")],
      [box, on(`sandboxes/${sandboxId}`)],
      [run, on("run")],
      [inside, on("inside")],
      [node, on("node")],
      ...(bundle === null ? [] : [[bundle, on("bundle")] as const]),
      ...(agents === null ? [] : [[agents, on("agents")] as const])
    ],
    layers: on("layers"),
    box: on(`sandboxes/${sandboxId}`),
    run: on("run"),
    node: on("node"),
    bundle: bundle === null ? null : on("bundle"),
    agents: agents === null ? null : on("agents"),
    inside: on("inside")
  }
}

const script = (text: string, ...args: ReadonlyArray<string>) => ["/bin/sh", "-euc", text, "sandbox", ...args]

/** Opens at a line on its standard input. */
export const gate = script('read -r GO || exit 0; exec "$@" </dev/null')

const porch = ({ porch: at, uid }: Place, { binds }: Ways): ReadonlyArray<string> =>
  at === null
    ? []
    : [
        ...["unshare", "--mount", "--propagation", "private", "--"],
        ...script(
          `mount -t tmpfs -o mode=0755,nosuid,nodev,size=1m porch "$1"; shift
           while [ "$1" != -- ]; do
             if [ -d "$1" ]; then mkdir -p "$2"; else : >"$2"; fi
             mount --bind "$1" "$2"; shift 2
           done; shift; exec "$@"`,
          at,
          ...binds.flat(),
          "--"
        ),
        ...["setpriv", "--reuid", `${uid}`, "--regid", `${uid}`, "--clear-groups", "--"]
      ]

/** Relative names: they hold whatever characters the data directory has, and keep the options short. */
const overlay = (ways: Ways, layers: ReadonlyArray<string>, writable: boolean): ReadonlyArray<string> => {
  const box = `../sandboxes/${basename(ways.box)}`
  const upper = writable ? `,upperdir=${box}/disk,workdir=${box}/work` : ""
  return [
    ...["unshare", "--user", "--map-root-user", "--mount", "--propagation", "private", "--"],
    ...script(
      // Newer mount(8) would cut the options at 256 bytes on their way to the kernel.
      'export LIBMOUNT_FORCE_MOUNT2=always; cd "$1"; mount -t overlay -o "$2" overlay "$3"; cd /; shift 3; exec "$@"',
      ways.layers,
      `lowerdir=${[...layers, "empty"].join(":")}${upper},userxattr,nosuid,nodev`,
      `${box}/merged`
    )
  ]
}

const filesOpenMax = (): number => {
  const hard = /^Max open files\s+\S+\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1]
  return Math.min(limits.filesOpenMax, hard === undefined ? limits.filesOpenMax : Number(hard))
}

/** What one process may have. */
export interface Rlimits {
  readonly fileBytesMax: number
  /** Counted over all of a sandbox, where there are no control groups to do so. */
  readonly processesMax: number
}

export interface Start {
  readonly place: Place
  readonly isolation: Isolation
  readonly programs: Programs
  readonly sandboxId: string
  readonly sessionId: string
  /** Null: the disk is whole as it lies, not a stack. */
  readonly layers: ReadonlyArray<string> | null
  readonly rlimits: Rlimits
  readonly isFiltered: boolean
  readonly tmpBytesMax: number
  readonly command: ReadonlyArray<string>
}

export const startLine = (start: Start): ReadonlyArray<string> => {
  const ways = waysTo(start.place, start.sandboxId, start.programs)
  const disk = join(ways.box, start.layers === null ? "disk" : "merged")
  const view: View = {
    workspace: join(disk, "workspace"),
    home: join(disk, "home"),
    inbox: join(ways.run, "inbox"),
    proxy: join(ways.run, "proxy"),
    node: ways.node,
    bundle: ways.bundle,
    agents: ways.agents,
    inside: ways.inside,
    root: join(ways.box, "root"),
    isFiltered: start.isFiltered,
    tmpBytesMax: start.tmpBytesMax
  }
  const { fileBytesMax, processesMax } = start.rlimits
  const options = [`--nproc=${processesMax}`, `--nofile=${filesOpenMax()}`, "--core=0", `--fsize=${fileBytesMax}`]
  return [
    ...porch(start.place, ways),
    ...(start.layers === null ? [] : overlay(ways, start.layers, true)),
    ...start.isolation.enclose(view, start.sessionId, init(options, start.command))
  ]
}

/** Copies what a stack of layers shows into the box's `flat`, as the sandboxes' user. */
export const flattenLine = (place: Place, sandboxId: string, layers: ReadonlyArray<string>): ReadonlyArray<string> => {
  const ways = waysTo(place, sandboxId, { node: process.execPath, bundle: null, agents: null })
  return [...porch(place, ways), ...overlay(ways, layers, false), "cp", "-aT", join(ways.box, "merged"), join(ways.box, "flat")]
}
