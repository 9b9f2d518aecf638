/**
 * Classic BPF as seccomp(2) takes it: from rules about system calls to the bytes of a program. The program looks at who calls and
 * with what, in the order of the rules, and the first that fits decides; a call that none fits is allowed. Nothing jumps further
 * than the end of its own rule, so that the reach of a jump (255) bounds a rule and never the whole.
 */

/** What is looked at of one argument. Its low half: the kernel takes none of the flags, requests and families here for wider. */
export type Test =
  | { readonly any: number }
  | { readonly oneOf: ReadonlyArray<number> }
  | { readonly noneOf: ReadonlyArray<number> }

export interface Rule {
  /** Numbers of the calls that it is about. */
  readonly calls: ReadonlyArray<number>
  /** What the caller is told instead. */
  readonly errno: number
  /** Refused when this holds of the argument; without it always. */
  readonly when?: { readonly argument: number; readonly test: Test }
}

export interface Machine {
  /** AUDIT_ARCH_… of linux/audit.h: numbers mean other calls on another. */
  readonly audit: number
  /** First number of calls of another ABI that shares this machine's name (x32). Null: there is none. */
  readonly foreignFrom: number | null
}

/** The kernel takes no longer program. */
export const instructionsMax = 4_096

const load = 0x20
const jumpIfEqual = 0x15
const jumpIfAtLeast = 0x35
const jumpIfAnyBit = 0x45
const answer = 0x06

const killProcess = 0x8000_0000
const allow = 0x7fff_0000
const refuse = (errno: number) => 0x0005_0000 | errno

/** Offsets in struct seccomp_data; both machines are little-endian, so the low half comes first. */
const numberAt = 0
const auditAt = 4
const argumentAt = (index: number) => 16 + 8 * index

const noSuchCall = 38

type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, value: number]
const instruction = (code: number, value: number, ifTrue = 0, ifFalse = 0): Instruction => [code, ifTrue, ifFalse, value]

/** Ends in a refusal, or in what `otherwise` says. */
const tested = (test: Test, errno: number, otherwise: number): ReadonlyArray<Instruction> => {
  if ("any" in test)
    return [instruction(jumpIfAnyBit, test.any, 0, 1), instruction(answer, refuse(errno)), instruction(answer, otherwise)]
  const [values, found, notFound] =
    "oneOf" in test ? [test.oneOf, refuse(errno), otherwise] : [test.noneOf, otherwise, refuse(errno)]
  return [
    ...values.map((value, index) => instruction(jumpIfEqual, value, values.length - index)),
    instruction(answer, notFound),
    instruction(answer, found)
  ]
}

const compiled = ({ calls, errno, when }: Rule): ReadonlyArray<Instruction> =>
  calls.flatMap((call) => {
    const body =
      when === undefined
        ? [instruction(answer, refuse(errno))]
        : [instruction(load, argumentAt(when.argument)), ...tested(when.test, errno, allow)]
    return [instruction(jumpIfEqual, call, 0, body.length), ...body]
  })

/** The program as an array of struct sock_filter. */
export const program = (machine: Machine, rules: ReadonlyArray<Rule>): Buffer => {
  const instructions = [
    instruction(load, auditAt),
    instruction(jumpIfEqual, machine.audit, 1),
    instruction(answer, killProcess),
    instruction(load, numberAt),
    ...(machine.foreignFrom === null
      ? []
      : [instruction(jumpIfAtLeast, machine.foreignFrom, 0, 1), instruction(answer, refuse(noSuchCall))]),
    ...rules.flatMap(compiled),
    instruction(answer, allow)
  ]
  if (instructions.length > instructionsMax) throw new RangeError(`${instructions.length} instructions are too many`)
  const bytes = Buffer.alloc(instructions.length * 8)
  instructions.forEach(([code, ifTrue, ifFalse, value], index) => {
    bytes.writeUInt16LE(code, index * 8)
    bytes.writeUInt8(ifTrue, index * 8 + 2)
    bytes.writeUInt8(ifFalse, index * 8 + 3)
    bytes.writeUInt32LE(value >>> 0, index * 8 + 4)
  })
  return bytes
}
