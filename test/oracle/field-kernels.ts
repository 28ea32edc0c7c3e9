/**
 * The steps of decoding, each for all rows of [from, to): a row's `cursor` moves over one field. Doing a step for many
 * rows before the next one leaves no dispatch in the inner loops.
 *
 * The cost is the number of array elements touched per row, about 1 ns each, because V8 loads and checks the array
 * every time. Hence branches and numbers are read in one pass, and an extent is one element.
 *
 * Every kernel checks a row's end before it reads, so a dead cursor fails again and stays dead. `nullByte` is the byte
 * of the null branch, 0 or 2, or `notNullable`.
 */
import { framingBytes } from '../../src/avro/framing.ts'
import type { Records } from '../../src/batch/records.ts'
import { lengthPrefixedEnd, maxIntBytes, maxLongBytes, varintEnd, zigzag } from '../../src/batch/varint.ts'
import { type RowError, rowErrors } from '../../src/rows/row-error.ts'
import { deadCursor, extentOf, type RowColumns } from './row-columns.ts'
import { type SkipProgram, skipValue } from './skip-program.ts'

/** In place of a null branch's byte: the field is no union. */
export const notNullable = -1

/** Integers of smaller magnitude survive normalization exactly. */
const exactIntegerLimit = 2 ** 49

/** Units of the last digit: decimals of smaller magnitude do. */
const exactUnits = 2n ** 48n

export const malformedBranch = -1
export const nullBranch = -2

/**
 * Moves the cursor of every readable row behind the prefix of its body: the leading fields whose positions do not
 * depend on the row.
 *
 * @param whole whether the body must end there
 */
export function beginBodies(
  records: Records,
  columns: RowColumns,
  from: number,
  to: number,
  prefixBytes: number,
  whole: boolean,
): void {
  const { valueStart, valueEnd } = records
  const { cursor, status } = columns
  const least = framingBytes + prefixBytes
  for (let row = from; row < to; row++) {
    const start = valueStart[row]
    const rest = valueEnd[row] - start - least
    if (start < 0 || status[row] !== rowErrors.none) {
      cursor[row] = deadCursor
    } else if (rest < 0) {
      cursor[row] = fail(status, row, start, rowErrors.malformed)
    } else if (whole && rest > 0) {
      cursor[row] = fail(status, row, start, rowErrors.trailingBytes)
    } else {
      cursor[row] = start + least
    }
  }
}

/** Rows whose body continues after the last field have failed. */
export function endBodies(records: Records, columns: RowColumns, from: number, to: number): void {
  const { valueEnd } = records
  const { cursor, status } = columns
  for (let row = from; row < to; row++) {
    if (cursor[row] !== valueEnd[row]) fail(status, row, cursor[row], rowErrors.trailingBytes)
  }
}

/** Skips a field of fixed size behind the prefix. */
export function skipFixed(
  records: Records,
  columns: RowColumns,
  from: number,
  to: number,
  sizeBytes: number,
  nullByte: number,
): void {
  const { bytes, valueEnd } = records
  const { cursor, status } = columns
  for (let row = from; row < to; row++) {
    const at = cursor[row]
    const limit = valueEnd[row]
    const begin = branchEnd(bytes, at, limit, nullByte)
    if (begin === nullBranch) cursor[row] = at + 1
    else if (begin < 0 || limit - begin < sizeBytes) cursor[row] = fail(status, row, at, rowErrors.malformed)
    else cursor[row] = begin + sizeBytes
  }
}

export function skipVarints(
  records: Records,
  columns: RowColumns,
  from: number,
  to: number,
  maxBytes: number,
  nullByte: number,
): void {
  const { bytes, valueEnd } = records
  const { cursor, status } = columns
  for (let row = from; row < to; row++) {
    const at = cursor[row]
    const limit = valueEnd[row]
    const begin = branchEnd(bytes, at, limit, nullByte)
    if (begin === nullBranch) {
      cursor[row] = at + 1
      continue
    }
    const end = begin < 0 ? -1 : varintEnd(bytes, begin, limit, maxBytes)
    cursor[row] = end < 0 ? fail(status, row, at, rowErrors.malformed) : end
  }
}

/** Skips bytes or strings: a length, then that many bytes. */
export function skipLengthPrefixed(
  records: Records,
  columns: RowColumns,
  from: number,
  to: number,
  nullByte: number,
): void {
  const { bytes, valueEnd } = records
  const { cursor, status } = columns
  for (let row = from; row < to; row++) {
    const at = cursor[row]
    const limit = valueEnd[row]
    const begin = branchEnd(bytes, at, limit, nullByte)
    if (begin === nullBranch) {
      cursor[row] = at + 1
      continue
    }
    const end = begin < 0 ? -1 : lengthPrefixedEnd(bytes, begin, limit)
    cursor[row] = end < 0 ? fail(status, row, at, rowErrors.malformed) : end
  }
}

