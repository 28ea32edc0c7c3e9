import * as duckdbApi from '@duckdb/node-api'
import { DuckDBDataChunk, type DuckDBType } from '@duckdb/node-api'
import duckdb from '@duckdb/node-bindings'
import type { TableColumn, TableType } from './table-columns.ts'

/** DuckDB's vector size: rows of a chunk. */
export const chunkRows = 2048

const duckdbTypes: Readonly<Record<TableType, DuckDBType>> = {
  BOOLEAN: duckdbApi.BOOLEAN,
  INTEGER: duckdbApi.INTEGER,
  BIGINT: duckdbApi.BIGINT,
  FLOAT: duckdbApi.FLOAT,
  DOUBLE: duckdbApi.DOUBLE,
  DATE: duckdbApi.DATE,
  TIME: duckdbApi.TIME,
  TIMESTAMP: duckdbApi.TIMESTAMP,
  TIMESTAMP_MS: duckdbApi.TIMESTAMP_MS,
  TIMESTAMP_NS: duckdbApi.TIMESTAMP_NS,
  VARCHAR: duckdbApi.VARCHAR,
  BLOB: duckdbApi.BLOB,
}

/** Bytes a value; 0 for texts and blobs, which DuckDB takes one by one. */
const widths: Readonly<Record<TableType, number>> = {
  BOOLEAN: 1,
  INTEGER: 4,
  BIGINT: 8,
  FLOAT: 4,
  DOUBLE: 8,
  DATE: 4,
  TIME: 8,
  TIMESTAMP: 8,
  TIMESTAMP_MS: 8,
  TIMESTAMP_NS: 8,
  VARCHAR: 0,
  BLOB: 0,
}

const float = new Float32Array(1)
const floatBits = new Int32Array(float.buffer)
const double = new Float64Array(1)
const doubleWords = new Int32Array(double.buffer)

/** Up to 2,048 rows on their way into a table, as columns in DuckDB's own layout. */
export class TableChunk {
  readonly chunk: DuckDBDataChunk
  readonly #widths: readonly number[]
  readonly #isDouble: readonly boolean[]
  readonly #values: readonly ArrayBuffer[]
  /** shape (columns), then (rows * words a value) over `#values` */
  readonly #words: readonly Int32Array[]
  /** shape (columns), then a bit a row, 1 for a value */
  readonly #validity: readonly Uint8Array<ArrayBuffer>[]
  readonly #vectors: duckdb.Vector[]

  constructor(columns: readonly TableColumn[]) {
    this.chunk = DuckDBDataChunk.create(columns.map(({ type }) => duckdbTypes[type]))
    this.#widths = columns.map(({ type }) => widths[type])
    this.#isDouble = columns.map(({ type }) => type === 'DOUBLE')
    this.#values = this.#widths.map((width) => new ArrayBuffer(chunkRows * width))
    this.#words = this.#values.map((values) => new Int32Array(values))
    this.#validity = columns.map(() => new Uint8Array(chunkRows / 8).fill(255))
    this.#vectors = columns.map((_, c) => duckdb.data_chunk_get_vector(this.chunk.chunk, c))
  }

  setNull(column: number, row: number): void {
    this.#validity[column][row >> 3] &= ~(1 << (row & 7))
  }

  /** Forgets which columns of a row were null: it was given up in its middle, and another one takes its place. */
  clearRow(row: number): void {
    for (const validity of this.#validity) validity[row >> 3] |= 1 << (row & 7)
  }

  setBoolean(column: number, row: number, value: number): void {
    new Uint8Array(this.#values[column])[row] = value
  }

  /** A 32-bit integer or a date; into a BIGINT or DOUBLE column as the same number. */
  setInteger(column: number, row: number, value: number): void {
    if (this.#isDouble[column]) {
      double[0] = value
      this.setWords(column, row, doubleWords[0], doubleWords[1])
    } else if (this.#widths[column] === 8) this.setWords(column, row, value, value >> 31)
    else this.#words[column][row] = value
  }

  /** The bits of a float; into a DOUBLE column as the same number. */
  setFloat(column: number, row: number, bits: number): void {
    if (this.#widths[column] === 8) {
      floatBits[0] = bits
      double[0] = float[0]
      this.setWords(column, row, doubleWords[0], doubleWords[1])
    } else this.#words[column][row] = bits
  }

  /** Eight bytes as they are: an integer, a time, the bits of a double. */
  setWords(column: number, row: number, low: number, high: number): void {
    this.#words[column][2 * row] = low
    this.#words[column][2 * row + 1] = high
  }

  setBytes(column: number, row: number, bytes: Uint8Array): void {
    duckdb.vector_assign_string_element_len(this.#vectors[column], row, bytes)
  }

  /** Makes the chunk hold its first `rows` rows, ready to be appended. */
  seal(rows: number): void {
    for (let c = 0; c < this.#vectors.length; c++) {
      const vector = this.#vectors[c]
      duckdb.copy_data_to_vector(vector, 0, this.#values[c], 0, rows * this.#widths[c])
      duckdb.vector_ensure_validity_writable(vector)
      duckdb.copy_data_to_vector_validity(vector, 0, this.#validity[c].buffer, 0, chunkRows / 8)
    }
    this.chunk.rowCount = rows
  }

  /** Empties the chunk. */
  clear(): void {
    this.chunk.reset()
    for (let c = 0; c < this.#vectors.length; c++) {
      this.#validity[c].fill(255)
      this.#vectors[c] = duckdb.data_chunk_get_vector(this.chunk.chunk, c)
    }
  }
}
