import { framingBytes, writeFraming } from '../../src/avro/framing.ts'
import { createRecords, type Records } from '../../src/batch/records.ts'
import { longBytes, maxIntBytes, varintEnd, writeLong } from '../../src/batch/varint.ts'
import { failUnholdable } from '../../src/rows/number-bounds.ts'
import type { DecimalType, NumericType } from '../../src/rows/numeric-columns.ts'
import { rowErrors } from '../../src/rows/row-error.ts'
import { copyBytes } from './copy-bytes.ts'
import { extentBytes, extentStart, type RowColumns } from './row-columns.ts'
import type { RowPlan } from './row-plan.ts'

/**
 * Rows of one schema, whose numbers are to be replaced: normalized rows by restored ones, raw rows by those of a
 * transform.
 */
export interface RestoredRun {
  readonly records: Records
  /** as `decodeRows` has filled them from `records` with `plan` */
  readonly columns: RowColumns
  /** one that keeps extents */
  readonly plan: RowPlan
  /** whether the bodies begin with a model version, which is left out [true] */
  readonly isStamped?: boolean
  /** of the raw schema */
  readonly schemaId: number
  /** shape (columns)(rows), not yet rounded to the column's type; what stands at nulls is not read */
  readonly values: readonly Float64Array[]
}

/**
 * Fails the rows of [from, to) with a restored number that its raw type cannot hold, as a row from another writer may
 * give: `notFinite` or `beyondExact`. `RestoredWriter` relies on it.
 */
export function checkRestored(run: RestoredRun, from: number, to: number): void {
  const { status, isNull } = run.columns
  for (const [column, { type, decimal }] of run.plan.columns.entries()) {
    if (decimal !== undefined)
      for (let row = from; row < to; row++) {
        const x = run.values[column][row]
        if (isNull[column][row] !== 0 || status[row] !== rowErrors.none || decimalBytes(x, decimal)) continue
        status[row] = Number.isFinite(x) ? rowErrors.beyondExact : rowErrors.notFinite
      }
    failUnholdable(
      type,
      run.values[column].subarray(from, to),
      isNull[column].subarray(from, to),
      status.subarray(from, to),
    )
  }
}

/** How a number is written; indices so that the loops below compare integers. */
const encodings = { varint: 0, float: 1, double: 2, decimal: 3 } as const

/** The bytes of a decimal, with their length if they vary; undefined if there are too many. */
function decimalBytes(x: number, { scale, sizeBytes }: DecimalType): Buffer | undefined {
  const units = Math.round(x * 10 ** scale)
  if (!(Math.abs(x * 10 ** scale) < 2 ** 53)) return undefined
  let bytes = 1
  while (BigInt.asIntN(8 * bytes, BigInt(units)) !== BigInt(units)) bytes++
  if (sizeBytes > 0 && bytes > sizeBytes) return undefined
  const size = Math.max(bytes, sizeBytes)
  const hex = BigInt.asUintN(8 * size, BigInt(units))
    .toString(16)
    .padStart(2 * size, '0')
  const body = Buffer.from(hex, 'hex')
  return sizeBytes > 0 ? body : Buffer.concat([Buffer.of(2 * size), body])
}

/**
 * Writes raw values again: the framing, then the normalized body without its model version, with each {value, mode}
 * replaced by the restored number in the raw type. Integers are rounded and take their shortest encoding.
 *
 * Only for rows whose status is 0 after `checkRestored`; a null value stays null.
 */
export class RestoredWriter {
  #schemaId = 0
  #records: Records = createRecords(0)
  /** shape (columns), of `encodings`, in the order of the body, as all columns below */
  #encodings = new Uint8Array(0)
  /** shape (columns)(rows) */
  #extent: readonly Float64Array[] = []
  #values: readonly Float64Array[] = []
  #isStamped = true
  /** shape (columns), of those that are decimals */
  #decimals: readonly (DecimalType | undefined)[] = []

  beginRun({ records, columns, plan, isStamped = true, schemaId, values }: RestoredRun): void {
    const order = Array.from(plan.order)
    this.#schemaId = schemaId
    this.#records = records
    this.#encodings = Uint8Array.from(order, (column) => encodingOf(plan.columns[column].type))
    this.#extent = order.map((column) => columns.extent[column])
    this.#values = order.map((column) => values[column])
    this.#isStamped = isStamped
    this.#decimals = order.map((column) => plan.columns[column].decimal)
  }

  #decimal(i: number, row: number): Buffer {
    return decimalBytes(this.#values[i][row], this.#decimals[i] as DecimalType) as Buffer
  }

  valueBytes(row: number): number {
    if (this.#records.valueStart[row] < 0) return -1
    const extents = this.#extent
    let length = framingBytes + this.#records.valueEnd[row] - this.#bodyStart(row)
    for (let i = 0; i < extents.length; i++) {
      const pairBytes = extentBytes(extents[i][row])
      if (pairBytes === 0) continue
      const encoding = this.#encodings[i]
      length -= pairBytes
      if (encoding === encodings.double) length += 8
      else if (encoding === encodings.float) length += 4
      else if (encoding === encodings.decimal) length += this.#decimal(i, row).length
      else length += longBytes(Math.round(this.#values[i][row]))
    }
    return length
  }

  writeValue(row: number, out: Uint8Array, view: DataView, at: number): number {
    const { bytes, view: source, valueEnd } = this.#records
    writeFraming(out, view, at, this.#schemaId)
    at += framingBytes
    let from = this.#bodyStart(row)
    const extents = this.#extent
    for (let i = 0; i < extents.length; i++) {
      const extent = extents[i][row]
      const pairBytes = extentBytes(extent)
      if (pairBytes === 0) continue
      const start = extentStart(extent)
      at = copyBytes(bytes, source, from, start, out, view, at)
      const encoding = this.#encodings[i]
      const value = this.#values[i][row]
      if (encoding === encodings.double) {
        view.setFloat64(at, value, true)
        at += 8
      } else if (encoding === encodings.float) {
        view.setFloat32(at, value, true)
        at += 4
      } else if (encoding === encodings.decimal) {
        const decimal = this.#decimal(i, row)
        out.set(decimal, at)
        at += decimal.length
      } else {
        at = writeLong(out, at, Math.round(value))
      }
      from = start + pairBytes
    }
    return copyBytes(bytes, source, from, valueEnd[row], out, view, at)
  }

  /** First byte of the body, after the model version, which decoding has found to be well formed. */
  #bodyStart(row: number): number {
    const { bytes, valueStart, valueEnd } = this.#records
    if (!this.#isStamped) return valueStart[row] + framingBytes
    return varintEnd(bytes, valueStart[row] + framingBytes, valueEnd[row], maxIntBytes)
  }
}

function encodingOf(type: NumericType): number {
  if (type === 'double') return encodings.double
  if (type === 'decimal') return encodings.decimal
  return type === 'float' ? encodings.float : encodings.varint
}
