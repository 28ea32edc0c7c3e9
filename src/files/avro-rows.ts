import type { ValueWriter } from '../batch/value-writer.ts'
import { type ColumnVector, inlinedBytes, isNull, longVectorBytes } from './column-vector.ts'

/** The magic byte and the schema id before an Avro body in a Confluent message. */
const prefixBytes = 5
/** Below this a loop beats `Uint8Array.set`; see batch/copy-bytes.ts. */
const shortCopyBytes = 24

/**
 * The rows of a chunk as Avro messages, written column by column into a buffer that is reused: each column is one
 * tight loop, where row by row each value would be a call that the compiler cannot resolve.
 */
export class AvroRows implements ValueWriter {
  readonly #schemaId: number
  readonly #nullable: readonly boolean[]
  /** shape (rows + 1), where a row begins in `#out` */
  #start = new Int32Array(1)
  /** shape (rows), first each row's size, then where its next field goes */
  #at = new Int32Array(0)
  #out = new Uint8Array(0)
  #view = new DataView(this.#out.buffer)

  /** @param nullable shape (columns), whether the field is `["null", T]` */
  constructor(schemaId: number, nullable: readonly boolean[]) {
    this.#schemaId = schemaId
    this.#nullable = nullable
  }

  /**
   * Encodes a chunk; the rows before it are forgotten.
   *
   * @param columns shape (columns), `rows` values each
   * @returns the number of the first column that is null where its field cannot be, and -1 if there is none
   */
  encode(columns: readonly ColumnVector[], rows: number): number {
    if (rows > this.#at.length) {
      this.#start = new Int32Array(rows + 1)
      this.#at = new Int32Array(rows)
    }
    const at = this.#at
    at.fill(prefixBytes, 0, rows)
    for (let c = 0; c < columns.length; c++) {
      if (!this.#nullable[c] && hasNull(columns[c], rows)) return c
      measure(columns[c], this.#nullable[c], rows, at)
    }
    this.#begin(rows)
    for (let c = 0; c < columns.length; c++) write(columns[c], this.#nullable[c], rows, this.#out, this.#view, at)
    return -1
  }

  valueBytes(row: number): number {
    return this.#start[row + 1] - this.#start[row]
  }

  writeValue(row: number, out: Uint8Array, _view: DataView, at: number): number {
    const from = this.#out
    const start = this.#start[row]
    const end = this.#start[row + 1]
    if (end - start < shortCopyBytes) {
      for (let i = start; i < end; i++) out[at++] = from[i]
      return at
    }
    out.set(from.subarray(start, end), at)
    return at + end - start
  }

  /** Turns sizes into positions and writes what stands before each body. */
  #begin(rows: number): void {
    const start = this.#start
    const at = this.#at
    let end = 0
    for (let row = 0; row < rows; row++) {
      start[row] = end
      end += at[row]
    }
    start[rows] = end
    if (end > this.#out.length) {
      this.#out = new Uint8Array(2 * end)
      this.#view = new DataView(this.#out.buffer)
    }
    for (let row = 0; row < rows; row++) {
      this.#out[start[row]] = 0
      this.#view.setInt32(start[row] + 1, this.#schemaId)
      at[row] = start[row] + prefixBytes
    }
  }
}

function hasNull(column: ColumnVector, rows: number): boolean {
  if (column.validity === null) return false
  for (let row = 0; row < rows; row++) if (isNull(column, row)) return true
  return false
}

/** Adds the bytes of each row's field to `sizes`. */
function measure(column: ColumnVector, nullable: boolean, rows: number, sizes: Int32Array): void {
  const { encoding, words } = column
  const branch = nullable ? 1 : 0
  for (let row = 0; row < rows; row++) {
    if (isNull(column, row)) sizes[row] += 1
    else if (encoding === 'long') sizes[row] += branch + longBytes(words[2 * row], words[2 * row + 1])
    else if (encoding === 'int') sizes[row] += branch + longBytes(words[row], words[row] >> 31)
    else if (encoding === 'bytes') sizes[row] += branch + longBytes(words[4 * row], 0) + words[4 * row]
    else sizes[row] += branch + (encoding === 'double' ? 8 : encoding === 'float' ? 4 : 1)
  }
}

/** Writes each row's field at `at` and moves it behind. */
function write(
  column: ColumnVector,
  nullable: boolean,
  rows: number,
  out: Uint8Array,
  view: DataView,
  at: Int32Array,
): void {
  const { encoding, words } = column
  for (let row = 0; row < rows; row++) {
    let position = at[row]
    if (nullable) {
      // Branch 0 is null, branch 1 is the value; as a varint 0 and 2.
      if (isNull(column, row)) {
        out[position] = 0
        at[row] = position + 1
        continue
      }
      out[position++] = 2
    }
    switch (encoding) {
      case 'long':
        at[row] = writeLong(out, position, words[2 * row], words[2 * row + 1])
        break
      case 'int':
        at[row] = writeLong(out, position, words[row], words[row] >> 31)
        break
      case 'double':
        view.setInt32(position, words[2 * row], true)
        view.setInt32(position + 4, words[2 * row + 1], true)
        at[row] = position + 8
        break
      case 'float':
        view.setInt32(position, words[row], true)
        at[row] = position + 4
        break
      case 'boolean':
        out[position] = column.bytes[row]
        at[row] = position + 1
        break
      case 'bytes':
        at[row] = writeBytes(out, position, column, row)
        break
    }
  }
}

function writeBytes(out: Uint8Array, start: number, column: ColumnVector, row: number): number {
  const length = column.words[4 * row]
  const at = writeLong(out, start, length, 0)
  if (length <= inlinedBytes) {
    const from = 16 * row + 4
    for (let i = 0; i < length; i++) out[at + i] = column.bytes[from + i]
  } else out.set(longVectorBytes(column, row, length), at)
  return at + length
}

/** Bytes of a 64-bit integer as a zigzag varint, from its two words. */
function longBytes(low: number, high: number): number {
  const sign = high >> 31
  const zigzagHigh = ((high << 1) | (low >>> 31)) ^ sign
  const bits = zigzagHigh === 0 ? 32 - Math.clz32((low << 1) ^ sign) : 64 - Math.clz32(zigzagHigh)
  return bits <= 7 ? 1 : Math.ceil(bits / 7)
}

/** Writes a 64-bit integer as a zigzag varint and returns the position after it: exact where doubles end at 2^53. */
function writeLong(out: Uint8Array, at: number, low: number, high: number): number {
  const sign = high >> 31
  let zigzagLow = (low << 1) ^ sign
  let zigzagHigh = ((high << 1) | (low >>> 31)) ^ sign
  while (zigzagHigh !== 0) {
    out[at++] = (zigzagLow & 127) | 128
    zigzagLow = (zigzagLow >>> 7) | (zigzagHigh << 25)
    zigzagHigh >>>= 7
  }
  while (zigzagLow >>> 0 > 127) {
    out[at++] = (zigzagLow & 127) | 128
    zigzagLow >>>= 7
  }
  out[at] = zigzagLow
  return at + 1
}
