import { framingBytes } from '../avro/framing.ts'
import type { Records } from '../batch/records.ts'
import { maxIntBytes, maxLongBytes, varintEnd, zigzag } from '../batch/varint.ts'
import type { SchemaSource } from '../ports/log.ts'
import { type AvroType, parseAvroSchema } from '../rows/avro-schema.ts'
import { rowErrors } from '../rows/row-error.ts'
import type { RowSchemaName } from '../rows/schema-name.ts'
import { shiftBodies } from '../rows/schema-runs.ts'
import { SchemaPlans, type UnusableSchema } from './schema-plans.ts'
import { skipValue } from './skip-value.ts'
import { timeOfNumber, timeOfText } from './times.ts'

/** ms since 1970 of the value at `at`, NaN if it has none or is cut off. */
type TimeReader = (records: Records, at: number, limit: number) => number

const utf8 = new TextDecoder()

export interface EventTimesOptions {
  readonly registry: SchemaSource
  /** the field that is a row's time, by its path: `order.placed` */
  readonly column: string
  /** told once for each schema whose rows have no time, and are left out */
  readonly onUnusableSchema: (schema: RowSchemaName, reason: string) => void
}

/** Reads the time of rows from a field of their own. */
export class EventTimes {
  readonly #plans: SchemaPlans<TimeReader>
  #status = new Uint8Array(0)

  constructor({ registry, column, onUnusableSchema }: EventTimesOptions) {
    const compile = async (schema: string) => timePlan(parseAvroSchema(schema), column)
    this.#plans = new SchemaPlans({ registry, onUnusableSchema, compile })
  }

  beginSlice(): void {
    this.#plans.beginSlice()
  }

  /**
   * Sets the times of rows [from, to), ms since 1970; NaN of a row that has none.
   *
   * @returns the first row whose schema could not be requested in this slice, `to` if there is none
   */
  async read(records: Records, from: number, to: number, timesMs: Float64Array): Promise<number> {
    if (this.#status.length < records.count) this.#status = new Uint8Array(records.count)
    const status = this.#status
    const { runs, end } = await this.#plans.runs(records, from, to, status)
    timesMs.fill(Number.NaN, from, end)
    for (const { from: first, to: last, plan, bodyShift } of runs) {
      if (plan !== undefined)
        for (let row = first; row < last; row++)
          if (status[row] === rowErrors.none) timesMs[row] = timeOf(plan, records, row)
      // Whoever reads the rows next finds them as they came.
      if (bodyShift !== 0) shiftBodies(records, first, last, -bodyShift)
    }
    return end
  }
}

function timeOf(reader: TimeReader, records: Records, row: number): number {
  const { valueStart, valueEnd } = records
  return valueStart[row] < 0 ? Number.NaN : reader(records, valueStart[row] + framingBytes, valueEnd[row])
}

function timePlan(schema: AvroType, column: string): TimeReader | UnusableSchema {
  const reader = schema.kind === 'record' ? readerAt(schema, column.split('.')) : undefined
  const reason = `no field "${column}" could be a row's time`
  return reader ?? { error: rowErrors.schemaMismatch, reason }
}

/** Whether a field of a row, by its path, could be its time. */
export function hasTime(schema: AvroType, column: string): boolean {
  return !('error' in timePlan(schema, column))
}

/** The paths of the fields that could be a row's time; those that say so come first. */
export function timeFields(schema: AvroType): string[] {
  const [said, others]: [string[], string[]] = [[], []]
  const visit = (type: AvroType, path: readonly string[], above: readonly AvroType[]): void => {
    if (type.kind === 'union') for (const branch of type.branches) visit(branch, path, above)
    else if (type.kind === 'record' && !above.includes(type))
      for (const field of type.fields) visit(field.type, [...path, field.name], [...above, type])
    else if (path.length > 0 && timeReader(type) !== undefined)
      ('logicalType' in type && type.logicalType !== undefined ? said : others).push(path.join('.'))
  }
  visit(schema, [], [])
  return [...new Set([...said, ...others])]
}

/**
 * Reads the field that the path leads to from a value of this type; undefined if there is none that could be a time.
 */
function readerAt(type: AvroType, path: readonly string[]): TimeReader | undefined {
  if (type.kind === 'union') return unionReader(type.branches.map((branch) => readerAt(branch, path)))
  if (path.length === 0) return timeReader(type)
  if (type.kind !== 'record') return undefined
  const place = type.fields.findIndex(({ name }) => name === path[0])
  if (place < 0) return undefined
  const reader = readerAt(type.fields[place].type, path.slice(1))
  const before = type.fields.slice(0, place).map((field) => field.type)
  if (reader === undefined || place === 0) return reader
  return (records, start, limit) => {
    let at = start
    for (const skipped of before) {
      at = skipValue(skipped, records.bytes, at, limit)
      if (at < 0) return Number.NaN
    }
    return reader(records, at, limit)
  }
}

/** @param branches shape (branches): undefined for what is no time, as null */
function unionReader(branches: readonly (TimeReader | undefined)[]): TimeReader | undefined {
  if (branches.every((branch) => branch === undefined)) return undefined
  return (records, at, limit) => {
    const end = varintEnd(records.bytes, at, limit, maxIntBytes)
    if (end < 0) return Number.NaN
    return branches[zigzag(records.bytes, at, end)]?.(records, end, limit) ?? Number.NaN
  }
}

/** ms in a unit of a logical type. */
const logicalUnitsMs: Readonly<Record<string, number>> = {
  'timestamp-millis': 1,
  'timestamp-micros': 1e-3,
  'timestamp-nanos': 1e-6,
  'local-timestamp-millis': 1,
  'local-timestamp-micros': 1e-3,
  'local-timestamp-nanos': 1e-6,
}
const dayMs = 86_400_000

function timeReader(type: AvroType): TimeReader | undefined {
  switch (type.kind) {
    case 'int':
    case 'long': {
      const maxBytes = type.kind === 'int' ? maxIntBytes : maxLongBytes
      const { logicalType = '' } = type
      // A time of day belongs to no day.
      if (logicalType.startsWith('time-')) return undefined
      const unitMs = logicalType === 'date' ? dayMs : logicalUnitsMs[logicalType]
      return ({ bytes }, at, limit) => {
        const end = varintEnd(bytes, at, limit, maxBytes)
        if (end < 0) return Number.NaN
        const value = zigzag(bytes, at, end)
        return unitMs === undefined ? timeOfNumber(value) : value * unitMs
      }
    }
    case 'float':
      return ({ view }, at, limit) => (limit - at < 4 ? Number.NaN : timeOfNumber(view.getFloat32(at, true)))
    case 'double':
      return ({ view }, at, limit) => (limit - at < 8 ? Number.NaN : timeOfNumber(view.getFloat64(at, true)))
    case 'string':
      return ({ bytes }, at, limit) => {
        const start = varintEnd(bytes, at, limit, maxLongBytes)
        if (start < 0) return Number.NaN
        const length = zigzag(bytes, at, start)
        if (length < 0 || length > limit - start) return Number.NaN
        return timeOfText(utf8.decode(bytes.subarray(start, start + length)))
      }
    default:
      return undefined
  }
}
