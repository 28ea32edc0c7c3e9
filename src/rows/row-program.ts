import * as layout from '../kernel/layout.ts'
import type { RowProgram } from '../kernel/row-kernel.ts'
import type { AvroField, AvroRecord, AvroType } from './avro-schema.ts'
import { type ColumnTree, columnTree, withoutNull } from './column-path.ts'
import { type DecimalType, decimalType, type ModelType } from './numeric-columns.ts'
import type { PlannedColumn } from './planned-columns.ts'

/** What becomes of the numbers of raw rows. */
export type RawAction =
  /** each becomes a value and its mode */
  | 'normalize'
  /** they are kept in columns, and nothing is written */
  | 'store'
  /** they are replaced by those in the columns */
  | 'replace'
  /** the same, with the modes in the columns */
  | 'replacePairs'

/** For rows that are null, or have failed: it is never run. */
export const noProgram: RowProgram = { code: Int32Array.of(layout.opEnd), columns: 0, numberBytes: 0 }

/**
 * Compiles a schema into the kernel's program for its rows: numbers are handled, everything else is checked and copied.
 *
 * @param columns the modelled ones, in the order in which they stand in the kernel's memory; `planColumns` has found
 * them in the schema
 */
export function compileRowProgram(schema: AvroType, columns: readonly PlannedColumn[], action: RawAction): RowProgram {
  const builder = new ProgramBuilder()
  const fields = schema.kind === 'record' ? schema.fields : []
  builder.begin(fields.map(({ type }) => type))
  builder.raw(fields, columnTree(columns.map(({ name }) => name)), action)
  return builder.build(action === 'store' ? layout.opEndStored : layout.opEnd, columns.length)
}

/**
 * Compiles a normalized schema into the program that restores its rows.
 *
 * @param raw the schema to restore to
 * @param columns the raw ones, in the order in which they stand in the kernel's memory
 */
export function compileRestoreProgram(
  record: AvroRecord,
  raw: AvroRecord,
  columns: readonly PlannedColumn[],
): RowProgram {
  const builder = new ProgramBuilder()
  builder.version()
  builder.restored(raw.fields, record.fields.slice(1), columnTree(columns.map(({ name }) => name)))
  return builder.build(layout.opEnd, columns.length)
}

/** Keeps sizes within 32 bits, whatever a schema names. */
const maxPrefixBytes = 2 ** 28
/** No value is this long, so that a longer one is found truncated just as well. */
const maxSizeBytes = 0x7fffffff

const normalizing = {
  float: layout.opNormalizeFloat,
  int: layout.opNormalizeInt,
  long: layout.opNormalizeLong,
} as const
const storing = {
  double: layout.opStoreDouble,
  float: layout.opStoreFloat,
  int: layout.opStoreInt,
  long: layout.opStoreLong,
} as const
const restoring = { float: layout.opRestoreFloat, int: layout.opRestoreInt, long: layout.opRestoreLong } as const
const putting = {
  double: layout.opPutDouble,
  float: layout.opPutFloat,
  int: layout.opPutInteger,
  long: layout.opPutInteger,
} as const

const decimals = {
  normalize: layout.opNormalizeDecimal,
  store: layout.opStoreDecimal,
  restore: layout.opRestoreDecimal,
  replace: layout.opPutDecimal,
} as const

/** A number and its mode take ten bytes at most, and so does a long. */
const mostNumberBytes = 10

/**
 * Collects the instructions of a program, in the order of the body. Words name places by their number until `build`.
 */
class ProgramBuilder {
  readonly #code: number[] = []
  /** words that hold a target: a place in the code, to become a distance in bytes */
  readonly #targets: number[] = []
  readonly #recordAt = new Map<AvroType, number>()
  /** operands of calls to records that have no code yet */
  readonly #pending = new Map<AvroType, number[]>()
  readonly #empty = new Map<AvroType, boolean>()
  /** where the number of columns of an instruction stands that another column may join; -1 for none */
  #openCount = -1
  #numberBytes = 0

  /** The leading fields whose size is known are looked for at once: a shorter value fails for that first. */
  begin(types: readonly AvroType[]): void {
    let bytes = 0
    let fields = 0
    for (const type of types) {
      const size = decimalType(type) === undefined ? fixedBytes(type) : undefined
      if (size === undefined || bytes + size >= maxPrefixBytes) break
      bytes += size
      fields++
    }
    if (fields === types.length) this.#push(layout.opExactly, bytes)
    else if (bytes > 0) this.#push(layout.opAtLeast, bytes)
  }

