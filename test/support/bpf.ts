/** Runs a classic BPF program on one system call, as the kernel would; written from the kernel's own description of it. */

export interface SystemCall {
  readonly audit: number
  readonly number: number
  readonly arguments?: ReadonlyArray<bigint>
}

const data = ({ audit, number, arguments: given = [] }: SystemCall): Buffer => {
  const bytes = Buffer.alloc(64)
  bytes.writeUInt32LE(number >>> 0, 0)
  bytes.writeUInt32LE(audit >>> 0, 4)
  given.forEach((value, index) => void bytes.writeBigUInt64LE(BigInt.asUintN(64, value), 16 + 8 * index))
  return bytes
}

/** What the kernel is told: SECCOMP_RET_… */
export const verdictOf = (program: Buffer, call: SystemCall): number => {
  const input = data(call)
  let accumulator = 0
  for (let at = 0; ; at++) {
    if (at * 8 >= program.length) throw new Error(`it runs off its end at ${at}`)
    const [code, ifTrue, ifFalse, value] = [
      program.readUInt16LE(at * 8),
      program.readUInt8(at * 8 + 2),
      program.readUInt8(at * 8 + 3),
      program.readUInt32LE(at * 8 + 4)
    ] as const
    const jump = (holds: boolean) => {
      at += holds ? ifTrue : ifFalse
    }
    switch (code) {
      case 0x20:
        accumulator = input.readUInt32LE(value)
        break
      case 0x15:
        jump(accumulator === value)
        break
      case 0x35:
        jump(accumulator >= value)
        break
      case 0x45:
        jump((accumulator & value) !== 0)
        break
      case 0x06:
        return value
      default:
        throw new Error(`${at}: there is no instruction ${code.toString(16)}`)
    }
  }
}

export const allowed = 0x7fff_0000
export const killed = 0x8000_0000
export const refusedWith = (errno: number) => 0x0005_0000 | errno
