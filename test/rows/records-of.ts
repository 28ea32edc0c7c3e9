import { createRecords, type Records, reserveRecords } from '../../src/batch/records.ts'
import type { SchemaRuns } from '../../src/rows/schema-runs.ts'
import { createSchemaRuns, readSchemaRuns } from '../../src/rows/schema-runs.ts'
import { createRowColumns, type RowColumns } from '../oracle/row-columns.ts'

/**
 * Records with these values and no keys. Whatever reads beyond a value meets bytes that a varint goes on with, and the
 * last value ends where the memory does.
 */
export function recordsOf(values: readonly (Uint8Array | null)[]): Records {
  const records = createRecords(0)
  reserveRecords(records, values.length)
  const garbage = 11
  const size = values.reduce((sum, value) => sum + garbage + (value?.length ?? 0), 0)
  const bytes = new Uint8Array(size).fill(0xff)
  let at = 0
  for (const [row, value] of values.entries()) {
    at += garbage
    records.keyStart[row] = -1
    records.keyEnd[row] = -1
    records.valueStart[row] = value === null ? -1 : at
    if (value !== null) bytes.set(value, at)
    at += value?.length ?? 0
    records.valueEnd[row] = at
    records.recordEnd[row] = at
  }
  records.bytes = bytes
  records.view = new DataView(bytes.buffer)
  records.count = values.length
  return records
}

/** A value in Confluent's wire format. */
export function framed(schemaId: number, body: Uint8Array): Uint8Array {
  const value = new Uint8Array(5 + body.length)
  new DataView(value.buffer).setInt32(1, schemaId)
  value.set(body, 5)
  return value
}

/** Columns for the records, with the framing read into their status. */
export function columnsFor(records: Records, columns: number): { columns: RowColumns; runs: SchemaRuns } {
  const created = createRowColumns(columns, records.count)
  const runs = createSchemaRuns()
  readSchemaRuns(records, created.status, runs)
  return { columns: created, runs }
}