/** Skips a field of any type. */
export function skipValues(
  records: Records,
  columns: RowColumns,
  from: number,
  to: number,
  program: SkipProgram,
  pc: number,
): void {
  const { bytes, valueEnd } = records
  const { cursor, status } = columns
  for (let row = from; row < to; row++) {
    const at = cursor[row]
    if (at === deadCursor) continue
    const end = skipValue(program, pc, bytes, at, valueEnd[row])
    cursor[row] = end < 0 ? fail(status, row, at, rowErrors.malformed) : end
  }
}

/**
 * Reads a number of the prefix, without moving the cursor; `beginBodies` has checked that it is there.
 *
 * @param distance bytes from the number to the end of the prefix
 * @param single   whether it is a float, else a double
 * @param numbersOnly whether the extent is not needed
 */
export function readPrefix(
  records: Records,
  columns: RowColumns,
  from: number,
  to: number,
  column: number,
  distance: number,
  single: boolean,
  numbersOnly: boolean,
): void {
  const { view } = records
  const { cursor, status } = columns
  const values = columns.values[column]
  const extent = columns.extent[column]
  columns.isNull[column].fill(0, from, to)
  // NaN as soon as one value is not finite: one sum is cheaper than a check of each value, and non-finite values are
  // rare.
  let check = 0
  for (let row = from; row < to; row++) {
    const at = cursor[row]
    let value = 0
    if (at !== deadCursor) {
      value = single ? view.getFloat32(at - distance, true) : view.getFloat64(at - distance, true)
    }
    values[row] = value
    check += value - value
  }
  if (!numbersOnly) {
    for (let row = from; row < to; row++) extent[row] = extentOf(cursor[row] - distance, single ? 4 : 8)
  }
  if (check === 0) return
  for (let row = from; row < to; row++) {
    if (Number.isFinite(values[row])) continue
    values[row] = 0
    cursor[row] = fail(status, row, cursor[row], rowErrors.notFinite)
  }
}

/**
 * Reads doubles or floats behind the prefix.
 *
 * @param single whether they are floats
 */
export function readFloats(
  records: Records,
  columns: RowColumns,
  from: number,
  to: number,
  column: number,
  single: boolean,
  nullByte: number,
): void {
  const { bytes, view, valueEnd } = records
  const { cursor, status } = columns
  const values = columns.values[column]
  const isNull = columns.isNull[column]
  const extent = columns.extent[column]
  const size = single ? 4 : 8
  isNull.fill(0, from, to)
  for (let row = from; row < to; row++) {
    const at = cursor[row]
    const limit = valueEnd[row]
    const begin = branchEnd(bytes, at, limit, nullByte)
    let value = 0
    if (begin === nullBranch) {
      isNull[row] = 1
      extent[row] = extentOf(at + 1, 0)
      cursor[row] = at + 1
    } else if (begin < 0 || limit - begin < size) {
      cursor[row] = fail(status, row, at, rowErrors.malformed)
    } else {
      value = single ? view.getFloat32(begin, true) : view.getFloat64(begin, true)
      extent[row] = extentOf(begin, size)
      cursor[row] = begin + size
      // True for NaN and infinities alike.
      if (value - value !== 0) {
        value = 0
        cursor[row] = fail(status, row, at, rowErrors.notFinite)
      }
    }
    values[row] = value
  }
}

/** Reads ints and longs. Longer encodings than needed are understood, but restore will write the shortest. */
export function readVarints(
  records: Records,
  columns: RowColumns,
  from: number,
  to: number,
  column: number,
  maxBytes: number,
  nullByte: number,
): void {
  const { bytes, valueEnd } = records
  const { cursor, status } = columns
  const values = columns.values[column]
  const isNull = columns.isNull[column]
  const extent = columns.extent[column]
  isNull.fill(0, from, to)
  for (let row = from; row < to; row++) {
    const at = cursor[row]
    const limit = valueEnd[row]
    const begin = branchEnd(bytes, at, limit, nullByte)
    let value = 0
    if (begin === nullBranch) {
      isNull[row] = 1
      extent[row] = extentOf(at + 1, 0)
      cursor[row] = at + 1
    } else {
      const end = begin < 0 ? -1 : varintEnd(bytes, begin, limit, maxBytes)
      if (end < 0) {
        cursor[row] = fail(status, row, at, rowErrors.malformed)
      } else {
        value = zigzag(bytes, begin, end)
        extent[row] = extentOf(begin, end - begin)
        cursor[row] = end
        if (value >= exactIntegerLimit || value <= -exactIntegerLimit) {
          value = 0
          cursor[row] = fail(status, row, at, rowErrors.beyondExact)
        }
      }
    }
    values[row] = value
  }
}

