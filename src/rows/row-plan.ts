import { maxIntBytes, maxLongBytes } from '../batch/varint.ts'
import type { AvroType } from './avro-schema.ts'
import { modeValueBytes, notNullable } from './field-kernels.ts'
import { describeType, type NumericType, numericField } from './numeric-columns.ts'
import { fixedBytes, type SkipProgram, SkipProgramBuilder } from './skip-program.ts'

/** A column that a model exists for. */
export interface ModelledColumn {
  readonly name: string
  /** as the model knows it; undefined without a model */
  readonly type?: NumericType
}

/** A modelled column as the rows of one schema hold it. */
export interface PlannedColumn {
  readonly name: string
  /** the raw schema's; may differ from the model's */
  readonly type: NumericType
  readonly nullable: boolean
}

/**
 * How to decode the rows of one schema. A row's body is gap, number, gap, number, ..., gap: the gaps are everything
 * that is not modelled, union branches included, and are copied as they are.
 */
export interface RowPlan {
  readonly kind: 'plan'
  /** in the model's order, as in `RowColumns` */
  readonly columns: readonly PlannedColumn[]
  /** shape (columns), indices into `columns` in the order of the body */
  readonly order: Int32Array
  /** size of the leading fields that are float, double or fixed and not nullable, in bytes */
  readonly prefixBytes: number
  /** whether the prefix is the whole body */
  readonly isFixedSize: boolean
  /** whether the body is nothing but the numbers: then no extents are kept, for there is nothing between them */
  readonly numbersOnly: boolean
  /**
   * size of the body of a normalized row that is nothing but its stamp and numbers with their modes, none nullable, if
   * stamp and modes take a byte each, as they nearly always do; 0 for all other rows
   */
  readonly normalizedBytes: number
  /** shape (steps, stepSize): opcode of `stepOpcodes`, then its operands */
  readonly steps: Int32Array
  /** what the `skip` steps run */
  readonly skips: SkipProgram
}

/** Why the rows of a schema cannot be normalized with a model: all of them get `rowErrors.schemaMismatch`. */
export interface SchemaMismatch {
  readonly kind: 'mismatch'
  /** a full sentence without the final full stop */
  readonly reason: string
}

/** Steps of a plan: each is done for all rows before the next one. `nullByte` is as in field-kernels.ts. */
export const stepOpcodes = {
  /** size in bytes, nullByte */
  skipFixed: 0,
  /** longest encoding in bytes, nullByte */
  skipVarint: 1,
  /** nullByte */
  skipBytes: 2,
  /** where its code begins */
  skip: 3,
  /** column, distance from the end of the prefix in bytes, 1 for a float */
  readPrefix: 4,
  /** column, 1 for a float, nullByte */
  readFloat: 5,
  /** column, longest encoding in bytes, nullByte */
  readVarint: 6,
  /** the stamp of a normalized row */
  readModelVersion: 7,
  /** column; the mode after a normalized value, which `readFloat` has read */
  readMode: 8,
} as const

export const stepSize = 4

/**
 * Compiles a schema for rows in which `modelled` columns become numbers. Every numeric type is accepted, whatever the
 * model was fitted to: Avro lets a writer go from int to long, float or double, and a model is about numbers. Whether a
 * column is nullable is the schema's affair too.
 *
 * @param schema   of the rows
 * @param modelled whose order is that of `RowColumns`
 */
export function compileRowPlan(schema: AvroType, modelled: readonly ModelledColumn[]): RowPlan | SchemaMismatch {
  if (schema.kind !== 'record') return mismatch(`The schema is ${describeType(schema)}, not a record`)
  const columns: PlannedColumn[] = []
  const fields = new Map(schema.fields.map((field) => [field.name, field]))
  for (const { name, type } of modelled) {
    const field = fields.get(name)
    if (field === undefined) return mismatch(`${schema.name} has no field "${name}"`)
    const found = numericField(field)
    if (found === undefined) {
      const wanted = type === undefined ? 'which is no number' : `and was ${type} in the model`
      return mismatch(`Field "${name}" of ${schema.name} is ${describeType(field.type)}, ${wanted}`)
    }
    columns.push({ name, type: found.type, nullable: found.nullable })
  }
  const steps = new StepBuilder()
  const columnOf = new Map(columns.map(({ name }, column) => [name, column]))
  for (const field of schema.fields) {
    const column = columnOf.get(field.name)
    if (column === undefined) steps.skip(field.type)
    else steps.readNumber(field.type, column)
  }
  return steps.build(columns)
}

function mismatch(reason: string): SchemaMismatch {
  return { kind: 'mismatch', reason }
}

export function isInteger(type: NumericType): boolean {
  return type === 'int' || type === 'long'
}

