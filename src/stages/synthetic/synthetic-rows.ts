import type { ValueWriter } from '../../batch/value-writer.ts'
import { longBytes, writeLong } from '../../batch/varint.ts'
import type { RowSpec, SyntheticType } from './row-spec.ts'
import { type RowRange, syntheticValues } from './synthetic-values.ts'

const prefixBytes = 5

interface Column {
  readonly type: SyntheticType
  readonly nullable: boolean
  /** shape (capacity), NaN for null */
  readonly values: Float64Array
}

/** A block of synthetic rows as Avro messages; its numbers stay columns until they are written. */
export class SyntheticRows implements ValueWriter {
  readonly #spec: RowSpec
  readonly #schemaId: number
  readonly #columns: readonly Column[]
  /** bytes of every row if all rows have the same, else -1 */
  readonly #fixedBytes: number

  /** @param capacity most rows of a block */
  constructor(spec: RowSpec, schemaId: number, capacity: number) {
    this.#spec = spec
    this.#schemaId = schemaId
    this.#columns = spec.map(({ type, nullRate }) => ({
      type,
      nullable: nullRate > 0,
      values: new Float64Array(capacity),
    }))
    this.#fixedBytes = this.#columns.reduce((sum, { type, nullable }) => {
      if (sum < 0 || nullable || type === 'int' || type === 'long') return -1
      return sum + (type === 'double' ? 8 : 4)
    }, prefixBytes)
  }

  /** Makes the rows of a range; they are row 0 and following for the writer. */
  fill(range: RowRange, rows: number): void {
    for (let c = 0; c < this.#columns.length; c++) {
      syntheticValues(this.#spec[c], c, range, this.#columns[c].values.subarray(0, rows))
    }
  }

  valueBytes(row: number): number {
    if (this.#fixedBytes >= 0) return this.#fixedBytes
    let bytes = prefixBytes
    for (const { type, nullable, values } of this.#columns) {
      const value = values[row]
      if (nullable) bytes++
      if (nullable && Number.isNaN(value)) continue
      bytes += type === 'double' ? 8 : type === 'float' ? 4 : longBytes(value)
    }
    return bytes
  }

  writeValue(row: number, out: Uint8Array, view: DataView, start: number): number {
    out[start] = 0
    view.setInt32(start + 1, this.#schemaId)
    let at = start + prefixBytes
    for (const { type, nullable, values } of this.#columns) {
      const value = values[row]
      if (nullable) {
        const isNull = Number.isNaN(value)
        // Branches of ["null", T] as varints.
        out[at++] = isNull ? 0 : 2
        if (isNull) continue
      }
      if (type === 'double') {
        view.setFloat64(at, value, true)
        at += 8
      } else if (type === 'float') {
        view.setFloat32(at, value, true)
        at += 4
      } else at = writeLong(out, at, value)
    }
    return at
  }
}
