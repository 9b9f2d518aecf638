/**
 * What is done inside a sandbox at E2B, over the SDK's files and commands: our bundle put there once, our daemon started in a process
 * namespace of its own, and ended with all that it started. The commands run as root of the machine, the daemon as its user.
 */
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import type { Sandbox as Machine } from "e2b"
import { Effect, Schedule } from "effect"
import { relayPort } from "../../../actors/ports/proxy.ts"
import type { Api } from "./api.ts"
import { failed } from "./failure.ts"
import * as limits from "./limits.ts"

/** Where the daemon listens, beside the relay. */
export const daemonPort = relayPort + 1

const home = "/home/user"
const opt = "/opt/proliferate"
const bundlePath = `${opt}/proliferate.mjs`
const proxySocket = "/run/proliferate/proxy.sock"
const log = "/var/log/proliferate.log"
const nodeMajor = 24

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`

/** Makes what the daemon needs and is not there, and tells of the rest. */
const preparation = `
for made in /workspace /run/proliferate; do [ -d $made ] || install -d -o user -g user $made; done
mkdir -p ${opt}/bin
node=$(command -v node || echo none)
echo "node $node $("$node" --version 2>/dev/null || echo none)"
for program in git unshare setpriv sha256sum; do command -v $program >/dev/null || echo "lacks $program"; done
id -u user >/dev/null 2>&1 || echo "lacks the user named user"
[ -f ${bundlePath} ] && echo "bundle $(sha256sum < ${bundlePath} | cut -d ' ' -f 1)"
true`

export interface Bundle {
  readonly bytes: ArrayBuffer
  readonly sha256: string
}

export const readBundle = (path: string): Bundle => {
  const bytes = readFileSync(path)
  return {
    bytes: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer,
    sha256: createHash("sha256").update(bytes).digest("hex")
  }
}

export const makeInside = ({ once, repeatable }: Api, template: string) => {
  const shell = (machine: Machine, what: string, command: string) =>
    repeatable(what, (signal) => machine.commands.run(command, { user: "root", timeoutMs: limits.commandMs, signal }))

  const advice = `Name a template with Node ${nodeMajor}, git and util-linux in PROLIFERATE_E2B_TEMPLATE: one built from the image node:${nodeMajor}-bookworm has them.`

  /** The path of a node that can run the daemon. */
  const prepared = Effect.fn("E2B.prepared")(function* (machine: Machine, bundle: Bundle) {
    const { stdout } = yield* shell(machine, "prepare a sandbox", preparation)
    const told = stdout.split("\n").map((line) => line.split(" "))
    const lacks = told.filter(([word]) => word === "lacks").map(([, ...what]) => what.join(" "))
    const [, node = "none", version = "none"] = told.find(([word]) => word === "node") ?? []
    const major = Number(/^v(\d+)\./.exec(version)?.[1] ?? 0)
    if (major < nodeMajor) lacks.unshift(`Node ${nodeMajor} (it has ${version === "none" ? "none" : version})`)
    if (lacks.length > 0) return yield* failed("rejected", `The template ${template} of E2B lacks ${lacks.join(", ")}. ${advice}`)
    if (told.some(([word, sum]) => word === "bundle" && sum === bundle.sha256)) return node
    const draft = `${bundlePath}.new`
    yield* repeatable(
      "upload the daemon",
      (signal) =>
        machine.files.write(draft, bundle.bytes, { user: "root", gzip: true, requestTimeoutMs: limits.uploadMs, signal }),
      limits.uploadMs
    )
    const command = `printf '#!/bin/sh\\nNODE_COMPILE_CACHE=/tmp/.proliferate exec %s %s "$@"\\n' ${quoted(node)} ${bundlePath} > ${opt}/bin/proliferate && chmod 755 ${opt}/bin/proliferate`
    const check = `echo '${bundle.sha256}  ${draft}' | sha256sum -c --quiet - && chmod 644 ${draft} && mv -f ${draft} ${bundlePath}`
    yield* shell(machine, "install the daemon", `${check} && ${command}`)
    return node
  })

  /** The process that ours all descend from, in whatever way it was started; null: none. */
  const supervisor = Effect.fnUntraced(function* (machine: Machine) {
    const all = yield* repeatable("look at a sandbox's processes", (signal) => machine.commands.list({ signal }))
    return all.find(({ args }) => args.some((arg) => arg.includes(`${bundlePath} daemon`)))?.pid ?? null
  })

  return {
    supervisor,

    /** Starts the daemon and returns at once. The environment is given here, each time, and is kept nowhere. */
    start: Effect.fn("E2B.start")(function* (machine: Machine, bundle: Bundle, sessionId: string, secretSha256: string) {
      const node = yield* prepared(machine, bundle)
      const environment = {
        HOME: home,
        USER: "user",
        LOGNAME: "user",
        SHELL: "/bin/bash",
        PATH: `${opt}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
        LANG: "C.UTF-8",
        TERM: "xterm-256color",
        PROLIFERATE_SESSION: sessionId,
        PROLIFERATE_PROXY: proxySocket
      }
      const daemon = `${quoted(node)} ${bundlePath} daemon --port ${daemonPort} --secret-sha256 ${secretSha256}`
      const env = Object.entries(environment).map(([name, value]) => `${name}=${quoted(value)}`)
      const asUser = `setpriv --reuid=user --regid=user --init-groups -- env -i ${env.join(" ")}`
      // Process 1 of the namespace waits for the daemon and reaps what comes; when it ends, the kernel ends all the others. It stays
      // root's: who changes the user is no longer ended with its parent.
      const first = `cd /workspace && { ${asUser} ${daemon} & wait $!; }`
      const command = [
        `exec unshare --pid --mount-proc --fork --kill-child=KILL -- /bin/sh -c ${quoted(first)}`,
        `> >(head -c ${limits.logBytesMax} > ${log}; exec cat > /dev/null) 2>&1 < /dev/null`
      ].join(" ")
      // Not repeated by itself: two would be started.
      const started = yield* once("start the daemon", (signal) =>
        machine.commands.run(command, {
          user: "root",
          background: true,
          timeoutMs: 0,
          signal,
          requestTimeoutMs: limits.commandMs
        })
      )
      // It goes on without us; what it says is in its log.
      yield* Effect.ignore(once("let the daemon run", () => started.disconnect()))
    }),

    /** Returns when none of ours lives. What is not there need not be ended. */
    end: Effect.fn("E2B.end")(function* (machine: Machine) {
      yield* Effect.gen(function* () {
        const pid = yield* supervisor(machine)
        if (pid !== null) yield* repeatable("end the daemon", (signal) => machine.commands.kill(pid, { signal }))
        return pid === null
      }).pipe(
        Effect.repeat({ until: (isOver) => isOver, schedule: Schedule.spaced("100 millis") }),
        Effect.timeoutOrElse({
          duration: limits.killMs,
          orElse: () => Effect.fail(failed("unreachable", `The daemon is still there ${limits.killMs / 1_000} s after SIGKILL.`))
        })
      )
    }),

    sync: (machine: Machine) => shell(machine, "write a sandbox's disk", "sync"),

    /** Of a daemon that did not come up: before it was told anything, so there is no secret in it. */
    lastWords: (machine: Machine) =>
      shell(machine, "read the daemon's log", `tail -c ${limits.logQuotedBytesMax} ${log}`).pipe(
        Effect.map(({ stdout }) => stdout.replace(/[^\P{Cc}\n]/gu, "").trim()),
        Effect.orElseSucceed(() => "")
      )
  }
}
export type Inside = ReturnType<typeof makeInside>
