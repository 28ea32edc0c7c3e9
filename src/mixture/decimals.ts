/** Stands for "all that a double has": no value is asked for more. */
export const mostDecimals = 15

/** Decimals of the shortest decimal fraction that is the double x itself: 0.25 has 2, an integer 0; at most 15. */
export function decimalsOf(x: number): number {
  let power = 1
  for (let decimals = 0; decimals < mostDecimals; decimals++, power *= 10) {
    if (Math.round(x * power) / power === x) return decimals
  }
  return mostDecimals
}