/** Collects the steps of a plan, in the order of the body. */
export class StepBuilder {
  readonly #steps: number[][] = []
  readonly #order: number[] = []
  readonly #skips = new SkipProgramBuilder()
  /** numbers of the prefix: their steps need its size, which is known at the end */
  readonly #prefix: { column: number; offset: number; single: boolean }[] = []
  #prefixBytes = 0
  #inPrefix = true

  skip(type: AvroType): void {
    if (this.#extendPrefix(type)) return
    const { present, nullByte } = nullableType(type)
    const size = fixedBytes(present)
    if (size !== undefined) this.#steps.push([stepOpcodes.skipFixed, size, nullByte])
    else if (present.kind === 'int') this.#steps.push([stepOpcodes.skipVarint, maxIntBytes, nullByte])
    else if (present.kind === 'long') this.#steps.push([stepOpcodes.skipVarint, maxLongBytes, nullByte])
    else if (present.kind === 'bytes' || present.kind === 'string') this.#steps.push([stepOpcodes.skipBytes, nullByte])
    else this.#steps.push([stepOpcodes.skip, this.#skips.add(type)])
  }

  /** @param type which `numericField` has found to be a number */
  readNumber(type: AvroType, column: number): void {
    this.#order.push(column)
    const offset = this.#prefixBytes
    if (this.#extendPrefix(type)) {
      this.#prefix.push({ column, offset, single: type.kind === 'float' })
      return
    }
    const { present, nullByte } = nullableType(type)
    const { readFloat, readVarint } = stepOpcodes
    if (present.kind === 'double') this.#steps.push([readFloat, column, 0, nullByte])
    else if (present.kind === 'float') this.#steps.push([readFloat, column, 1, nullByte])
    else this.#steps.push([readVarint, column, present.kind === 'int' ? maxIntBytes : maxLongBytes, nullByte])
  }

  readModelVersion(): void {
    this.#inPrefix = false
    this.#steps.push([stepOpcodes.readModelVersion])
  }

  readModeValue(type: AvroType, column: number): void {
    this.#order.push(column)
    this.#steps.push([stepOpcodes.readFloat, column, 0, nullableType(type).nullByte])
    this.#steps.push([stepOpcodes.readMode, column])
  }

  build(columns: readonly PlannedColumn[]): RowPlan {
    const prefixBytes = this.#prefixBytes
    const isFixedSize = this.#inPrefix
    const numberBytes = this.#prefix.reduce((sum, { single }) => sum + (single ? 4 : 8), 0)
    const numbersOnly = isFixedSize && numberBytes === prefixBytes
    const prefixSteps = this.#prefix.map(({ column, offset, single }) => {
      return [stepOpcodes.readPrefix, column, prefixBytes - offset, single ? 1 : 0]
    })
    const all = [...prefixSteps, ...this.#steps]
    const steps = new Int32Array(all.length * stepSize)
    for (const [i, step] of all.entries()) steps.set(step, i * stepSize)
    const order = Int32Array.from(this.#order)
    const normalizedBytes = this.#normalizedBytes()
    return {
      kind: 'plan',
      columns,
      order,
      prefixBytes,
      isFixedSize,
      numbersOnly,
      normalizedBytes,
      steps,
      skips: this.#skips.build(),
    }
  }

  #normalizedBytes(): number {
    const { readModelVersion, readFloat, readMode } = stepOpcodes
    const [stamp, ...others] = this.#steps
    const isStamped = stamp?.[0] === readModelVersion
    const isPlain = others.every(([opcode, , , nullByte]) => {
      return opcode === readMode || (opcode === readFloat && nullByte === notNullable)
    })
    return isStamped && isPlain ? 1 + this.#order.length * modeValueBytes : 0
  }

  /** Whether the field belongs to the prefix, which it then makes longer. */
  #extendPrefix(type: AvroType): boolean {
    const size = fixedBytes(type)
    this.#inPrefix &&= size !== undefined && this.#prefixBytes + size < maxPrefixBytes
    if (this.#inPrefix) this.#prefixBytes += size ?? 0
    return this.#inPrefix
  }
}

/** Keeps positions within 32 bits, whatever sizes a schema names. */
const maxPrefixBytes = 2 ** 28

/** The other branch of a union with null and the byte (zigzag varint) of the null branch; any other type as it is. */
function nullableType(type: AvroType): { present: AvroType; nullByte: number } {
  if (type.kind !== 'union' || type.branches.length !== 2) return { present: type, nullByte: notNullable }
  const [first, second] = type.branches
  if (first.kind === 'null') return { present: second, nullByte: 0 }
  return second.kind === 'null' ? { present: first, nullByte: 2 } : { present: type, nullByte: notNullable }
}
