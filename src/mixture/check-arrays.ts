import { shown } from './check-options.ts'
import { ArrayTypeError, NonFiniteValueError, ShortArrayError } from './errors.ts'

/**
 * Refuses what is no array of numbers of that type: an array of another type would cut them, and one of plain numbers
 * would slow the loops down. The type is asked for by name, as arrays of another realm have a class of their own.
 *
 * @throws ArrayTypeError
 */
export function checkArray(name: string, array: unknown, type: 'Float64Array' | 'Uint8Array'): void {
  if (Object.prototype.toString.call(array) !== `[object ${type}]`) throw new ArrayTypeError(name, shown(array), type)
}

/** @throws ShortArrayError */
export function checkLength(name: string, { length }: ArrayLike<number>, needed: number): void {
  if (length < needed) throw new ShortArrayError(name, length, needed)
}

/** @throws NonFiniteValueError for the first one */
export function checkFinite(values: Float64Array): void {
  for (let row = 0; row < values.length; row++)
    if (!Number.isFinite(values[row])) throw new NonFiniteValueError(values[row], row)
}
