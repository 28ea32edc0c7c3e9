import type { Blocks } from './blocks.ts'
import type { Posterior, Priors } from './posterior.ts'

/** scikit-learn adds this to every component's count, so that an empty one divides by something. */
const countFloor = 10 * Number.EPSILON

/** Below this a variance has no usable reciprocal; reached only with regularization 0 on identical values. */
const covarianceFloor = 1e-280

/**
 * M-step: fills `out` with the posterior given the responsibilities.
 * Bishop, PRML (2006), eq. 10.51 to 10.63 with D = 1; sticks as in Blei & Jordan, Bayesian Analysis 1(1), 2006, eq. 22.
 * An empty component keeps xbar = 0 (not the prior mean), as scikit-learn's does. Allocates nothing.
 *
 * @param responsibilities shape (n, K), row-major, rows sum to 1
 */
export function maximize(blocks: Blocks, responsibilities: Float64Array, priors: Priors, out: Posterior): void {
  const { count, value, spread } = blocks
  const { stickA, stickB, meanPrecision, mean, degrees, covariance } = out
  const k = stickA.length
  // The arrays of `out` hold the running sums until the last loop: degrees n_k, mean xbar_k, covariance s_k.
  degrees.fill(0)
  mean.fill(0)
  covariance.fill(0)
  for (let i = 0, row = 0; i < count.length; i++, row += k) {
    const c = count[i]
    const x = value[i]
    for (let j = 0; j < k; j++) {
      const r = c * responsibilities[row + j]
      degrees[j] += r
      mean[j] += r * x
    }
  }
  for (let j = 0; j < k; j++) {
    degrees[j] += countFloor
    mean[j] /= degrees[j]
  }
  // A second pass: sum r x^2 - n xbar^2 would lose every digit of a variance beside a large offset.
  for (let i = 0, row = 0; i < count.length; i++, row += k) {
    const c = count[i]
    const x = value[i]
    const s = spread[i]
    for (let j = 0; j < k; j++) {
      const d = x - mean[j]
      covariance[j] += c * responsibilities[row + j] * (d * d + s)
    }
  }
  let behind = 0
  for (let j = k - 1; j >= 0; j--) {
    const n = degrees[j]
    stickA[j] = 1 + n
    stickB[j] = priors.concentration + behind
    behind += n
    const precision = priors.meanPrecision + n
    const shift = mean[j] - priors.mean[j]
    const within = covariance[j] / n + priors.regularization
    const scatter = priors.covariance[j] + n * within + ((n * priors.meanPrecision) / precision) * shift * shift
    meanPrecision[j] = precision
    mean[j] = (priors.meanPrecision * priors.mean[j] + n * mean[j]) / precision
    degrees[j] = priors.degrees + n
    covariance[j] = Math.max(scatter / degrees[j], covarianceFloor)
  }
}