/** Reads decimals: units of the last digit, a big-endian number in two's complement of any length but 0. */
export function readDecimals(
  records: Records,
  columns: RowColumns,
  from: number,
  to: number,
  column: number,
  sizeBytes: number,
  scale: number,
  nullByte: number,
): void {
  const { bytes, valueEnd } = records
  const { cursor, status } = columns
  const values = columns.values[column]
  const isNull = columns.isNull[column]
  const extent = columns.extent[column]
  isNull.fill(0, from, to)
  for (let row = from; row < to; row++) {
    const at = cursor[row]
    const limit = valueEnd[row]
    const begin = branchEnd(bytes, at, limit, nullByte)
    values[row] = 0
    if (begin === nullBranch) {
      isNull[row] = 1
      extent[row] = extentOf(at + 1, 0)
      cursor[row] = at + 1
      continue
    }
    const lengthEnd = begin < 0 || sizeBytes > 0 ? begin : varintEnd(bytes, begin, limit, maxLongBytes)
    const length = lengthEnd < 0 || sizeBytes > 0 ? sizeBytes : zigzag(bytes, begin, lengthEnd)
    if (lengthEnd < 0 || length <= 0 || length > limit - lengthEnd) {
      cursor[row] = fail(status, row, at, rowErrors.malformed)
      continue
    }
    const end = lengthEnd + length
    extent[row] = extentOf(begin, end - begin)
    cursor[row] = end
    const hex = Buffer.from(bytes.subarray(lengthEnd, end)).toString('hex')
    const units = BigInt.asIntN(8 * length, BigInt(`0x${hex}`))
    if (units > -exactUnits && units < exactUnits) values[row] = Number(`${units}e-${scale}`)
    else cursor[row] = fail(status, row, at, rowErrors.beyondExact)
  }
}

/** Reads the model version that each normalized row is stamped with. */
export function readModelVersions(records: Records, columns: RowColumns, from: number, to: number): void {
  const { bytes, valueEnd } = records
  const { cursor, status, modelVersions } = columns
  for (let row = from; row < to; row++) {
    const at = cursor[row]
    const end = varintEnd(bytes, at, valueEnd[row], maxIntBytes)
    modelVersions[row] = end < 0 ? 0 : zigzag(bytes, at, end)
    cursor[row] = end < 0 ? fail(status, row, at, rowErrors.malformed) : end
  }
}

/** Reads the modes behind normalized values; one that does not fit a byte cannot be any model's. */
export function readModes(records: Records, columns: RowColumns, from: number, to: number, column: number): void {
  const { bytes, valueEnd } = records
  const { cursor, status } = columns
  const isNull = columns.isNull[column]
  const modes = columns.modes[column]
  const extent = columns.extent[column]
  for (let row = from; row < to; row++) {
    modes[row] = 0
    if (isNull[row] !== 0) continue
    const at = cursor[row]
    const end = varintEnd(bytes, at, valueEnd[row], maxIntBytes)
    if (end < 0) {
      cursor[row] = fail(status, row, at, rowErrors.malformed)
      continue
    }
    const mode = zigzag(bytes, at, end)
    if (mode >= 0 && mode <= 255) {
      modes[row] = mode
      extent[row] += end - at
      cursor[row] = end
    } else {
      cursor[row] = fail(status, row, at, rowErrors.badMode)
    }
  }
}

/**
 * Position after the branch of a union with null, or `nullBranch`, or `malformedBranch`. A longer encoding of the same
 * branch, which no writer makes, counts as malformed.
 */
export function branchEnd(bytes: Uint8Array, at: number, limit: number, nullByte: number): number {
  if (nullByte < 0) return at
  if (at >= limit) return malformedBranch
  const branch = bytes[at]
  if (branch === nullByte) return nullBranch
  return branch === 2 - nullByte ? at + 1 : malformedBranch
}

/** Records the first reason why a row has failed, and returns its cursor. */
export function fail(status: Uint8Array, row: number, cursor: number, error: RowError): number {
  if (cursor !== deadCursor) status[row] = error
  return deadCursor
}
