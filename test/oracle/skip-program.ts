import { maxIntBytes, maxLongBytes, varintEnd, zigzag } from '../../src/batch/varint.ts'
import type { AvroType } from '../../src/rows/avro-schema.ts'

/**
 * Instructions that pass over a value of any Avro type. Operands follow the opcode; targets are positions in the code.
 * Those from `int` on begin by reading a varint.
 */
const opcodes = {
  /** end of a value, or of a called record */
  return: 0,
  /** size in bytes */
  fixed: 1,
  boolean: 2,
  /** target */
  jump: 3,
  /** target: a record's code, which ends with `return` */
  call: 4,
  /** target, ends the code of an array's items: repeats it from there, or goes on to the next block */
  nextItem: 5,
  int: 6,
  long: 7,
  /** bytes and string */
  bytes: 8,
  /** number of symbols */
  enum: 9,
  /** number n of branches, then n targets */
  union: 10,
  /** target after the items' code, which begins here */
  blocks: 11,
  /** items of no bytes at all: nothing to repeat */
  emptyBlocks: 12,
} as const

/** Code that passes over values; `skipValue` runs it. */
export interface SkipProgram {
  readonly code: Int32Array
}

/** Fixed sizes are stored in 32 bits; no value is this long, so that a longer one is found truncated just as well. */
const maxSizeBytes = 0x7fffffff

/** Items of a field that take no bytes, as nulls: more are a count that lies, and fill a reader's memory. */
const mostEmptyItems = 65_536
/** Calls and blocks that may be open at once, in entries of the stack; deeper nesting counts as malformed. */
const stackEntries = 16_384
const stack = new Int32Array(stackEntries)

/** Collects the code of several values, and of the records that they share. */
export class SkipProgramBuilder {
  readonly #code: number[] = []
  readonly #recordAt = new Map<AvroType, number>()
  /** operands of calls to records that have no code yet */
  readonly #pending = new Map<AvroType, number[]>()
  readonly #empty = new Map<AvroType, boolean>()

  /** Adds code for one value of the type and returns where it begins. */
  add(type: AvroType): number {
    const begin = this.#code.length
    this.#emit(type)
    this.#code.push(opcodes.return)
    return begin
  }

  build(): SkipProgram {
    // A record is compiled once and called: neither recursion nor a type used in many places multiplies the code.
    for (const [record, operands] of this.#pending) {
      const target = this.#code.length
      this.#recordAt.set(record, target)
      this.#pending.delete(record)
      for (const operand of operands) this.#code[operand] = target
      if (record.kind === 'record') for (const field of record.fields) this.#emit(field.type)
      this.#code.push(opcodes.return)
    }
    return { code: Int32Array.from(this.#code) }
  }

  #emit(type: AvroType): void {
    const code = this.#code
    switch (type.kind) {
      case 'null':
        return
      case 'boolean':
        code.push(opcodes.boolean)
        return
      case 'int':
        code.push(opcodes.int)
        return
      case 'long':
        code.push(opcodes.long)
        return
      case 'bytes':
      case 'string':
        code.push(opcodes.bytes)
        return
      case 'enum':
        code.push(opcodes.enum, type.symbols.length)
        return
      case 'float':
      case 'double':
      case 'fixed':
        code.push(opcodes.fixed, fixedBytes(type) ?? 0)
        return
      case 'union':
        this.#emitUnion(type.branches)
        return
      case 'array':
        this.#emitBlocks(this.#isEmpty(type.items), () => this.#emit(type.items))
        return
      case 'map':
        this.#emitBlocks(false, () => {
          code.push(opcodes.bytes)
          this.#emit(type.values)
        })
        return
      case 'record':
        if (!this.#isEmpty(type)) this.#emitCall(type)
    }
  }

