import type { NumericType } from './numeric-columns.ts'
import { isInteger } from './planned-columns.ts'
import { type RowError, rowErrors } from './row-error.ts'

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

/** Whether a number rounds into a type. */
export function isHoldable(type: NumericType, value: number): boolean {
  const [low, high] = bounds[type]
  return value > low && value < high
}

/**
 * Fails the rows with a number that the type cannot hold. All arrays of one length.
 *
 * @param error of finite numbers; that of others is `notFinite`
 */
export function failUnholdable(
  type: NumericType,
  values: Float64Array,
  isNull: Uint8Array,
  status: Uint8Array,
  error: RowError = isInteger(type) ? rowErrors.beyondExact : rowErrors.notFinite,
): void {
  const [low, high] = bounds[type]
  for (let row = 0; row < values.length; row++) {
    const value = values[row]
    if ((value > low && value < high) || isNull[row] !== 0 || status[row] !== rowErrors.none) continue
    status[row] = value - value === 0 ? error : rowErrors.notFinite
  }
}
