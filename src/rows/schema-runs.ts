import type { Records } from '../batch/records.ts'
import { rowErrors } from './row-error.ts'

/** Bytes before the Avro body: the magic byte 0 and the schema id, big endian. */
export const framingBytes = 5

/** Schema id of a run in which every row is null or badly framed. */
export const noSchema = -1

/**
 * Neighbouring rows of one schema, shape (count) each. The runs cover the batch without holes. Rows that are null or
 * badly framed end no run: they belong to the one they stand in, and decoding passes them over.
 */
export interface SchemaRuns {
  count: number
  from: Int32Array
  /** row after the run */
  to: Int32Array
  /** as in the registry, or `noSchema` */
  schemaId: Int32Array
}

export function createSchemaRuns(capacity = 16): SchemaRuns {
  return {
    count: 0,
    from: new Int32Array(capacity),
    to: new Int32Array(capacity),
    schemaId: new Int32Array(capacity),
  }
}

/**
 * Reads the framing of every row, and sets every row's status: 0, `badFraming`, or `unknownSchema` for a negative id.
 * Confluent wire format: https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
 *
 * @param status shape (records.count) at least; overwritten; a null value's is 0
 * @param runs   overwritten, grown as needed
 */
export function readSchemaRuns(records: Records, status: Uint8Array, runs: SchemaRuns): void {
  const { bytes, view, count, valueStart, valueEnd } = records
  runs.count = 0
  status.fill(rowErrors.none, 0, count)
  const commonId = records.areAlike && bytes[valueStart[0]] === 0 ? view.getInt32(valueStart[0] + 1) : noSchema
  if (commonId >= 0) {
    addRun(runs, 0, count, commonId)
    return
  }
  let current = noSchema
  let from = 0
  for (let row = 0; row < count; row++) {
    const start = valueStart[row]
    if (start < 0) continue
    if (valueEnd[row] - start < framingBytes || bytes[start] !== 0) {
      status[row] = rowErrors.badFraming
      continue
    }
    const id = view.getInt32(start + 1)
    if (id < 0) {
      // No registry assigns these, and `noSchema` is one of them.
      status[row] = rowErrors.unknownSchema
      continue
    }
    if (id === current) continue
    if (current !== noSchema) {
      addRun(runs, from, row, current)
      from = row
    }
    current = id
  }
  if (count > 0) addRun(runs, from, count, current)
}

/** Gives a whole run the same error; rows that are null or have failed already stay as they are. */
export function failRows(records: Records, status: Uint8Array, from: number, to: number, error: number): void {
  const { valueStart } = records
  for (let row = from; row < to; row++) {
    if (valueStart[row] >= 0 && status[row] === rowErrors.none) status[row] = error
  }
}

function addRun(runs: SchemaRuns, from: number, to: number, schemaId: number): void {
  if (runs.count === runs.from.length) {
    runs.from = grown(runs.from)
    runs.to = grown(runs.to)
    runs.schemaId = grown(runs.schemaId)
  }
  runs.from[runs.count] = from
  runs.to[runs.count] = to
  runs.schemaId[runs.count] = schemaId
  runs.count++
}

function grown(array: Int32Array): Int32Array {
  const larger = new Int32Array(2 * array.length + 1)
  larger.set(array)
  return larger
}