  #emitUnion(branches: readonly AvroType[]): void {
    const code = this.#code
    code.push(opcodes.union, branches.length)
    const targets = code.length
    for (const _ of branches) code.push(0)
    const exits = branches.map((branch, i) => {
      code[targets + i] = code.length
      this.#emit(branch)
      return code.push(opcodes.jump, 0) - 1
    })
    for (const exit of exits) code[exit] = code.length
  }

  #emitBlocks(empty: boolean, emitItem: () => void): void {
    const code = this.#code
    if (empty) {
      code.push(opcodes.emptyBlocks)
      return
    }
    const begin = code.length
    code.push(opcodes.blocks, 0)
    emitItem()
    code.push(opcodes.nextItem, begin)
    code[begin + 1] = code.length
  }

  #emitCall(record: AvroType): void {
    const operand = this.#code.push(opcodes.call, this.#recordAt.get(record) ?? 0) - 1
    if (this.#recordAt.has(record)) return
    const pending = this.#pending.get(record)
    if (pending === undefined) this.#pending.set(record, [operand])
    else pending.push(operand)
  }

  /** Whether the type's values take no bytes, so that any number of them fits anywhere. */
  #isEmpty(type: AvroType): boolean {
    if (type.kind !== 'record') return fixedBytes(type) === 0
    const known = this.#empty.get(type)
    if (known !== undefined) return known
    // A record that directly holds itself never ends: it is no value of no bytes.
    this.#empty.set(type, false)
    const empty = type.fields.every((field) => this.#isEmpty(field.type))
    this.#empty.set(type, empty)
    return empty
  }
}

/** Size of every value of the type, in bytes; undefined if they differ, or if not every content is valid. */
export function fixedBytes(type: AvroType): number | undefined {
  if (type.kind === 'double') return 8
  if (type.kind === 'float') return 4
  if (type.kind === 'fixed') return Math.min(type.sizeBytes, maxSizeBytes)
  return type.kind === 'null' ? 0 : undefined
}

/**
 * Passes over one value: returns the position after it, or -1 if the bytes are malformed or end before the value does.
 * Reads nothing from `limit` on, allocates nothing, and its time is bounded by the number of bytes.
 *
 * @param pc where the value's code begins, from `SkipProgramBuilder.add`
 */
export function skipValue(program: SkipProgram, pc: number, bytes: Uint8Array, at: number, limit: number): number {
  // One function and one switch: splitting it would pass every position through memory.
  const { code } = program
  let depth = 0
  let emptyItems = 0
  for (;;) {
    const opcode = code[pc++]
    let number = 0
    if (opcode >= opcodes.int) {
      const end = varintEnd(bytes, at, limit, opcode === opcodes.int ? maxIntBytes : maxLongBytes)
      if (end < 0) return -1
      number = zigzag(bytes, at, end)
      at = end
    }
    switch (opcode) {
      case opcodes.return:
        if (depth === 0) return at
        pc = stack[--depth]
        break
      case opcodes.fixed: {
        const size = code[pc++]
        if (limit - at < size) return -1
        at += size
        break
      }
      case opcodes.boolean:
        if (at >= limit || bytes[at] > 1) return -1
        at++
        break
      case opcodes.jump:
        pc = code[pc]
        break
      case opcodes.call:
        if (depth === stackEntries) return -1
        stack[depth++] = pc + 1
        pc = code[pc]
        break
      case opcodes.nextItem:
        if (--stack[depth - 1] > 0) {
          pc = code[pc] + 2
        } else {
          depth--
          pc = code[pc]
        }
        break
      case opcodes.bytes:
        if (number < 0 || number > limit - at) return -1
        at += number
        break
      case opcodes.enum:
        if (number < 0 || number >= code[pc++]) return -1
        break
      case opcodes.union:
        if (number < 0 || number >= code[pc]) return -1
        pc = code[pc + 1 + number]
        break
      case opcodes.blocks:
      case opcodes.emptyBlocks: {
        const begin = pc - 1
        if (number < 0) {
          // The block's size follows. The items are looked at all the same: readers do not go by the size, and would
          // stumble over them.
          const end = varintEnd(bytes, at, limit, maxLongBytes)
          if (end < 0) return -1
          const size = zigzag(bytes, at, end)
          if (size < 0 || size > limit - end) return -1
          at = end
          number = -number
        }
        if (opcode === opcodes.emptyBlocks) {
          // Items of no bytes cost those who read them as much as others do, in one block or in many.
          emptyItems += number
          if (emptyItems > mostEmptyItems) return -1
          pc = number === 0 ? pc : begin
        } else if (number === 0) {
          pc = code[pc]
        } else {
          // Every item takes at least a byte, so that a huge count is refused before it is counted down.
          if (number > limit - at || depth === stackEntries) return -1
          stack[depth++] = number
          pc++
        }
      }
    }
  }
}
