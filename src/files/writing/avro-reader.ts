import { avroJson } from '../../avro/avro-json.ts'
import { wholeValueEnd } from '../../avro/whole-value.ts'
import type { TableChunk } from './table-chunk.ts'
import type { FieldPlan, RecordPlan } from './table-columns.ts'

/** Where the value that was read last ends, and its words: an object a value would cost more than reading it. */
let next = 0
let low = 0
let high = 0

/**
 * Reads one Avro record into row `row` of a chunk.
 *
 * @param columns shape (columns of the plan), where each of them is in the chunk
 * @returns the position after the record; NaN or another than its end if the bytes are no such record
 */
export function readRecord(
  plan: RecordPlan,
  columns: Int32Array,
  bytes: Buffer,
  view: DataView,
  start: number,
  end: number,
  chunk: TableChunk,
  row: number,
): number {
  next = start
  return readFields(plan.fields, columns, bytes, view, end, chunk, row)
}

function readFields(
  fields: readonly FieldPlan[],
  columns: Int32Array,
  bytes: Buffer,
  view: DataView,
  end: number,
  chunk: TableChunk,
  row: number,
): number {
  for (const field of fields) {
    if (field.nullBranch >= 0) {
      readLong(bytes, end)
      if (low === field.nullBranch) {
        const { columnCount = field.kind === 'mode' ? 2 : 1 } = field
        for (let i = 0; i < columnCount; i++) chunk.setNull(columns[field.column + i], row)
        continue
      }
    }
    if (field.fields !== undefined) readFields(field.fields, columns, bytes, view, end, chunk, row)
    else readField(field, columns[field.column], columns[field.column + 1], bytes, view, end, chunk, row)
    if (!(next <= end)) return Number.NaN
  }
  return next
}

function readField(
  field: FieldPlan,
  column: number,
  secondColumn: number,
  bytes: Buffer,
  view: DataView,
  end: number,
  chunk: TableChunk,
  row: number,
): number {
  switch (field.kind) {
    case 'mode':
      readDouble(view, end, chunk, column, row)
      readInt(bytes, end)
      chunk.setInteger(secondColumn, row, low)
      return next
    case 'double':
      return readDouble(view, end, chunk, column, row)
    case 'float':
      if (next + 4 > end) return fail()
      chunk.setFloat(column, row, view.getInt32(next, true))
      next += 4
      return next
    case 'int':
      readInt(bytes, end)
      chunk.setInteger(column, row, low)
      return next
    case 'time-millis': {
      readInt(bytes, end)
      // Up to 86,400,000,000 us: more than a word.
      const micros = low * 1000
      chunk.setWords(column, row, micros | 0, Math.floor(micros / 0x1_0000_0000))
      return next
    }
    case 'long':
      readLong(bytes, end)
      chunk.setWords(column, row, low, high)
      return next
    case 'boolean':
      if (next >= end || bytes[next] > 1) return fail()
      chunk.setBoolean(column, row, bytes[next])
      next += 1
      return next
    case 'bytes':
      readLong(bytes, end)
      return high === 0 && low >= 0 ? readBytes(low, bytes, end, chunk, column, row) : fail()
    case 'fixed':
      return readBytes(field.sizeBytes, bytes, end, chunk, column, row)
    case 'enum': {
      readInt(bytes, end)
      const symbol = field.symbols[low]
      if (symbol === undefined) return fail()
      chunk.setBytes(column, row, symbol)
      return next
    }
    case 'other':
      return readOther(field, bytes, end, chunk, column, row)
    case 'record':
      return fail()
  }
}

function fail(): number {
  next = Number.NaN
  return next
}

function readDouble(view: DataView, end: number, chunk: TableChunk, column: number, row: number): number {
  if (next + 8 > end) return fail()
  chunk.setWords(column, row, view.getInt32(next, true), view.getInt32(next + 4, true))
  next += 8
  return next
}

function readBytes(
  length: number,
  bytes: Uint8Array,
  end: number,
  chunk: TableChunk,
  column: number,
  row: number,
): number {
  if (next + length > end) return fail()
  chunk.setBytes(column, row, bytes.subarray(next, next + length))
  next += length
  return next
}

/** Nested values go through avsc, which is slower, and into the table as JSON text. */
function readOther(
  field: FieldPlan,
  bytes: Buffer,
  end: number,
  chunk: TableChunk,
  column: number,
  row: number,
): number {
  if (field.type === undefined) return fail()
  const after = wholeValueEnd(field.type, bytes, next, end)
  if (!(after <= end)) return fail()
  const { value } = field.type.decode(bytes.subarray(0, after), next) as { value: unknown }
  next = after
  if (value === null) chunk.setNull(column, row)
  else chunk.setBytes(column, row, Buffer.from(avroJson(field.type, value)))
  return next
}

/** As `readLong`; fails at a number beyond 32 bits. */
function readInt(bytes: Uint8Array, end: number): number {
  readLong(bytes, end)
  return high === low >> 31 ? next : fail()
}

/** Reads a zigzag varint of up to 64 bits into `low` and `high`; as all readers, returns the position after it. */
function readLong(bytes: Uint8Array, end: number): number {
  let zigzagLow = 0
  let zigzagHigh = 0
  let shift = 0
  for (let i = 0; i < 10; i++, shift += 7) {
    if (!(next < end)) return fail()
    const byte = bytes[next++]
    const bits = byte & 127
    if (shift < 28) zigzagLow |= bits << shift
    else if (shift === 28) {
      zigzagLow |= bits << 28
      zigzagHigh = bits >>> 4
    } else zigzagHigh |= bits << (shift - 32)
    if (byte < 128) {
      const sign = -(zigzagLow & 1)
      low = ((zigzagLow >>> 1) | (zigzagHigh << 31)) ^ sign
      high = (zigzagHigh >>> 1) ^ sign
      return next
    }
  }
  return fail()
}
