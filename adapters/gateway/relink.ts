/**
 * Lets an addon that was built on glibc 2.38 load on an older one. Such tool chains name three C functions by C23 aliases that are
 * new in 2.38 (`__isoc23_strtol`, `__isoc23_strtoul`, `__isoc23_sscanf`); their plain names have been there for ever. Each alias
 * is the plain name with a prefix, so moving the symbol's name on by its length renames it, and its required version becomes the
 * platform's first. A dozen bytes of the file change. ELF, 64 bit, little endian.
 */

const tooNew = "GLIBC_2.38"
const alias = /^__isoc23_(strto|sscanf)/
const aliasPrefixBytes = "__isoc23_".length

const sectionType = { dynsym: 11, verneed: 0x6ffffffe, versym: 0x6fffffff }
const machine = { x64: 0x3e }
const symbolBytes = 24
const versionMask = 0x7fff

interface Section {
  readonly type: number
  readonly offset: number
  readonly size: number
  readonly link: number
  readonly count: number
}

/** A version of a library that the file asks for, where it stands and the index that symbols name it by. */
interface Need {
  readonly at: number
  readonly name: string
  readonly library: string
  readonly index: number
}

const sectionsOf = (bytes: Buffer): ReadonlyArray<Section> => {
  const table = Number(bytes.readBigUInt64LE(0x28))
  const entryBytes = bytes.readUInt16LE(0x3a)
  return Array.from({ length: bytes.readUInt16LE(0x3c) }, (_, index) => {
    const at = table + index * entryBytes
    return {
      type: bytes.readUInt32LE(at + 4),
      offset: Number(bytes.readBigUInt64LE(at + 24)),
      size: Number(bytes.readBigUInt64LE(at + 32)),
      link: bytes.readUInt32LE(at + 40),
      count: bytes.readUInt32LE(at + 44)
    }
  })
}

const needsOf = (bytes: Buffer, { offset, count }: Section, text: (at: number) => string): ReadonlyArray<Need> => {
  const needs: Array<Need> = []
  let file = offset
  for (let i = 0; i < count; i++) {
    const library = text(bytes.readUInt32LE(file + 4))
    let at = file + bytes.readUInt32LE(file + 8)
    for (let j = 0; j < bytes.readUInt16LE(file + 2); j++) {
      needs.push({ at, library, name: text(bytes.readUInt32LE(at + 8)), index: bytes.readUInt16LE(at + 6) & versionMask })
      at += bytes.readUInt32LE(at + 12)
    }
    file += bytes.readUInt32LE(file + 12)
  }
  return needs
}

/** A copy that needs no glibc 2.38. Throws where the file needs it for anything but the three aliases. */
export const relink = (original: Uint8Array): Buffer => {
  const bytes = Buffer.from(original)
  if (bytes.readUInt32BE(0) !== 0x7f454c46 || bytes[4] !== 2 || bytes[5] !== 1)
    throw new Error("not a 64 bit little endian ELF file")
  const sections = sectionsOf(bytes)
  const section = (type: number): Section => {
    const found = sections.find((its) => its.type === type)
    if (found === undefined) throw new Error("the file has no dynamic symbols")
    return found
  }
  const symbols = section(sectionType.dynsym)
  const versions = section(sectionType.versym)
  const names = sections[symbols.link]!.offset
  const text = (at: number) => bytes.toString("latin1", names + at, bytes.indexOf(0, names + at))

  const needs = needsOf(bytes, section(sectionType.verneed), text)
  const first = bytes.readUInt16LE(0x12) === machine.x64 ? "GLIBC_2.2.5" : "GLIBC_2.17"
  const base = needs.find(({ library, name }) => library.startsWith("libc.so") && name === first)
  if (base === undefined) throw new Error(`the file does not need ${first}`)
  const late = needs.filter(({ name }) => name === tooNew)

  for (let i = 0; i < symbols.size / symbolBytes; i++) {
    const version = versions.offset + i * 2
    const index = bytes.readUInt16LE(version) & versionMask
    if (!late.some((need) => need.index === index)) continue
    const symbol = symbols.offset + i * symbolBytes
    const name = bytes.readUInt32LE(symbol)
    if (!alias.test(text(name))) throw new Error(`${text(name)} has no older name`)
    bytes.writeUInt32LE(name + aliasPrefixBytes, symbol)
    bytes.writeUInt16LE(base.index, version)
  }
  // The requirement itself: hash and name of one that is met.
  for (const { at } of late) {
    bytes.writeUInt32LE(bytes.readUInt32LE(base.at), at)
    bytes.writeUInt32LE(bytes.readUInt32LE(base.at + 8), at + 8)
  }
  return bytes
}
