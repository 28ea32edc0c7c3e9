import type { DuckDBDataChunk } from '@duckdb/node-api'
import duckdb from '@duckdb/node-bindings'
import type { Encoding } from './column-types.ts'

/**
 * A chunk's column as DuckDB holds it: no value becomes a JavaScript object. Borrowed from the chunk, which must
 * outlive it. Hosts are little-endian, as all are that DuckDB has a build for.
 */
export interface ColumnVector {
  readonly encoding: Encoding
  /** a bit a row, least significant first, 1 for a value; null if no row is null */
  readonly validity: Uint8Array | null
  /** the values: `valueBytes[encoding]` a row */
  readonly bytes: Uint8Array
  /** over `bytes` */
  readonly view: DataView
  /** over `bytes`, shape (rows * words a value): a long is its low word, then its high one */
  readonly words: Int32Array
}

/** Bytes a value. A text or blob is a `duckdb_string_t`: its length, then up to 12 bytes, or a prefix and a pointer. */
const valueBytes: Readonly<Record<Encoding, number>> = {
  boolean: 1,
  int: 4,
  long: 8,
  float: 4,
  double: 8,
  bytes: 16,
}

/** The longest text that stands in the vector itself. */
export const inlinedBytes = 12

/** Column `index` of a chunk that was read as `encoding`. */
export function columnVector(chunk: DuckDBDataChunk, index: number, encoding: Encoding): ColumnVector {
  const rows = chunk.rowCount
  // The low-level binding: node-api's vectors keep their typed arrays private.
  const vector = duckdb.data_chunk_get_vector(chunk.chunk, index)
  const bytes = duckdb.vector_get_data(vector, rows * valueBytes[encoding])
  return {
    encoding,
    validity: duckdb.vector_get_validity(vector, Math.ceil(rows / 64) * 8),
    bytes,
    view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    words: new Int32Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.byteLength / 4)),
  }
}

export function isNull(column: ColumnVector, row: number): boolean {
  return column.validity !== null && (column.validity[row >> 3] & (1 << (row & 7))) === 0
}

/** Whether any of the first `rows` rows is null. */
export function hasNull({ validity }: ColumnVector, rows: number): boolean {
  if (validity === null) return false
  const whole = rows >> 3
  for (let at = 0; at < whole; at++) if (validity[at] !== 255) return true
  const rest = (1 << (rows & 7)) - 1
  return (validity[whole] & rest) !== rest
}

/** The text or blob of a row, UTF-8; a view where it is short, a copy where it is long. */
export function vectorBytes(column: ColumnVector, row: number): Uint8Array {
  const length = column.words[4 * row]
  const at = 16 * row
  return length <= inlinedBytes ? column.bytes.subarray(at + 4, at + 4 + length) : longVectorBytes(column, row, length)
}

/** `vectorBytes` for what is longer than `inlinedBytes`. */
export function longVectorBytes({ bytes }: ColumnVector, row: number, length: number): Uint8Array {
  return duckdb.get_data_from_pointer(bytes.buffer as ArrayBuffer, bytes.byteOffset + 16 * row + 8, length)
}
