import { framingBytes, writeFraming } from '../avro/framing.ts'
import { copyBytes } from '../batch/copy-bytes.ts'
import { createRecords, type Records } from '../batch/records.ts'
import type { FixedLayoutWriter } from '../batch/value-writer.ts'
import { longBytes, maxIntBytes, varintEnd, writeLong } from '../batch/varint.ts'
import type { NumericType } from './numeric-columns.ts'
import { extentBytes, extentStart, type RowColumns } from './row-columns.ts'
import { rowErrors } from './row-error.ts'
import { isInteger, type RowPlan } from './row-plan.ts'

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
 * Open intervals of the numbers that round into a type: restoring gives back the largest int only to within some ulp,
 * so that the bounds lie half a step outside. Longs only as far as a double is exact.
 */
const bounds: Readonly<Record<NumericType, readonly [low: number, high: number]>> = {
  int: [-(2 ** 31) - 0.5, 2 ** 31 - 0.5],
  long: [-(2 ** 53), 2 ** 53],
  float: [-(2 - 2 ** -24) * 2 ** 127, (2 - 2 ** -24) * 2 ** 127],
  double: [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
}

/**
 * Fails the rows of [from, to) with a restored number that its raw type cannot hold, as a row from another writer may
 * give: `notFinite` or `beyondExact`. `RestoredWriter` relies on it.
 */
export function checkRestored(run: RestoredRun, from: number, to: number): void {
  const { status, isNull } = run.columns
  for (const [column, { type }] of run.plan.columns.entries()) {
    const values = run.values[column]
    const nulls = isNull[column]
    const [low, high] = bounds[type]
    const error = isInteger(type) ? rowErrors.beyondExact : rowErrors.notFinite
    for (let row = from; row < to; row++) {
      const value = values[row]
      if ((value > low && value < high) || nulls[row] !== 0 || status[row] !== rowErrors.none) continue
      status[row] = value - value === 0 ? error : rowErrors.notFinite
    }
  }
}

/** How a number is written; indices so that the loops below compare integers. */
const encodings = { varint: 0, float: 1, double: 2 } as const

/**
 * Writes raw values again: the framing, then the normalized body without its model version, with each {value, mode}
 * replaced by the restored number in the raw type. Integers are rounded and take their shortest encoding.
 *
 * Only for rows whose status is 0 after `checkRestored`; a null value stays null.
 */
export class RestoredWriter implements FixedLayoutWriter {
  #schemaId = 0
  #records: Records = createRecords(0)
  /** shape (columns), of `encodings`, in the order of the body, as all columns below */
  #encodings = new Uint8Array(0)
  /** shape (columns)(rows) */
  #extent: readonly Uint32Array[] = []
  #values: readonly Float64Array[] = []
  /** size of a value that has nothing but its numbers, 0 if that differs from row to row */
  #fixedLayoutBytes = 0
  /** as in the plan */
  #normalizedBytes = 0
  #isStamped = true

  beginRun({ records, columns, plan, isStamped = true, schemaId, values }: RestoredRun): void {
    const order = Array.from(plan.order)
    this.#schemaId = schemaId
    this.#records = records
    this.#normalizedBytes = plan.normalizedBytes
    this.#encodings = Uint8Array.from(order, (column) => encodingOf(plan.columns[column].type))
    this.#extent = order.map((column) => columns.extent[column])
    this.#values = order.map((column) => values[column])
    this.#isStamped = isStamped
    this.#fixedLayoutBytes = !isStamped || this.#encodings.includes(encodings.varint) ? 0 : framingBytes
    if (this.#fixedLayoutBytes > 0)
      for (const encoding of this.#encodings) this.#fixedLayoutBytes += encoding === encodings.double ? 8 : 4
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
      else length += longBytes(Math.round(this.#values[i][row]))
    }
    return length
  }

  writeValue(row: number, out: Uint8Array, view: DataView, at: number): number {
    const { bytes, view: source, valueEnd } = this.#records
    this.writeHead(out, view, at)
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
      } else {
        at = writeLong(out, at, Math.round(value))
      }
      from = start + pairBytes
    }
    return copyBytes(bytes, source, from, valueEnd[row], out, view, at)
  }

  fixedLayoutBytes(from: number, to: number): number {
    if (this.#fixedLayoutBytes === 0) return 0
    const { hasFixedLayout, bytes, valueStart, valueEnd } = this.#records
    // No field can be shorter: where the sum is that of the shortest, each is one of them.
    const hasLeast = valueEnd[from] - valueStart[from] === framingBytes + this.#normalizedBytes
    if (hasFixedLayout && this.#normalizedBytes > 0 && hasLeast) return this.#fixedLayoutBytes
    const extents = this.#extent
    for (let row = from; row < to; row++) {
      const start = valueStart[row]
      // A version of one byte, then numbers and nothing else.
      if (start < 0 || bytes[start + framingBytes] > 127) return 0
      let rest = valueEnd[row] - start - framingBytes - 1
      for (let i = 0; i < extents.length; i++) {
        const pairBytes = extentBytes(extents[i][row])
        if (pairBytes === 0) return 0
        rest -= pairBytes
      }
      if (rest !== 0) return 0
    }
    return this.#fixedLayoutBytes
  }

  writeHead(out: Uint8Array, view: DataView, at: number): void {
    writeFraming(out, view, at, this.#schemaId)
  }

  writeFixedLayout(from: number, to: number, _out: Uint8Array, view: DataView, at: number, stride: number): void {
    let column = at + framingBytes
    for (const [i, values] of this.#values.entries()) {
      if (this.#encodings[i] === encodings.double) {
        for (let row = from, start = column; row < to; row++, start += stride) view.setFloat64(start, values[row], true)
        column += 8
      } else {
        for (let row = from, start = column; row < to; row++, start += stride) view.setFloat32(start, values[row], true)
        column += 4
      }
    }
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
  return type === 'float' ? encodings.float : encodings.varint
}
