/**
 * What a sandbox sees, whichever way encloses it: the host's programs read-only, a few files of /etc, our node and our bundle at
 * fixed paths, its own disk, its own sockets. Nothing else of the host has a name in there.
 */
import { existsSync, lstatSync, readlinkSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { makeDirectory, writeDurably } from "./disk.ts"
import { attempt } from "./failure.ts"
import type { Place } from "./place.ts"
import type { Filter } from "./seccomp/filter.ts"
import { seal } from "./seccomp/seal.ts"

export const uid = 1000
export const workspace = "/workspace"
export const home = "/home/user"
export const daemonSocket = "/run/proliferate/daemon.sock"
export const proxySocket = "/run/proliferate/proxy.sock"
export const node = "/opt/proliferate/bin/node"
export const bundle = "/opt/proliferate/proliferate.mjs"
export const agents = "/opt/agents"

/** Where the parts of one sandbox are, as its user on the host reaches them. */
export interface View {
  readonly workspace: string
  readonly home: string
  readonly inbox: string
  readonly proxy: string
  readonly node: string
  /** Null in tests that bring a command of their own. */
  readonly bundle: string | null
  /** Of the agents that are installed on the host. Null in tests that need none. */
  readonly agents: string | null
  readonly inside: string
  /** An empty directory to build the root on. */
  readonly root: string
  /** There is a filter of system calls in `inside`, and its sealing program. */
  readonly isFiltered: boolean
  /** Each of /tmp, /var/tmp and /dev/shm, which lie in memory. */
  readonly tmpBytesMax: number
}

export interface Bind {
  readonly from: string
  readonly to: string
  readonly writable: boolean
}

/** Of the host's /etc: what TLS, the loader and Debian's alternatives need. Keys and passwords are elsewhere. */
const etc = [
  "ssl/certs",
  "ssl/openssl.cnf",
  "pki/tls/certs",
  "pki/ca-trust",
  "ca-certificates",
  "crypto-policies",
  "alternatives",
  "ld.so.cache"
]

/** Of /proc: what could reach beyond the sandbox were it writable, and what tells of the host. Not all is on every kernel. */
const here = (names: ReadonlyArray<string>) => names.map((name) => `/proc/${name}`).filter((path) => existsSync(path))
export const procReadOnly = here(["sys", "irq", "bus", "fs", "sysrq-trigger"])
export const procHidden = here(["kcore", "keys", "key-users", "latency_stats", "sched_debug", "timer_list"])

/** On most systems links into /usr, on some directories of their own. */
const outsideUsr = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"]

const isLink = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false

export const links: ReadonlyArray<{ readonly path: string; readonly target: string }> = outsideUsr
  .filter((name) => isLink(`/${name}`))
  .map((name) => ({ path: `/${name}`, target: readlinkSync(`/${name}`) }))

const hostBinds: ReadonlyArray<string> = [
  "/usr",
  ...outsideUsr.map((name) => `/${name}`).filter((path) => existsSync(path) && !isLink(path)),
  ...etc.map((name) => `/etc/${name}`).filter((path) => existsSync(path))
]

export const binds = (view: View): ReadonlyArray<Bind> => [
  ...hostBinds.map((path) => ({ from: path, to: path, writable: false })),
  ...Object.keys(ownEtc).map((name) => ({ from: join(view.inside, name), to: `/etc/${name}`, writable: false })),
  { from: view.node, to: node, writable: false },
  { from: join(view.inside, "proliferate"), to: "/opt/proliferate/bin/proliferate", writable: false },
  ...(view.bundle === null ? [] : [{ from: view.bundle, to: bundle, writable: false }]),
  ...(view.agents === null ? [] : [{ from: view.agents, to: agents, writable: false }]),
  { from: view.home, to: home, writable: true },
  { from: view.workspace, to: workspace, writable: true },
  { from: view.inbox, to: "/run/proliferate", writable: true },
  { from: view.proxy, to: "/run/proliferate-proxy", writable: false }
]

/** `proxy.sock` in the inbox: the socket itself is where only the host can replace it. */
export const proxyLink = "../proliferate-proxy/proxy.sock"

export const environment = (sessionId: string): Readonly<Record<string, string>> => ({
  HOME: home,
  USER: "user",
  LOGNAME: "user",
  SHELL: existsSync("/bin/bash") ? "/bin/bash" : "/bin/sh",
  PATH: "/opt/proliferate/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
  LANG: "C.UTF-8",
  TERM: "xterm-256color",
  PROLIFERATE_SESSION: sessionId,
  PROLIFERATE_AGENTS_DIR: agents,
  PROLIFERATE_PROXY: proxySocket
})

export const daemonCommand: ReadonlyArray<string> = [
  ...[node, bundle, "daemon", "--socket", daemonSocket],
  ...["--workspace", workspace, "--home", home]
]

/**
 * Pid 1. It reaps what loses its parent, which node does not, and cannot be killed from inside; when the daemon ends it ends,
 * and the kernel ends all the others with it.
 */
export const init = (limits: ReadonlyArray<string>, command: ReadonlyArray<string>): ReadonlyArray<string> => [
  "/usr/bin/prlimit",
  ...limits,
  "--",
  "/bin/sh",
  "-c",
  '"$@" & wait $!',
  "init",
  ...command
]

const ownEtc = {
  passwd: `root:x:0:0::/root:/usr/sbin/nologin\nuser:x:${uid}:${uid}::${home}:/bin/bash\nnobody:x:65534:65534::/:/usr/sbin/nologin\n`,
  group: `root:x:0:\nuser:x:${uid}:\nnogroup:x:65534:\n`,
  hosts: "127.0.0.1 localhost sandbox\n::1 localhost\n",
  // Nothing answers names in here; a quick no is better than a slow one.
  "resolv.conf": "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
  "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n"
}

/** Compiled once in a sandbox: half of the time that a call of it takes. */
const command = `#!/bin/sh
export NODE_COMPILE_CACHE="\${PROLIFERATE_COMPILED:-/tmp/.proliferate}"
exec "\${PROLIFERATE_NODE:-${node}}" "\${PROLIFERATE_BUNDLE:-${bundle}}" "$@"
`

export const filterFile = "filter"
export const sealFile = "seal"

/** Binds keep the file that they were made with, so that a running sandbox keeps its own until it is started again. */
export const writeInside = (place: Place, filter: Filter | null) =>
  attempt(`write ${place.inside}`, async () => {
    await makeDirectory(place.inside, 0o755)
    const files: Record<string, string | Buffer> = {
      ...ownEtc,
      proliferate: command,
      ...(filter && { [filterFile]: filter.bytes, [sealFile]: seal(filter) })
    }
    for (const [name, content] of Object.entries(files)) await writeDurably(join(place.inside, name), content, 0o755)
  }).pipe(Effect.withSpan("sandbox.writeInside"))
