import gammaln from '@stdlib/math-base-special-gammaln'
import type { Posterior } from './posterior.ts'

const logBeta = (a: number, b: number) => gammaln(a) + gammaln(b) - gammaln(a + b)

/**
 * The evidence lower bound up to a constant that depends on the priors only, in nats, after an M-step.
 * Bishop, PRML (2006), eq. 10.70, after the terms that the M-step makes cancel; scikit-learn's `_compute_lower_bound`.
 * With a regularization above 0 it may fall a little between iterations: that variance is in no term of it.
 *
 * @param negativeEntropy sum r ln r of the E-step before that M-step, in nats
 */
export function lowerBound(posterior: Posterior, negativeEntropy: number): number {
  const { stickA, stickB, meanPrecision, degrees, covariance } = posterior
  let bound = -negativeEntropy
  for (let k = 0; k < stickA.length; k++) {
    const nu = degrees[k]
    const logDet = -0.5 * (Math.log(covariance[k]) + Math.log(nu))
    bound += nu * logDet + nu * 0.5 * Math.LN2 + gammaln(nu / 2)
    bound += logBeta(stickA[k], stickB[k]) - 0.5 * Math.log(meanPrecision[k])
  }
  return bound
}
