import type { Blocks } from './blocks.ts'
import type { ComponentTerms } from './component-terms.ts'

/** exp() of anything below is 0 in doubles; not calling it saves half of the E-step's time. */
const underflow = -745.2

/**
 * E-step: fills `out` with responsibilities and returns sum_ik c_i r_ik ln r_ik (minus the entropy of the assignments), in nats.
 * Bishop, PRML (2006), eq. 10.46 and 10.49 with D = 1; a block's rows share theirs, so that its spread joins the square.
 * Allocates nothing.
 *
 * @param out shape (n, K), row-major; overwritten; every row sums to 1
 */
export function responsibilities(blocks: Blocks, terms: ComponentTerms, out: Float64Array): number {
  const { count, value, spread } = blocks
  const { offset, mean, precision } = terms
  const k = offset.length
  let total = 0
  for (let i = 0, row = 0; i < count.length; i++, row += k) {
    const x = value[i]
    const s = spread[i]
    let peak = -Infinity
    for (let j = 0; j < k; j++) {
      const d = x - mean[j]
      const logRho = offset[j] - 0.5 * precision[j] * (d * d + s)
      out[row + j] = logRho
      if (logRho > peak) peak = logRho
    }
    // Subtract the peak first: a point far from every mode would otherwise give 0/0.
    let sum = 0
    let weighted = 0
    for (let j = row; j < row + k; j++) {
      const below = out[j] - peak
      const r = below < underflow ? 0 : Math.exp(below)
      out[j] = r
      sum += r
      if (r > 0) weighted += r * below
    }
    const scale = 1 / sum
    for (let j = row; j < row + k; j++) out[j] *= scale
    total += count[i] * (weighted * scale - Math.log(sum))
  }
  return total
}
