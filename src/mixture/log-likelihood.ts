import type { Blocks } from './blocks.ts'
import { logMeanDensity } from './normal-mass.ts'

/** A mixture of normal distributions; all of shape (K). */
export interface NormalMixture {
  readonly weights: ArrayLike<number>
  readonly means: ArrayLike<number>
  readonly stds: ArrayLike<number>
}

/** exp() of less changes no sum of shares. */
const negligible = -40

/**
 * Sum over all rows of ln of the mean density in the interval that each value was rounded from, in nats: a narrow mode
 * on a repeated value earns no more than that value's share.
 *
 * @param width of that interval, in the unit of the values; 0 for values that were not rounded
 */
export function logLikelihood(
  { weights, means, stds }: NormalMixture,
  { count, value }: Pick<Blocks, 'count' | 'value'>,
  width: number,
): number {
  const components = weights.length
  const logScale = Float64Array.from(weights, (weight, k) => Math.log(weight / stds[k]))
  const terms = new Float64Array(components)
  let total = 0
  for (let i = 0; i < value.length; i++) {
    let peak = -Infinity
    for (let k = 0; k < components; k++) {
      terms[k] = logScale[k] + logMeanDensity((value[i] - means[k]) / stds[k], width / stds[k])
      if (terms[k] > peak) peak = terms[k]
    }
    let sum = 0
    for (let k = 0; k < components; k++) if (terms[k] - peak > negligible) sum += Math.exp(terms[k] - peak)
    total += count[i] * (peak + Math.log(sum))
  }
  return total
}