  skip(type: AvroType): void {
    const { present, nullByte } = nullableType(type)
    const isPlain = fixedBytes(present) !== undefined || ['int', 'long', 'bytes', 'string'].includes(present.kind)
    if (isPlain) {
      this.#nullable(nullByte, () => this.#emit(present))
      return
    }
    this.#push(layout.opField)
    this.#emit(type)
  }

  /** Fields of a raw record; the records on the way to columns are done field by field, all others as wholes. */
  raw(fields: readonly AvroField[], tree: ColumnTree, action: RawAction): void {
    for (const { name, type } of fields) {
      const found = tree.get(name)
      if (found === undefined) this.skip(type)
      else if (typeof found === 'number') this.#number(type, found, action)
      else {
        const { present, nullByte } = nullableType(type)
        const within = () => this.raw(fieldsOf(present), found, action)
        this.#nullable(nullByte, within, action === 'store' ? () => this.#storeNulls(found) : undefined)
      }
    }
  }

  /** Fields of a normalized record, beside those of the raw one. */
  restored(raw: readonly AvroField[], fields: readonly AvroField[], tree: ColumnTree): void {
    for (const [i, { name, type }] of fields.entries()) {
      const found = tree.get(name)
      const { present, nullByte } = nullableType(type)
      const rawType = withoutNull(raw[i].type).present
      if (found === undefined) this.skip(type)
      else if (typeof found === 'number') this.#nullable(nullByte, () => this.#restoredNumber(rawType, found))
      else this.#nullable(nullByte, () => this.restored(fieldsOf(rawType), fieldsOf(present), found))
    }
  }

