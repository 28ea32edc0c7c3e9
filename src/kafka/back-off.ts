/** How long to wait before an attempt is repeated. */
export interface BackOff {
  /** after the first failure; twice as long after each one that follows */
  readonly firstMs: number
  readonly longestMs: number
}

/**
 * The pause in whole ms after so many failures in a row, from 1 up: between half of the whole and the whole, so that
 * many clients that failed together do not come back together.
 *
 * @param random uniform in [0, 1)
 */
export function backOffMs({ firstMs, longestMs }: BackOff, failures: number, random: () => number): number {
  return Math.ceil(Math.min(longestMs, firstMs * 2 ** (failures - 1)) * (0.5 + random() / 2))
}
