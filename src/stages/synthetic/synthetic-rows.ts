import { framingBytes, writeFraming } from '../../avro/framing.ts'
import type { BlockWriter } from '../../batch/block-writer.ts'
import { longBytes, writeLong } from '../../batch/varint.ts'
import type { RowSpec, SyntheticColumn, SyntheticType } from './row-spec.ts'
import { type RowRange, syntheticValues } from './synthetic-values.ts'

/** A block of synthetic rows as Avro messages; its numbers stay columns until they are written. */
export class SyntheticRows implements BlockWriter {
  readonly valueBytes: Int32Array
  readonly #spec: RowSpec
  readonly #schemaId: number
  /** shape (columns), then (capacity), NaN for null */
  readonly #columns: readonly Float64Array[]

  /** @param capacity most rows of a block */
  constructor(spec: RowSpec, schemaId: number, capacity: number) {
    this.valueBytes = new Int32Array(capacity)
    this.#spec = spec
    this.#schemaId = schemaId
    this.#columns = spec.map(() => new Float64Array(capacity))
  }

  /** Makes the rows of a range; they are row 0 and following for the writer. */
  fill(range: RowRange, rows: number): void {
    const sizes = this.valueBytes.fill(framingBytes, 0, rows)
    for (const [c, column] of this.#spec.entries()) {
      const values = this.#columns[c].subarray(0, rows)
      syntheticValues(column, c, range, values)
      addSizes(column, values, sizes)
    }
  }

  writeValues(from: number, to: number, out: Uint8Array, view: DataView, at: Int32Array): void {
    for (let row = from; row < to; row++) {
      writeFraming(out, view, at[row], this.#schemaId)
      at[row] += framingBytes
    }
    for (const [c, column] of this.#spec.entries()) {
      if (column.nullRate > 0) writeBranches(this.#columns[c], from, to, out, at)
      writers[column.type](this.#columns[c], from, to, out, view, at)
    }
  }
}

/** Adds the bytes of each row's field. */
function addSizes({ type, nullRate }: SyntheticColumn, values: Float64Array, sizes: Int32Array): void {
  const branch = nullRate > 0 ? 1 : 0
  const fixed = type === 'double' ? 8 : type === 'float' ? 4 : 0
  for (let row = 0; row < values.length; row++) {
    const value = values[row]
    sizes[row] += branch + (Number.isNaN(value) ? 0 : fixed > 0 ? fixed : longBytes(value))
  }
}

/** The branches of `["null", T]` as varints: 0 is null, 1 the value. */
function writeBranches(values: Float64Array, from: number, to: number, out: Uint8Array, at: Int32Array): void {
  for (let row = from; row < to; row++) out[at[row]++] = Number.isNaN(values[row]) ? 0 : 2
}

/** Write each row's value, if there is one, and move `at` behind it. */
const writers: Readonly<
  Record<
    SyntheticType,
    (values: Float64Array, from: number, to: number, out: Uint8Array, view: DataView, at: Int32Array) => void
  >
> = {
  int: writeWholes,
  long: writeWholes,
  float(values, from, to, _out, view, at) {
    for (let row = from; row < to; row++) {
      if (Number.isNaN(values[row])) continue
      view.setFloat32(at[row], values[row], true)
      at[row] += 4
    }
  },
  double(values, from, to, _out, view, at) {
    for (let row = from; row < to; row++) {
      if (Number.isNaN(values[row])) continue
      view.setFloat64(at[row], values[row], true)
      at[row] += 8
    }
  },
}

function writeWholes(
  values: Float64Array,
  from: number,
  to: number,
  out: Uint8Array,
  _view: DataView,
  at: Int32Array,
): void {
  for (let row = from; row < to; row++) if (!Number.isNaN(values[row])) at[row] = writeLong(out, at[row], values[row])
}