  /** @param type which `numericField` has found to be a number */
  #number(type: AvroType, column: number, action: RawAction): void {
    const { present, nullByte } = nullableType(type)
    const kind = present.kind as ModelType
    const decimal = decimalType(present)
    const at = column * layout.columnBytes
    this.#numberBytes += mostNumberBytes
    switch (action) {
      case 'store':
        this.#nullable(
          nullByte,
          () => (decimal === undefined ? this.#push(storing[kind], at) : this.#decimal('store', at, decimal)),
          () => this.#push(layout.opStoreNull, at),
        )
        return
      case 'normalize':
        this.#nullable(nullByte, () =>
          decimal === undefined ? this.#column(normalizing, kind, at) : this.#decimal('normalize', at, decimal),
        )
        return
      default:
        this.#nullable(nullByte, () => {
          this.#push(layout.opCopy)
          this.#emit(present)
          if (action === 'replacePairs') this.#push(layout.opPutPair, at)
          else if (decimal === undefined) this.#push(putting[kind], at)
          else this.#decimal('replace', at, decimal)
        })
    }
  }

  #decimal(action: keyof typeof decimals, at: number, { scale, sizeBytes }: DecimalType): void {
    const [low, high] = new Int32Array(Float64Array.of(10 ** scale).buffer)
    this.#push(decimals[action], at, sizeBytes, low, high)
  }

  #storeNulls(tree: ColumnTree): void {
    for (const found of tree.values())
      if (typeof found === 'number') this.#push(layout.opStoreNull, found * layout.columnBytes)
      else this.#storeNulls(found)
  }

  version(): void {
    this.#push(layout.opVersion)
  }

  /** A value and its mode, of a column with this raw type. */
  #restoredNumber(raw: AvroType, column: number): void {
    const at = column * layout.columnBytes
    const decimal = decimalType(raw)
    this.#numberBytes += Math.max(mostNumberBytes, decimal?.sizeBytes ?? 0)
    if (decimal === undefined) this.#column(restoring, raw.kind as ModelType, at)
    else this.#decimal('restore', at, decimal)
  }

  build(end: number, columns: number): RowProgram {
    this.#push(end)
    // A record is compiled once and called: neither recursion nor a type used in many places multiplies the code.
    for (const [record, operands] of this.#pending) {
      const target = this.#code.length
      this.#recordAt.set(record, target)
      this.#pending.delete(record)
      for (const operand of operands) this.#code[operand] = target
      if (record.kind === 'record') for (const field of record.fields) this.#emit(field.type)
      this.#push(layout.opReturn)
    }
    for (const target of this.#targets) this.#code[target] *= 4
    return { code: Int32Array.from(this.#code), columns, numberBytes: this.#numberBytes }
  }

  #push(...words: number[]): void {
    this.#openCount = -1
    this.#code.push(...words)
  }

  /** A word for a target that is known later; returns its place. */
  #pushTarget(target = 0): number {
    const place = this.#code.push(target) - 1
    this.#targets.push(place)
    return place
  }

  /** Doubles that follow each other share an instruction. */
  #column(others: typeof normalizing | typeof restoring, kind: ModelType, at: number): void {
    if (kind !== 'double') {
      this.#push(others[kind], at)
      return
    }
    const op = others === normalizing ? layout.opNormalizeDoubles : layout.opRestoreDoubles
    if (this.#openCount >= 0 && this.#code[this.#openCount - 1] === op) {
      this.#code[this.#openCount]++
      this.#code.push(at)
      return
    }
    this.#push(op, 1, at)
    this.#openCount = this.#code.length - 2
  }

  /** A union with null, whose branch takes a byte, unless `nullByte` says that it is none. */
  #nullable(nullByte: number, present: () => void, absent?: () => void): void {
    if (nullByte < 0) {
      present()
      return
    }
    this.#push(layout.opNullable, nullByte)
    const toAbsent = this.#pushTarget()
    present()
    if (absent === undefined) {
      this.#code[toAbsent] = this.#code.length
      this.#openCount = -1
      return
    }
    this.#push(layout.opJump)
    const toEnd = this.#pushTarget()
    this.#code[toAbsent] = this.#code.length
    absent()
    this.#code[toEnd] = this.#code.length
    this.#openCount = -1
  }

  #emit(type: AvroType): void {
    switch (type.kind) {
      case 'null':
        return
      case 'boolean':
        this.#push(layout.opBoolean)
        return
      case 'int':
        this.#push(layout.opInt)
        return
      case 'long':
        this.#push(layout.opLong)
        return
      case 'bytes':
      case 'string':
        this.#push(layout.opText)
        return
      case 'enum':
        this.#push(layout.opEnum, type.symbols.length)
        return
      case 'float':
      case 'double':
      case 'fixed':
        this.#push(layout.opFixed, fixedBytes(type) ?? 0)
        return
      case 'union':
        this.#emitUnion(type.branches)
        return
      case 'array':
        this.#emitBlocks(this.#isEmpty(type.items), () => this.#emit(type.items))
        return
      case 'map':
        this.#emitBlocks(false, () => {
          this.#push(layout.opText)
          this.#emit(type.values)
        })
        return
      case 'record':
        if (!this.#isEmpty(type)) this.#emitCall(type)
    }
  }

  #emitUnion(branches: readonly AvroType[]): void {
    this.#push(layout.opUnion, branches.length)
    const targets = branches.map(() => this.#pushTarget())
    const exits = branches.map((branch, i) => {
      this.#code[targets[i]] = this.#code.length
      this.#emit(branch)
      this.#push(layout.opJump)
      return this.#pushTarget()
    })
    for (const exit of exits) this.#code[exit] = this.#code.length
  }

  #emitBlocks(empty: boolean, emitItem: () => void): void {
    if (empty) {
      this.#push(layout.opEmptyBlocks)
      return
    }
    const begin = this.#code.length
    this.#push(layout.opBlocks)
    const toEnd = this.#pushTarget()
    emitItem()
    this.#push(layout.opNextItem)
    this.#pushTarget(begin)
    this.#code[toEnd] = this.#code.length
  }

  #emitCall(record: AvroType): void {
    this.#push(layout.opCall)
    const operand = this.#pushTarget(this.#recordAt.get(record) ?? 0)
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
function fixedBytes(type: AvroType): number | undefined {
  if (type.kind === 'double') return 8
  if (type.kind === 'float') return 4
  if (type.kind === 'fixed') return Math.min(type.sizeBytes, maxSizeBytes)
  return type.kind === 'null' ? 0 : undefined
}

/** In place of a null branch's byte: the field is no union. */
const notNullable = -1

function fieldsOf(type: AvroType): readonly AvroField[] {
  return type.kind === 'record' ? type.fields : []
}

/** The other branch of a union with null and the byte (zigzag varint) of the null branch; any other type as it is. */
function nullableType(type: AvroType): { present: AvroType; nullByte: number } {
  const { present, isNullable, nullFirst } = withoutNull(type)
  return { present, nullByte: isNullable ? (nullFirst ? 0 : 2) : notNullable }
}
