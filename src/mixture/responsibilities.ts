import type { ComponentTerms } from './component-terms.ts'

/** exp() of anything below is 0 in doubles; not calling it saves half of the time. */
const underflow = -745.2

/**
 * E-step of single values, where the responsibilities themselves are wanted: a fit needs their sums only (e-step.ts).
 * Bishop, PRML (2006), eq. 10.46 and 10.49 with D = 1. Allocates nothing.
 *
 * @param values finite, in the unit of the terms, shape (n)
 * @param out    shape (n, K), row-major; overwritten; every row sums to 1
 */
export function responsibilities(values: Float64Array, terms: ComponentTerms, out: Float64Array): void {
  const { offset, mean, precision } = terms
  const k = offset.length
  for (let i = 0, row = 0; i < values.length; i++, row += k) {
    const x = values[i]
    let peak = -Infinity
    for (let j = 0; j < k; j++) {
      const d = x - mean[j]
      const logRho = offset[j] - 0.5 * precision[j] * d * d
      out[row + j] = logRho
      if (logRho > peak) peak = logRho
    }
    // Beyond 1e154 std all squares overflow: the lowest component then is the likeliest, as in predict.
    if (peak === -Infinity) peak = out[row] = 0
    // Subtract the peak first: a point far from every mode would otherwise give 0/0.
    let sum = 0
    for (let j = row; j < row + k; j++) {
      const below = out[j] - peak
      sum += out[j] = below < underflow ? 0 : Math.exp(below)
    }
    for (let j = row; j < row + k; j++) out[j] /= sum
  }
}
