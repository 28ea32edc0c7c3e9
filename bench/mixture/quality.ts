import { distinctBlocks } from '../../src/mixture/blocks.ts'
import { type NormalMixture, logLikelihood as totalOf } from '../../src/mixture/log-likelihood.ts'
import { cumulative } from '../../src/mixture/normal-mass.ts'

export type { NormalMixture }

/**
 * Mean ln of the mass that the mixture gives to the interval that each value was rounded from, in nats a row; of the
 * density where the resolution is 0.
 */
export function logLikelihood(mixture: NormalMixture, values: Float64Array, resolution: number): number {
  const density = totalOf(mixture, distinctBlocks(values), resolution) / values.length
  return resolution > 0 ? density + Math.log(resolution) : density
}

/**
 * Kolmogorov-Smirnov distance between the values and the mixture rounded to their resolution.
 *
 * @param values ascending, shape (n)
 */
export function ksDistance({ weights, means, stds }: NormalMixture, values: Float64Array, resolution: number): number {
  const below = (x: number) =>
    Array.from(weights).reduce((sum, w, k) => sum + w * cumulative((x - means[k]) / stds[k]), 0)
  let worst = 0
  for (let i = 0; i < values.length; i++) {
    if (i + 1 < values.length && values[i + 1] === values[i]) continue
    const expected = below(values[i] + resolution / 2)
    worst = Math.max(worst, Math.abs((i + 1) / values.length - expected))
    if (resolution === 0) worst = Math.max(worst, Math.abs(i / values.length - expected))
  }
  return worst
}
