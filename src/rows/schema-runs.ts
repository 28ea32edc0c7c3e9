import { framingBytes } from '../avro/framing.ts'
import type { Records } from '../batch/records.ts'
import { HeaderNames } from './header-names.ts'
import { rowErrors } from './row-error.ts'
import { SchemaKeys } from './schema-name.ts'

/** Schema id of a run in which every row is null or badly framed. */
export const noSchema = -1

/**
 * Neighbouring rows of one schema, shape (count) each. The runs cover the batch without holes. Rows that are null or
 * badly framed end no run: they belong to the one they stand in, and decoding passes them over.
 */
export interface SchemaRuns {
  /** what the schema ids below stand for */
  readonly keys: SchemaKeys
  readonly headers: HeaderNames
  count: number
  from: Int32Array
  /** row after the run */
  to: Int32Array
  /** key of the schema: its id in the registry, a negative one of `keys` for other names, or `noSchema` */
  schemaId: Int32Array
  /**
   * how many bytes later than five bytes after the value's start the Avro bodies begin: -5 where a header names the
   * schema
   */
  bodyShift: Int32Array
  /** whether a header names the schema */
  isInHeader: Uint8Array
}

export function createSchemaRuns(capacity = 16, keys = new SchemaKeys()): SchemaRuns {
  return {
    keys,
    headers: new HeaderNames(keys),
    count: 0,
    from: new Int32Array(capacity),
    to: new Int32Array(capacity),
    schemaId: new Int32Array(capacity),
    bodyShift: new Int32Array(capacity),
    isInHeader: new Uint8Array(capacity),
  }
}

/**
 * Reads the framing of every row, and sets every row's status: 0, `badFraming`, or `unknownSchema` for a negative id. A
 * header that names the schema counts more than what the value begins with, which may look like a framing by chance.
 * Confluent wire format:
 * https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
 *
 * @param status shape (records.count) at least; overwritten; a null value's is 0
 * @param runs   overwritten, grown as needed
 */
export function readSchemaRuns(records: Records, status: Uint8Array, runs: SchemaRuns): void {
  const { bytes, view, count, valueStart, valueEnd, recordEnd } = records
  runs.count = 0
  status.fill(rowErrors.none, 0, count)
  if (records.schemaId >= 0) {
    addRun(runs, 0, count, records.schemaId, 0, 0)
    return
  }
  let current = noSchema
  let currentShift = 0
  let from = 0
  for (let row = 0; row < count; row++) {
    const start = valueStart[row]
    if (start < 0) continue
    let id = noSchema
    let shift = 0
    const key =
      recordEnd[row] - valueEnd[row] > 1 ? runs.headers.keyAt(bytes, valueEnd[row], recordEnd[row]) : undefined
    if (key !== undefined) {
      id = key
      shift = -framingBytes
    } else {
      if (valueEnd[row] - start < framingBytes || bytes[start] !== 0) {
        status[row] = rowErrors.badFraming
        continue
      }
      id = view.getInt32(start + 1)
      if (id < 0) {
        // No registry assigns these, and `noSchema` is one of them.
        status[row] = rowErrors.unknownSchema
        continue
      }
    }
    if (id === current && shift === currentShift) continue
    if (current !== noSchema) {
      addRun(runs, from, row, current, currentShift, currentShift < 0 ? 1 : 0)
      from = row
    }
    current = id
    currentShift = shift
  }
  if (count > 0) addRun(runs, from, count, current, currentShift, currentShift < 0 ? 1 : 0)
}

/**
 * Moves the values' starts of rows [from, to) so that their bodies begin five bytes after them, as those of framed rows
 * do: all that reads bodies then goes for every framing. What is skipped lies within the record, which has more than
 * five bytes before its value.
 */
export function shiftBodies(records: Records, from: number, to: number, bodyShift: number): void {
  const { valueStart } = records
  for (let row = from; row < to; row++) if (valueStart[row] >= 0) valueStart[row] += bodyShift
}

/** Gives a whole run the same error; rows that are null or have failed already stay as they are. */
export function failRows(records: Records, status: Uint8Array, from: number, to: number, error: number): void {
  const { valueStart } = records
  for (let row = from; row < to; row++) {
    if (valueStart[row] >= 0 && status[row] === rowErrors.none) status[row] = error
  }
}

export function addRun(
  runs: SchemaRuns,
  from: number,
  to: number,
  schemaId: number,
  bodyShift: number,
  isInHeader: number,
): void {
  if (runs.count === runs.from.length) {
    runs.from = grown(runs.from)
    runs.to = grown(runs.to)
    runs.schemaId = grown(runs.schemaId)
    runs.bodyShift = grown(runs.bodyShift)
    const inHeader = new Uint8Array(runs.from.length)
    inHeader.set(runs.isInHeader)
    runs.isInHeader = inHeader
  }
  runs.from[runs.count] = from
  runs.to[runs.count] = to
  runs.schemaId[runs.count] = schemaId
  runs.bodyShift[runs.count] = bodyShift
  runs.isInHeader[runs.count] = isInHeader
  runs.count++
}

function grown(array: Int32Array): Int32Array {
  const larger = new Int32Array(2 * array.length + 1)
  larger.set(array)
  return larger
}
