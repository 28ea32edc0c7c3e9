/** Stands for "all that a double has": no value is asked for more. */
export const mostDecimals = 15

/** 10^d for d from 0 to `mostDecimals`; doubles hold them exactly up to 10^22. */
export const powersOfTen = Float64Array.from({ length: mostDecimals + 1 }, (_, d) => 10 ** d)

/** Decimals of the shortest decimal fraction that is the double x itself: 0.25 has 2, an integer 0; at most 15. */
export function decimalsOf(x: number): number {
  for (let decimals = 0; decimals < mostDecimals; decimals++) {
    const power = powersOfTen[decimals]
    if (Math.round(x * power) / power === x) return decimals
  }
  return mostDecimals
}

/** The most decimals that one of the values from `start` to `end` has, or `known` if that is more. */
export function mostDecimalsOf(values: Float64Array, start: number, end: number, known: number): number {
  let most = known
  for (let i = start; i < end && most < mostDecimals; i++) {
    const power = powersOfTen[most]
    if (Math.round(values[i] * power) / power !== values[i]) most = Math.max(most, decimalsOf(values[i]))
  }
  return most
}

/** Units of the last decimal that values and means of a rounded column stay below. */
const largestUnits = 2 ** 48

/**
 * The decimals that restored values of a column may be rounded to; undefined if they must not be.
 *
 * Of a value x = m / 10^d, rounding has to find m again. Normalizing and restoring move x by 4 ulp of max(|x|, |mean|),
 * the rounding of x itself, the scaling by 10^d and the sum in the rounding of that by half an ulp each: 5.5 ulp in
 * all, below 5.5 / 16 units while that maximum is below 2^48 units. A column that fails this has digits of its own down
 * to a few ulp, as one of 15 decimals has: there is nothing to round.
 *
 * @param decimals the most that any value of the column has; 15 stands for all that a double has
 * @param largest  of |x| over the column and |mean| over its modes
 * @example
 * roundableDecimals(2, 199.99) // 2
 * roundableDecimals(2, 1e13) // undefined: the doubles there are 0.002 apart
 */
export function roundableDecimals(decimals: number, largest: number): number | undefined {
  return decimals < mostDecimals && largest * powersOfTen[decimals] < largestUnits ? decimals : undefined
}
