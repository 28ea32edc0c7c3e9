import type { Blocks } from './blocks.ts'
import type { ComponentTerms } from './component-terms.ts'
import type { AssignmentSums } from './e-step.ts'
import { type TruncatedNormal, truncatedNormal } from './truncated-normal.ts'

/** exp() of less changes no sum of responsibilities. */
const negligible = -40

/**
 * E-step of rounded values: to a narrow component a value is the interval that it was rounded from, and its rows lie
 * there as the component has them. The variance of such a component is that of the values before they were rounded.
 * Wide components, and blocks of several values, are taken as eStep takes them. McLachlan & Jones, Fitting mixture
 * models to grouped and truncated data via the EM algorithm, Biometrics 44, 1988.
 *
 * @param narrow which components are, shape (K)
 * @param width  of the interval, in the unit of the blocks
 * @param out    its `centre` is read, its sums are overwritten
 * @returns sum_ik c_i r_ik (ln r_ik + the mean of ln of the rows' density within the interval), in nats
 */
export function groupedEStep(
  { count, value, spread }: Blocks,
  { offset, mean, precision }: ComponentTerms,
  narrow: ArrayLike<boolean>,
  width: number,
  out: AssignmentSums,
): number {
  out.rows.fill(0)
  out.shift.fill(0)
  out.square.fill(0)
  const components = offset.length
  const stds = precision.map((p) => 1 / Math.sqrt(p))
  const scores = new Float64Array(components)
  const inside = Array.from(scores, (): TruncatedNormal => ({ logMean: 0, mean: 0, square: 0 }))
  let total = 0
  for (let i = 0; i < value.length; i++) {
    let peak = -Infinity
    for (let k = 0; k < components; k++) {
      const d = value[i] - mean[k]
      if (narrow[k] && spread[i] === 0) {
        truncatedNormal(d / stds[k], width / stds[k], inside[k])
        scores[k] = offset[k] + inside[k].logMean
      } else scores[k] = offset[k] - 0.5 * precision[k] * (d * d + spread[i])
      if (scores[k] > peak) peak = scores[k]
    }
    let sum = 0
    for (let k = 0; k < components; k++) if (scores[k] - peak > negligible) sum += Math.exp(scores[k] - peak)
    const logSum = peak + Math.log(sum)
    for (let k = 0; k < components; k++) {
      if (!(scores[k] - peak > negligible)) continue
      let logDensity = scores[k] - logSum
      const rows = count[i] * Math.exp(logDensity)
      let shift = value[i] - out.centre[k]
      let variance = spread[i]
      if (narrow[k] && spread[i] === 0) {
        const { logMean, mean: place, square } = inside[k]
        logDensity -= 0.5 * square + logMean
        shift = mean[k] + stds[k] * place - out.centre[k]
        variance = (square - place * place) / precision[k]
      }
      total += rows * logDensity
      out.rows[k] += rows
      out.shift[k] += rows * shift
      out.square[k] += rows * (shift * shift + variance)
    }
  }
  return total
}
