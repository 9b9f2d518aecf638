/**
 * A program of 0.2 KB and the filter, made here because nothing that every machine has can load a filter: it gives up gaining
 * privileges, puts the filter on itself and becomes the command that follows. It never goes on without: when the kernel refuses, it
 * ends with 126.
 *
 *   prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || exit_group(126)
 *   prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) || exit_group(126)
 *   execve(argv[1], &argv[1], envp), exit_group(126)
 */
import type { Architecture } from "./calls.ts"
import type { Filter } from "./filter.ts"

const loadedAt = 0x40_0000
const headersBytes = 64 + 56
/** struct sock_fprog: how many instructions, and where. */
const descriptorBytes = 16

/** The code, when the descriptor comes `after` so many bytes from its start. */
type Code = (after: number) => Buffer

const bytes = (...parts: ReadonlyArray<ReadonlyArray<number> | number>): Buffer =>
  Buffer.concat(
    parts.map((part) => {
      if (typeof part !== "number") return Buffer.from(part)
      const word = Buffer.alloc(4)
      word.writeUInt32LE(part >>> 0)
      return word
    })
  )

const x64: Code = (after) => {
  const syscall = [0x0f, 0x05]
  const failAt = 79
  /** test eax, eax; jnz fail. `at` is where this is. */
  const orFail = (at: number) => [0x85, 0xc0, 0x75, failAt - (at + 4)]
  return bytes(
    ...[[0xbf], 38, [0xbe], 1], // mov edi, PR_SET_NO_NEW_PRIVS; mov esi, 1
    [0x31, 0xd2, 0x45, 0x31, 0xd2, 0x45, 0x31, 0xc0], // xor edx, edx; xor r10d, r10d; xor r8d, r8d
    ...[[0xb8], 157, syscall, orFail(25)], // mov eax, prctl
    ...[[0xbf], 22, [0xbe], 2], // mov edi, PR_SET_SECCOMP; mov esi, SECCOMP_MODE_FILTER
    ...[[0xba], loadedAt + headersBytes + after], // mov edx, descriptor
    ...[[0xb8], 157, syscall, orFail(51)],
    [0x48, 0x8b, 0x04, 0x24], // mov rax, [rsp]: argc
    [0x48, 0x8d, 0x74, 0x24, 0x10], // lea rsi, [rsp + 16]: &argv[1]
    [0x48, 0x8b, 0x3e], // mov rdi, [rsi]
    [0x48, 0x8d, 0x54, 0xc4, 0x10], // lea rdx, [rsp + 8 * rax + 16]: envp
    ...[[0xb8], 59, syscall], // mov eax, execve
    ...[[0xbf], 126, [0xb8], 231, syscall] // mov edi, 126; mov eax, exit_group
  )
}

const arm64: Code = (after) => {
  const set = (register: number, value: number) => 0xd280_0000 | (value << 5) | register
  const syscall = 0xd400_0001
  const failAt = 19
  /** cbnz x0, fail. Both count instructions. */
  const orFail = (at: number) => 0xb500_0000 | ((failAt - at) << 5)
  const distance = after - 10 * 4
  const adr = 0x1000_0002 | ((distance & 3) << 29) | ((distance >> 2) << 5) // adr x2, descriptor
  return bytes(
    ...[set(8, 167), set(0, 38), set(1, 1), set(2, 0), set(3, 0), set(4, 0), syscall, orFail(7)],
    ...[set(0, 22), set(1, 2), adr, syscall, orFail(12)],
    0xf940_03e3, // ldr x3, [sp]
    0x9100_43e1, // add x1, sp, #16
    0xf940_0020, // ldr x0, [x1]
    0x8b03_0c22, // add x2, x1, x3, lsl #3
    ...[set(8, 221), syscall],
    ...[set(0, 126), set(8, 94), syscall]
  )
}

const machines: Readonly<Record<Architecture, { readonly elf: number; readonly code: Code }>> = {
  x64: { elf: 62, code: x64 },
  arm64: { elf: 183, code: arm64 }
}

/** The file of the program: a static executable of one segment. */
export const seal = ({ architecture, bytes: filter }: Filter): Buffer => {
  const { elf, code } = machines[architecture]
  const after = Math.ceil(code(0).length / 8) * 8
  const whole = headersBytes + after + descriptorBytes + filter.length
  const file = Buffer.alloc(whole)
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
  file.writeUInt16LE(2, 16) // executable
  file.writeUInt16LE(elf, 18)
  file.writeUInt32LE(1, 20)
  file.writeBigUInt64LE(BigInt(loadedAt + headersBytes), 24) // entry
  file.writeBigUInt64LE(64n, 32) // program headers
  file.writeUInt16LE(64, 52)
  file.writeUInt16LE(56, 54)
  file.writeUInt16LE(1, 56)
  file.writeUInt32LE(1, 64) // loaded
  file.writeUInt32LE(5, 68) // readable, executable
  file.writeBigUInt64LE(BigInt(loadedAt), 80)
  file.writeBigUInt64LE(BigInt(loadedAt), 88)
  file.writeBigUInt64LE(BigInt(whole), 96)
  file.writeBigUInt64LE(BigInt(whole), 104)
  file.writeBigUInt64LE(0x1_0000n, 112) // pages of arm64 are up to 64 KB
  file.set(code(after), headersBytes)
  const descriptor = headersBytes + after
  file.writeUInt16LE(filter.length / 8, descriptor)
  file.writeBigUInt64LE(BigInt(loadedAt + descriptor + descriptorBytes), descriptor + 8)
  file.set(filter, descriptor + descriptorBytes)
  return file
}
