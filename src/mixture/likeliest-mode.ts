/** The posterior's quadratics, as a ColumnModel and ComponentTerms have them; all of shape (K). */
export interface Quadratics {
  readonly offset: ArrayLike<number>
  readonly mean: ArrayLike<number>
  readonly precision: ArrayLike<number>
}

/**
 * The definition of "most likely": the mode with the highest score offset - precision / 2 (x - mean)^2, evaluated in
 * doubles in this order of operations, ties to the lowest mode. Near a boundary far from both means the rounding of
 * this very expression decides, so the table (mode-table.ts), verify and any other reader must evaluate it as it
 * stands.
 *
 * @param x finite, in the unit of the column
 */
export function likeliestMode({ offset, mean, precision }: Quadratics, x: number): number {
  let mode = 0
  let best = -Infinity
  for (let k = 0; k < offset.length; k++) {
    const d = x - mean[k]
    const score = offset[k] - 0.5 * precision[k] * d * d
    if (score > best) {
      best = score
      mode = k
    }
  }
  return mode
}
