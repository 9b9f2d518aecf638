/** The filter of system calls: what it decides, read by an interpreter of our own; and the program that puts it on, for real. */
import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import fc from "fast-check"
import { afterAll, describe, it } from "vitest"
import { instructionsMax, program, type Rule } from "../../adapters/sandbox/local/seccomp/bpf.ts"
import { type Architecture, type Call, calls, numbersOf } from "../../adapters/sandbox/local/seccomp/calls.ts"
import { filterFor } from "../../adapters/sandbox/local/seccomp/filter.ts"
import { seal } from "../../adapters/sandbox/local/seccomp/seal.ts"
import { allowed, killed, refusedWith, verdictOf } from "../support/bpf.ts"

const audits: Readonly<Record<Architecture, number>> = { x64: 0xc000_003e, arm64: 0xc000_00b7 }
const architectures = ["x64", "arm64"] as const
const [notPermitted, noSuchCall, noSuchFamily] = [refusedWith(1), refusedWith(38), refusedWith(97)]

describe.each(architectures)("the filter of %s", (architecture) => {
  const ask = (call: Call, given: ReadonlyArray<number | bigint> = [], nested = false) =>
    verdictOf(filterFor(architecture, nested)!.bytes, {
      audit: audits[architecture],
      number: numbersOf(architecture, [call])[0]!,
      arguments: given.map(BigInt)
    })

  it("knows its calls by one number each", () => {
    const numbers = numbersOf(architecture, calls)
    assert.equal(new Set(numbers).size, numbers.length)
  })

  it("is short enough for the kernel", () => {
    assert.ok(filterFor(architecture, false)!.bytes.length / 8 < instructionsMax / 10)
  })

  it("refuses the kernel's code, keys, counters and io_uring, whatever they are asked", () => {
    for (const call of ["bpf", "init_module", "kexec_load", "add_key", "keyctl", "perf_event_open", "userfaultfd"] as const)
      for (const nested of [false, true]) assert.equal(ask(call, [1, 2, 3], nested), notPermitted, call)
    assert.equal(ask("io_uring_setup", [8]), noSuchCall)
    assert.equal(ask("open_by_handle_at"), notPermitted)
  })

  it("lets a debugger start a program and not enter one that runs", () => {
    assert.equal(ask("ptrace", [0]), allowed)
    assert.equal(ask("ptrace", [7]), allowed)
    assert.equal(ask("ptrace", [16]), notPermitted)
    assert.equal(ask("ptrace", [0x4206]), notPermitted)
    assert.equal(ask("process_vm_writev"), notPermitted)
  })

  it("cannot be passed by what stands in the high half of an argument", () => {
    const high = 0xdead_0000_0000n
    assert.equal(ask("ioctl", [0, high | 0x5412n]), notPermitted)
    assert.equal(ask("ioctl", [0, high | 0x5401n]), allowed)
    assert.equal(ask("ptrace", [high | 16n]), notPermitted)
    assert.equal(ask("unshare", [high | 0x1000_0000n]), notPermitted)
  })

  it("leaves the usual kinds of socket and no other", () => {
    for (const family of [1, 2, 10, 16]) assert.equal(ask("socket", [family]), allowed)
    for (const family of [0, 3, 17, 21, 29, 31, 38, 40, 44]) assert.equal(ask("socket", [family]), noSuchFamily)
  })

  it("refuses new namespaces and mounts, unless they were allowed", () => {
    const thread = 0x3d0f00
    assert.equal(ask("clone", [thread]), allowed)
    assert.equal(ask("clone", [17]), allowed)
    assert.equal(ask("unshare", [0x400]), allowed)
    assert.equal(ask("clone3"), noSuchCall)
    for (const flag of [0x2_0000, 0x200_0000, 0x400_0000, 0x800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000]) {
      for (const call of ["clone", "unshare"] as const) {
        assert.equal(ask(call, [flag | 17]), notPermitted)
        assert.equal(ask(call, [flag | 17], true), allowed)
      }
    }
    for (const call of ["mount", "setns", "fsopen", "pivot_root"] as const) {
      assert.equal(ask(call), notPermitted)
      assert.equal(ask(call, [], true), allowed)
    }
    assert.equal(ask("clone3", [], true), allowed)
  })

  it("keeps the personalities of sanitizers and containers", () => {
    for (const personality of [0, 0x4_0000, 0xffff_ffff]) assert.equal(ask("personality", [personality]), allowed)
    assert.equal(ask("personality", [0x40_0000]), notPermitted)
  })

  it("allows every other call, and kills who calls by another machine's numbers", () => {
    const { bytes } = filterFor(architecture, false)!
    const named = new Set(numbersOf(architecture, calls))
    for (let number = 0; number < 600; number++)
      if (!named.has(number)) assert.equal(verdictOf(bytes, { audit: audits[architecture], number }), allowed, `${number}`)
    for (const audit of [0x4000_0003, 0x4000_0028, audits[architecture === "x64" ? "arm64" : "x64"]])
      assert.equal(verdictOf(bytes, { audit, number: 1 }), killed)
  })
})

