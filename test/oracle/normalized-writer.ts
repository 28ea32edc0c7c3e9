import { framingBytes, writeFraming } from '../../src/avro/framing.ts'
import { createRecords, type Records } from '../../src/batch/records.ts'
import { maxIntBytes, writeInt } from '../../src/batch/varint.ts'
import { copyBytes } from './copy-bytes.ts'
import { extentBytes, extentStart, type RowColumns } from './row-columns.ts'
import type { RowPlan } from './row-plan.ts'

/** Rows of one raw schema, normalized with one model. */
export interface NormalizedRun {
  readonly records: Records
  /** as `decodeRows` has filled them from `records` with `plan` */
  readonly columns: RowColumns
  readonly plan: RowPlan
  /** of the derived schema */
  readonly schemaId: number
  readonly modelVersion: number
  /** shape (columns)(rows), normalized; what stands at nulls is not read */
  readonly values: readonly Float64Array[]
  /** shape (columns)(rows) */
  readonly modes: readonly Uint8Array[]
}

/**
 * Writes normalized values: the framing, the model version, then the raw body with each number replaced by its
 * {value, mode}. Union branches are part of what lies between the numbers, so a null needs nothing at all.
 *
 * Only for rows whose status is 0; a null value stays null.
 */
export class NormalizedWriter {
  /** framing and model version: the same for all rows of a run */
  readonly #head = new Uint8Array(framingBytes + maxIntBytes)
  #headBytes = 0
  #schemaId = 0
  #numbersOnly = false
  #columns = 0
  /** size of a value of numbers only whose modes take a byte each */
  #numbersOnlyBytes = 0
  #records: Records = createRecords(0)
  #valueStart = this.#records.valueStart
  /** shape (columns)(rows), in the order of the body, as the columns below */
  #extent: readonly Float64Array[] = []
  #values: readonly Float64Array[] = []
  #modes: readonly Uint8Array[] = []
  /** of the first column of a body of numbers only: two steps less to its numbers, and many topics have no other */
  #firstValues: Float64Array = new Float64Array(0)
  #firstModes: Uint8Array = new Uint8Array(0)

  beginRun({ records, columns, plan, schemaId, modelVersion, values, modes }: NormalizedRun): void {
    const order = Array.from(plan.order)
    this.#schemaId = schemaId
    this.#headBytes = writeInt(this.#head, framingBytes, modelVersion)
    this.#numbersOnly = plan.numbersOnly && order.length > 0
    this.#columns = order.length
    this.#numbersOnlyBytes = this.#headBytes + 9 * order.length
    this.#records = records
    this.#valueStart = records.valueStart
    this.#extent = order.map((column) => columns.extent[column])
    this.#values = order.map((column) => values[column])
    this.#modes = order.map((column) => modes[column])
    if (this.#numbersOnly) {
      this.#firstValues = this.#values[0]
      this.#firstModes = this.#modes[0]
    }
  }

  valueBytes(row: number): number {
    if (this.#valueStart[row] < 0) return -1
    if (!this.#numbersOnly) return this.#mixedBytes(row)
    const length = this.#numbersOnlyBytes + wideModeBytes(this.#firstModes[row])
    return this.#columns === 1 ? length : length + this.#otherWideBytes(row)
  }

  writeValue(row: number, out: Uint8Array, view: DataView, at: number): number {
    this.#writeHead(out, view, at)
    at += this.#headBytes
    if (!this.#numbersOnly) return this.#writeMixed(row, out, view, at)
    at = writeModeValue(this.#firstValues[row], this.#firstModes[row], out, view, at)
    return this.#columns === 1 ? at : this.#writeOthers(row, out, view, at)
  }

  #writeHead(out: Uint8Array, view: DataView, at: number): void {
    writeFraming(out, view, at, this.#schemaId)
    for (let i = framingBytes; i < this.#headBytes; i++) out[at + i] = this.#head[i]
  }

  #otherWideBytes(row: number): number {
    const modes = this.#modes
    let bytes = 0
    for (let i = 1; i < modes.length; i++) bytes += wideModeBytes(modes[i][row])
    return bytes
  }

  #writeOthers(row: number, out: Uint8Array, view: DataView, at: number): number {
    const values = this.#values
    const modes = this.#modes
    for (let i = 1; i < values.length; i++) at = writeModeValue(values[i][row], modes[i][row], out, view, at)
    return at
  }

  #mixedBytes(row: number): number {
    const { valueStart, valueEnd } = this.#records
    const extents = this.#extent
    let length = valueEnd[row] - valueStart[row] - framingBytes + this.#headBytes
    for (let i = 0; i < extents.length; i++) {
      const rawBytes = extentBytes(extents[i][row])
      if (rawBytes !== 0) length += 8 + (this.#modes[i][row] < 64 ? 1 : 2) - rawBytes
    }
    return length
  }

  #writeMixed(row: number, out: Uint8Array, view: DataView, at: number): number {
    const { bytes, view: source, valueStart, valueEnd } = this.#records
    const extents = this.#extent
    let from = valueStart[row] + framingBytes
    for (let i = 0; i < extents.length; i++) {
      const extent = extents[i][row]
      const rawBytes = extentBytes(extent)
      if (rawBytes === 0) continue
      const start = extentStart(extent)
      at = copyBytes(bytes, source, from, start, out, view, at)
      at = writeModeValue(this.#values[i][row], this.#modes[i][row], out, view, at)
      from = start + rawBytes
    }
    return copyBytes(bytes, source, from, valueEnd[row], out, view, at)
  }
}

/** A mode's varint has a second byte from 64 on. */
function wideModeBytes(mode: number): number {
  return mode < 64 ? 0 : 1
}

function writeModeValue(value: number, mode: number, out: Uint8Array, view: DataView, at: number): number {
  view.setFloat64(at, value, true)
  at += 8
  if (mode < 64) {
    out[at] = 2 * mode
    return at + 1
  }
  out[at] = (2 * mode) | 0x80
  out[at + 1] = mode >> 6
  return at + 2
}
