import digamma from '@stdlib/math-base-special-digamma'
import type { Posterior } from './posterior.ts'

/** What the E-step needs of each component: score = offset - precision / 2 (x - mean)^2. All of shape (K). */
export interface ComponentTerms {
  /** E[ln pi] + (E[ln lambda] - ln 2pi - 1/beta) / 2, in nats */
  readonly offset: Float64Array
  /** posterior mean m, in the unit of x */
  readonly mean: Float64Array
  /** E[lambda] = 1 / cov, in 1/x^2 */
  readonly precision: Float64Array
}

/** Terms of K components to write into; all zero. */
export function emptyTerms(components: number): ComponentTerms {
  return {
    offset: new Float64Array(components),
    mean: new Float64Array(components),
    precision: new Float64Array(components),
  }
}

/**
 * Rebuilds the E-step's terms from the posterior, once an iteration.
 * Bishop, PRML (2006), eq. 10.64 and 10.65 with D = 1; E[ln pi] of the sticks: Blei & Jordan (2006), eq. 23.
 *
 * @param out shape (K); overwritten
 */
export function componentTerms(posterior: Posterior, out: ComponentTerms): void {
  const { stickA, stickB, meanPrecision, mean, degrees, covariance } = posterior
  let logRest = 0
  for (let k = 0; k < stickA.length; k++) {
    const both = digamma(stickA[k] + stickB[k])
    const logWeight = digamma(stickA[k]) - both + logRest
    logRest += digamma(stickB[k]) - both
    const nu = degrees[k]
    // E[ln lambda], lambda being Wishart with nu degrees of freedom and scale 1 / (nu cov)
    const logPrecision = digamma(nu / 2) + Math.LN2 - Math.log(nu) - Math.log(covariance[k])
    out.offset[k] = logWeight + 0.5 * (logPrecision - Math.log(2 * Math.PI) - 1 / meanPrecision[k])
    out.mean[k] = mean[k]
    out.precision[k] = 1 / covariance[k]
  }
}
