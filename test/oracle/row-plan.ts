import { maxIntBytes, maxLongBytes } from '../../src/batch/varint.ts'
import type { AvroField, AvroType } from '../../src/rows/avro-schema.ts'
import { parseNormalizedSchema } from '../../src/rows/normalized-schema.ts'
import { decimalType } from '../../src/rows/numeric-columns.ts'
import { type ModelledColumn, type PlannedColumn, planColumns } from '../../src/rows/planned-columns.ts'
import { notNullable } from './field-kernels.ts'
import { fixedBytes, type SkipProgram, SkipProgramBuilder } from './skip-program.ts'

/**
 * How to decode the rows of one schema. A row's body is gap, number, gap, number, ..., gap: the gaps are everything
 * that is not modelled, union branches included, and are copied as they are.
 */
export interface RowPlan {
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
  /** shape (steps, stepSize): opcode of `stepOpcodes`, then its operands */
  readonly steps: Int32Array
  /** what the `skip` steps run */
  readonly skips: SkipProgram
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
  /** column, size of a fixed or 0, scale, nullByte */
  readDecimal: 9,
  /** how many of the steps that follow belong to a nullable record, nullByte */
  record: 10,
} as const

export const stepSize = 5

/** The plan for raw rows. @throws Error if the schema lacks a modelled column */
export function compileRowPlan(schema: AvroType, modelled: readonly ModelledColumn[]): RowPlan {
  const columns = planColumns(schema, modelled)
  if ('reason' in columns || schema.kind !== 'record') throw new Error('The schema lacks a modelled column')
  const steps = new StepBuilder()
  const columnOf = new Map(columns.map(({ name }, column) => [name, column]))
  const add = (fields: readonly AvroField[], path: string) => {
    for (const { name, type } of fields) {
      const column = columnOf.get(`${path}${name}`)
      if (column !== undefined) steps.readNumber(type, column)
      else if (!columns.some((each) => each.name.startsWith(`${path}${name}.`))) steps.skip(type)
      else steps.record(type, (inner) => add(inner, `${path}${name}.`))
    }
  }
  add(schema.fields, '')
  return steps.build(columns)
}

/** The plan for normalized rows: `decodeRows` then fills `values`, `modes`, `isNull` and `modelVersions`. */
export function compileNormalizedPlan(schema: string): RowPlan {
  const normalized = parseNormalizedSchema(schema)
  const { columns } = normalized
  const steps = new StepBuilder()
  steps.readModelVersion()
  const columnOf = new Map(columns.map(({ name }, column) => [name, column]))
  const add = (fields: readonly AvroField[], path: string) => {
    for (const { name, type } of fields) {
      const column = columnOf.get(`${path}${name}`)
      if (column !== undefined) steps.readModeValue(type, column)
      else if (!columns.some((each) => each.name.startsWith(`${path}${name}.`))) steps.skip(type)
      else steps.record(type, (inner) => add(inner, `${path}${name}.`))
    }
  }
  add(normalized.schema.fields.slice(1), '')
  return steps.build(columns)
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
    const { readFloat, readVarint, readDecimal } = stepOpcodes
    const decimal = decimalType(present)
    if (decimal !== undefined) {
      this.#steps.push([readDecimal, column, decimal.sizeBytes, decimal.scale, nullByte])
      return
    }
    if (present.kind === 'double') this.#steps.push([readFloat, column, 0, nullByte])
    else if (present.kind === 'float') this.#steps.push([readFloat, column, 1, nullByte])
    else this.#steps.push([readVarint, column, present.kind === 'int' ? maxIntBytes : maxLongBytes, nullByte])
  }

  /** A record whose fields are done one by one. */
  record(type: AvroType, add: (fields: readonly AvroField[]) => void): void {
    const { present, nullByte } = nullableType(type)
    this.#inPrefix = false
    const place = this.#steps.push([]) - 1
    if (present.kind === 'record') add(present.fields)
    this.#steps[place] = [stepOpcodes.record, this.#steps.length - place - 1, nullByte]
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
    return {
      columns,
      order,
      prefixBytes,
      isFixedSize,
      numbersOnly,
      steps,
      skips: this.#skips.build(),
    }
  }

  /** Whether the field belongs to the prefix, which it then makes longer. */
  #extendPrefix(type: AvroType): boolean {
    const size = decimalType(type) === undefined ? fixedBytes(type) : undefined
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
