/** Scripts of an attacker. Each says what came of it, so that the same script on the host can show that it is able to succeed. */
import { execFile, spawnSync } from "node:child_process"
import { type Call, numbersOf } from "../../adapters/sandbox/local/seccomp/calls.ts"

export const hasPerl = spawnSync("perl", ["-e", "1"]).status === 0
const architecture = process.arch === "arm64" ? "arm64" : "x64"

/** One bare system call, by number: `did 0`, or `errno 1`. */
export const systemCall = (call: Call, ...given: ReadonlyArray<number>): string => {
  const words = [numbersOf(architecture, [call])[0]!, ...given].join(", ")
  return `perl -e 'my $r = syscall(${words}); print $r < 0 ? "errno " . ($! + 0) : "did", "\\n"'`
}

/** On the host, as the user of this test. */
export const outside = (script: string): Promise<string> =>
  new Promise((resolve, reject) =>
    execFile("/bin/sh", ["-c", `{ ${script}\n} 2>&1; true`], { timeout: 10_000 }, (error, stdout) =>
      error ? reject(error) : resolve(stdout.trim())
    )
  )

/** Dials and says what it heard: `seen`, or the code of the error. */
export const dial = (target: string): string =>
  `node -e 'require("net").connect(${target}).on("data", (d) => { console.log(String(d)); process.exit() }).on("error", (e) => { console.log(e.code); process.exit() })'`

/** Whether it can be written; nothing is. */
export const opensForWriting = (path: string): string => `(: >>'${path}') 2>/dev/null && echo written || echo refused`