describe("a filter", () => {
  it("does not know the numbers of other machines", () => {
    assert.equal(filterFor("riscv64", false), null)
  })

  it("refuses the second ABI of x64", () => {
    const { bytes } = filterFor("x64", false)!
    assert.equal(verdictOf(bytes, { audit: audits.x64, number: 0x4000_0000 + 165 }), noSuchCall)
  })

  it("decides as its rules say, by whatever arguments", () => {
    const word = fc.integer({ min: 0, max: 0xffff_ffff })
    const few = fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 12 })
    const test = fc.oneof(
      fc.record({ any: word }),
      few.map((oneOf) => ({ oneOf })),
      few.map((noneOf) => ({ noneOf }))
    )
    const when = fc.option(fc.record({ argument: fc.nat(5), test }), { nil: undefined })
    const rule = fc.record({ calls: fc.uniqueArray(fc.nat(30), { maxLength: 5 }), errno: fc.integer({ min: 1, max: 100 }), when })
    const call = fc.record({
      number: fc.nat(35),
      arguments: fc.array(fc.oneof(fc.nat(25), word), { minLength: 6, maxLength: 6 })
    })

    const expected = (rules: ReadonlyArray<Rule>, number: number, given: ReadonlyArray<number>) => {
      const first = rules.find(({ calls }) => calls.includes(number))
      if (first === undefined) return allowed
      if (first.when === undefined) return refusedWith(first.errno)
      const { argument, test } = first.when
      const value = given[argument]!
      const holds =
        "any" in test ? (value & test.any) !== 0 : "oneOf" in test ? test.oneOf.includes(value) : !test.noneOf.includes(value)
      return holds ? refusedWith(first.errno) : allowed
    }
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 8 }), call, (drawn, { number, arguments: given }) => {
        const rules = drawn.map(({ when, ...rest }): Rule => (when === undefined ? rest : { ...rest, when }))
        const bytes = program({ audit: 7, foreignFrom: null }, rules)
        const verdict = verdictOf(bytes, { audit: 7, number, arguments: given.map(BigInt) })
        assert.equal(verdict, expected(rules, number, given))
      })
    )
  })
})

const here = filterFor(process.arch, false)

describe.skipIf(here === null)("the program that puts the filter on", () => {
  const directory = mkdtempSync(join(tmpdir(), "proliferate-seal-"))
  afterAll(() => rmSync(directory, { recursive: true }))
  const sealed = (filter: typeof here, ...command: ReadonlyArray<string>) => {
    const path = join(directory, "seal")
    writeFileSync(path, seal(filter!), { mode: 0o755 })
    const { status, stdout } = spawnSync(path, command, { encoding: "utf8", env: { WORD: "as it was" } })
    return { status, stdout }
  }

  it("becomes the command, with its arguments and environment, under the filter and with no way to more rights", () => {
    const ask =
      'echo "$WORD $*"; grep -E "^(NoNewPrivs|Seccomp):" /proc/self/status; unshare -Ur true 2>/dev/null || echo refused'
    const { status, stdout } = sealed(here, "/bin/sh", "-c", ask, "sh", "a b", "c")
    assert.equal(stdout, "as it was a b c\nNoNewPrivs:\t1\nSeccomp:\t2\nrefused\n")
    assert.equal(status, 0)
  })

  it("ends with 126 when the kernel does not take the filter, and when there is nothing to become", () => {
    assert.equal(sealed({ ...here!, bytes: Buffer.alloc(8) }, "/bin/true").status, 126)
    assert.equal(sealed(here, "/nowhere").status, 126)
    assert.equal(sealed(here).status, 126)
    assert.equal(sealed(here, "/bin/true").status, 0)
  })
})
