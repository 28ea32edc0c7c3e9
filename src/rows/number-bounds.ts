import type { NumericType } from './numeric-columns.ts'
import { isInteger } from './planned-columns.ts'
import { rowErrors } from './row-error.ts'

/**
 * Open intervals of the numbers that round into a type: restoring gives back the largest int only to within some ulp,
 * so that the bounds lie half a step outside. Longs only as far as a double is exact. The kernel's are the same. Of a
 * decimal the kernel sees itself whether it has room.
 */
const bounds: Readonly<Record<NumericType, readonly [low: number, high: number]>> = {
  int: [-(2 ** 31) - 0.5, 2 ** 31 - 0.5],
  long: [-(2 ** 53), 2 ** 53],
  float: [-(2 - 2 ** -24) * 2 ** 127, (2 - 2 ** -24) * 2 ** 127],
  double: [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
  decimal: [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
}

/** Fails the rows with a number that the type cannot hold: `notFinite` or `beyondExact`. All arrays of one length. */
export function failUnholdable(type: NumericType, values: Float64Array, isNull: Uint8Array, status: Uint8Array): void {
  const [low, high] = bounds[type]
  const error = isInteger(type) ? rowErrors.beyondExact : rowErrors.notFinite
  for (let row = 0; row < values.length; row++) {
    const value = values[row]
    if ((value > low && value < high) || isNull[row] !== 0 || status[row] !== rowErrors.none) continue
    status[row] = value - value === 0 ? error : rowErrors.notFinite
  }
}
