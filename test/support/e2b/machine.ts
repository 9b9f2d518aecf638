/**
 * A machine of the fake: a directory that is its disk, and while it runs real processes in namespaces of their own with that disk as
 * their root. Its user root is the host's, so only root can have one.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { join } from "node:path"

const envd = join(import.meta.dirname, "envd.ts")

/** Null, or why there can be none here. */
export const lacksMachines = (): string | null => {
  if (process.geteuid!() !== 0) return "only root can have such machines"
  return spawnSync("bwrap", ["--version"]).status === 0 ? null : "bubblewrap is not installed"
}

const etc = {
  passwd: "root:x:0:0::/root:/bin/bash\nuser:x:1000:1000::/home/user:/bin/bash\n",
  group: "root:x:0:\nuser:x:1000:\n",
  hosts: "127.0.0.1 localhost\n",
  "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n"
}
const mountPoints = [
  "usr",
  "proc",
  "dev",
  "run",
  "tmp",
  "root",
  "opt",
  "envd",
  "shared",
  "home/user",
  "var/log",
  "etc",
  "opt/node"
]
const outsideUsr = ["bin", "sbin", "lib", "lib64"]

/** The disk of a template. `node`: on the path of its users. */
export const makeDisk = (disk: string, { node }: { readonly node: boolean }): void => {
  for (const name of mountPoints) mkdirSync(join(disk, name), { recursive: true })
  for (const name of outsideUsr) symlinkSync(`usr/${name}`, join(disk, name))
  const path = `${node ? "/opt/node:" : ""}/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin`
  for (const [name, text] of Object.entries({ ...etc, profile: `export PATH=${path}\n` }))
    writeFileSync(join(disk, "etc", name), text)
  writeFileSync(join(disk, "opt/node/node"), "")
  for (const name of ["alternatives", "ssl"]) mkdirSync(join(disk, "etc", name))
  spawnSync("chown", ["-R", "1000:1000", join(disk, "home/user")])
}

/** With owners, rights and links as they are. */
export const copyDisk = (from: string, to: string): void => {
  const { status, stderr } = spawnSync("cp", ["-a", "--", from, to], { encoding: "utf8" })
  if (status !== 0) throw new Error(`a disk could not be copied: ${stderr}`)
}

/** Those of a process and of all that it started. */
const descendants = (pid: number): ReadonlyArray<number> => {
  const parents = new Map<number, Array<number>>()
  for (const name of readdirSync("/proc").filter((each) => /^\d+$/.test(each))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8")
      const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1])
      parents.set(parent, [...(parents.get(parent) ?? []), Number(name)])
    } catch {
      // It has ended.
    }
  }
  const found = [pid]
  for (let index = 0; index < found.length; index++) found.push(...(parents.get(found[index]!) ?? []))
  return found
}

export class Machine {
  readonly directory: string
  /** Connections through the edge: they break when it stops. */
  readonly connections = new Set<Socket>()
  #monitor: ChildProcess | null = null
  #isFrozen = false

  constructor(directory: string) {
    this.directory = directory
    mkdirSync(this.shared, { recursive: true })
  }

  get disk() {
    return join(this.directory, "disk")
  }
  get shared() {
    return join(this.directory, "shared")
  }
  get isOn(): boolean {
    return this.#monitor !== null && !this.#isFrozen
  }

  async boot(): Promise<void> {
    for (const name of ["envd.sock", "ports.sock"]) rmSync(join(this.shared, name), { force: true })
    const bind = (option: string, from: string, to = from) => (existsSync(from) ? [option, from, to] : [])
    const argv = [
      ...["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-net", "--cap-add", "ALL", "--die-with-parent"],
      ...bind("--bind", this.disk, "/"),
      ...["/usr", "/etc/alternatives", "/etc/ssl"].flatMap((path) => bind("--ro-bind", path)),
      ...bind("--ro-bind", process.execPath, "/opt/node/node"),
      ...["--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys", "--dev", "/dev", "--tmpfs", "/run", "--tmpfs", "/tmp"],
      ...["--chmod", "1777", "/tmp"],
      ...bind("--ro-bind", join(envd, ".."), "/envd"),
      ...bind("--bind", this.shared, "/shared"),
      ...["--clearenv", "--", "/opt/node/node", "/envd/envd.ts", "/shared"]
    ]
    const monitor = spawn("bwrap", argv, { cwd: "/", stdio: ["ignore", "ignore", "pipe"], env: { PATH: process.env["PATH"]! } })
    let said = ""
    monitor.stderr!.setEncoding("utf8").on("data", (text: string) => {
      said += text
    })
    this.#monitor = monitor
    // Nobody switched it off: this fake has a fault.
    monitor.on("exit", () => this.#monitor === monitor && console.error(`a machine ended by itself: ${said}`))
    this.#isFrozen = false
    for (let tries = 0; tries < 500; tries++) {
      if (monitor.exitCode !== null) throw new Error(`a machine did not start: ${said}`)
      if (await this.#answers()) return
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    throw new Error("a machine did not start within 10 s")
  }

  #answers(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(join(this.shared, "envd.sock"))
      socket.on("connect", () => resolve(true)).on("error", () => resolve(false))
      socket.on("connect", () => socket.destroy())
    })
  }

  #signal(name: NodeJS.Signals) {
    const pid = this.#monitor?.pid
    if (pid === undefined) return
    for (const each of descendants(pid)) {
      try {
        process.kill(each, name)
      } catch {
        // It has ended.
      }
    }
  }

  cut(): void {
    for (const socket of this.connections) socket.destroy()
    this.connections.clear()
  }

  /** Its processes stand still. */
  freeze(): void {
    this.#isFrozen = true
    this.#signal("SIGSTOP")
    this.cut()
  }

  thaw(): void {
    this.#signal("SIGCONT")
    this.#isFrozen = false
  }

  async off(): Promise<void> {
    const monitor = this.#monitor
    this.#monitor = null
    if (monitor === null) return
    const closed = new Promise((resolve) => monitor.once("close", resolve))
    for (const each of descendants(monitor.pid!)) {
      try {
        process.kill(each, "SIGKILL")
      } catch {
        // It has ended.
      }
    }
    this.cut()
    await closed
  }

  get hasMemory(): boolean {
    return this.#monitor !== null
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true })
  }
}
