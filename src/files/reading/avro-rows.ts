import { framingBytes, writeFraming } from '../../avro/framing.ts'
import type { BlockWriter } from '../../batch/block-writer.ts'
import type { Encoding } from './column-types.ts'
import { type ColumnVector, hasNull, inlinedBytes, isNull, longVectorBytes } from './column-vector.ts'

/** Branch 0 of `["null", T]` is null, branch 1 the value; as a varint 0 and 2. */
const nullBranch = 0
const valueBranch = 2

/** A column of the chunk at hand. */
interface Field {
  readonly column: ColumnVector
  /** whether it is `["null", T]` */
  readonly nullable: boolean
  /** whether a row of the chunk is null: most chunks have none, and their rows need not be asked */
  readonly hasNull: boolean
}

/** The rows of a chunk as Avro messages: each column is a loop of its own, chosen by its encoding. */
export class AvroRows implements BlockWriter {
  valueBytes = new Int32Array(0)
  readonly #schemaId: number
  readonly #nullable: readonly boolean[]
  #fields: readonly Field[] = []

  /** @param nullable shape (columns), whether the field is `["null", T]` */
  constructor(schemaId: number, nullable: readonly boolean[]) {
    this.#schemaId = schemaId
    this.#nullable = nullable
  }

  /**
   * Takes a chunk; the rows before it are forgotten.
   *
   * @param columns shape (columns), `rows` values each; borrowed until the next chunk
   * @returns the number of the first column that is null where its field cannot be, and -1 if there is none
   */
  take(columns: readonly ColumnVector[], rows: number): number {
    this.#fields = columns.map((column, c) => ({
      column,
      nullable: this.#nullable[c],
      hasNull: hasNull(column, rows),
    }))
    const refused = this.#fields.findIndex((field) => field.hasNull && !field.nullable)
    if (refused >= 0) return refused
    if (rows > this.valueBytes.length) this.valueBytes = new Int32Array(rows)
    const sizes = this.valueBytes.fill(framingBytes + fixedBytes(this.#fields), 0, rows)
    for (const { column, hasNull } of this.#fields) {
      const { bytes, addBytes } = valueCodecs[column.encoding]
      if (!hasNull) addBytes?.(column, 0, rows, sizes)
      else if (addBytes !== undefined) eachRun(column, 0, rows, (from, to) => addBytes(column, from, to, sizes))
      else for (let row = 0; row < rows; row++) if (isNull(column, row)) sizes[row] -= bytes
    }
    return -1
  }

  writeValues(from: number, to: number, out: Uint8Array, view: DataView, at: Int32Array): void {
    for (let row = from; row < to; row++) {
      writeFraming(out, view, at[row], this.#schemaId)
      at[row] += framingBytes
    }
    for (const { column, nullable, hasNull } of this.#fields) {
      const { write } = valueCodecs[column.encoding]
      if (nullable)
        for (let row = from; row < to; row++) out[at[row]++] = hasNull && isNull(column, row) ? nullBranch : valueBranch
      if (!hasNull) write(column, from, to, out, view, at)
      else eachRun(column, from, to, (start, end) => write(column, start, end, out, view, at))
    }
  }
}

/** The bytes that every row has. */
function fixedBytes(fields: readonly Field[]): number {
  return fields.reduce((sum, { column, nullable }) => sum + (nullable ? 1 : 0) + valueCodecs[column.encoding].bytes, 0)
}

/** Calls `use` for every run of rows in [from, to) that are not null. */
function eachRun(column: ColumnVector, from: number, to: number, use: (from: number, to: number) => void): void {
  for (let row = from; row < to; row++) {
    const start = row
    while (row < to && !isNull(column, row)) row++
    if (row > start) use(start, row)
  }
}

/** How the values of rows [from, to), none of them null, become Avro. */
interface ValueCodec {
  /** bytes that every value has */
  readonly bytes: number
  /** Adds what a value has beyond those; absent where it is nothing. */
  readonly addBytes?: (column: ColumnVector, from: number, to: number, sizes: Int32Array) => void
  /** Writes each row's value at `at` and moves it behind. */
  readonly write: (
    column: ColumnVector,
    from: number,
    to: number,
    out: Uint8Array,
    view: DataView,
    at: Int32Array,
  ) => void
}

const valueCodecs: Readonly<Record<Encoding, ValueCodec>> = {
  boolean: {
    bytes: 1,
    write({ bytes }, from, to, out, _view, at) {
      for (let row = from; row < to; row++) out[at[row]++] = bytes[row]
    },
  },
  int: {
    bytes: 0,
    addBytes({ words }, from, to, sizes) {
      for (let row = from; row < to; row++) sizes[row] += longBytes(words[row], words[row] >> 31)
    },
    write({ words }, from, to, out, _view, at) {
      for (let row = from; row < to; row++) at[row] = writeLong(out, at[row], words[row], words[row] >> 31)
    },
  },
  long: {
    bytes: 0,
    addBytes({ words }, from, to, sizes) {
      for (let row = from; row < to; row++) sizes[row] += longBytes(words[2 * row], words[2 * row + 1])
    },
    write({ words }, from, to, out, _view, at) {
      for (let row = from; row < to; row++) at[row] = writeLong(out, at[row], words[2 * row], words[2 * row + 1])
    },
  },
  float: {
    bytes: 4,
    write({ words }, from, to, _out, view, at) {
      for (let row = from; row < to; row++) {
        view.setInt32(at[row], words[row], true)
        at[row] += 4
      }
    },
  },
  double: {
    bytes: 8,
    write({ words }, from, to, _out, view, at) {
      for (let row = from; row < to; row++) {
        view.setInt32(at[row], words[2 * row], true)
        view.setInt32(at[row] + 4, words[2 * row + 1], true)
        at[row] += 8
      }
    },
  },
  bytes: {
    bytes: 0,
    addBytes({ words }, from, to, sizes) {
      for (let row = from; row < to; row++) sizes[row] += longBytes(words[4 * row], 0) + words[4 * row]
    },
    write(column, from, to, out, _view, at) {
      for (let row = from; row < to; row++) at[row] = writeBytes(out, at[row], column, row)
    },
  },
}

function writeBytes(out: Uint8Array, start: number, column: ColumnVector, row: number): number {
  const length = column.words[4 * row]
  const at = writeLong(out, start, length, 0)
  if (length <= inlinedBytes) {
    const { bytes } = column
    const from = 16 * row + 4
    for (let i = 0; i < length; i++) out[at + i] = bytes[from + i]
  } else out.set(longVectorBytes(column, row, length), at)
  return at + length
}

/** shape (significant bits + 1), bytes of a varint */
const varintBytes = Uint8Array.from({ length: 65 }, (_, bits) => Math.max(1, Math.ceil(bits / 7)))

/** Bytes of a 64-bit integer as a zigzag varint, from its two words. */
function longBytes(low: number, high: number): number {
  const sign = high >> 31
  const zigzagHigh = ((high << 1) | (low >>> 31)) ^ sign
  return varintBytes[zigzagHigh === 0 ? 32 - Math.clz32((low << 1) ^ sign) : 64 - Math.clz32(zigzagHigh)]
}

/** Writes a 64-bit integer as a zigzag varint and returns the position after it: exact where doubles end at 2^53. */
function writeLong(out: Uint8Array, at: number, low: number, high: number): number {
  const sign = high >> 31
  let rest = (low << 1) ^ sign
  let zigzagHigh = ((high << 1) | (low >>> 31)) ^ sign
  while (zigzagHigh !== 0) {
    out[at] = (rest & 127) | 128
    out[at + 1] = ((rest >>> 7) & 127) | 128
    out[at + 2] = ((rest >>> 14) & 127) | 128
    out[at + 3] = ((rest >>> 21) & 127) | 128
    at += 4
    rest = (rest >>> 28) | (zigzagHigh << 4)
    zigzagHigh >>>= 28
  }
  for (; rest >>> 0 > 127; rest >>>= 7) out[at++] = (rest & 127) | 128
  out[at] = rest
  return at + 1
}
