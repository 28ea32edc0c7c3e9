import type { AssignmentSums } from './e-step.ts'
import type { Posterior, Priors } from './posterior.ts'

/** scikit-learn adds this to every component's count, so that an empty one divides by something. */
const countFloor = 10 * Number.EPSILON

/** Below this a variance has no usable reciprocal; reached only with regularization 0 on identical values. */
const covarianceFloor = 1e-280

/** A sum of squares that shrinks by more when it is taken about the mean has lost too many digits. */
const mostCancellation = 1e4

/** Weighted mean of a component's rows (xbar); 0, not the prior mean, for an empty component, as in scikit-learn. */
const meanOf = ({ centre, rows, shift }: AssignmentSums, k: number): number =>
  centre[k] + (shift[k] - countFloor * centre[k]) / (rows[k] + countFloor)

/**
 * Moves the centres of the sums that are too far from their component's mean for its variance to have digits left.
 *
 * @returns whether there is any: then the sums have to be taken again
 */
export function recentred(sums: AssignmentSums): boolean {
  let moved = false
  for (let k = 0; k < sums.rows.length; k++) {
    const mean = meanOf(sums, k)
    const d = mean - sums.centre[k]
    const about = sums.square[k] - 2 * d * sums.shift[k] + d * d * sums.rows[k]
    if (!(sums.square[k] > mostCancellation * about) || d === 0) continue
    sums.centre[k] = mean
    moved = true
  }
  return moved
}

/**
 * M-step: fills `out` with the posterior given the sums over responsibilities.
 * Bishop, PRML (2006), eq. 10.51 to 10.63 with D = 1; sticks as in Blei & Jordan, Bayesian Analysis 1(1), 2006, eq. 22.
 * Allocates nothing.
 */
export function mStep(sums: AssignmentSums, priors: Priors, out: Posterior): void {
  const { stickA, stickB, meanPrecision, mean, degrees, covariance } = out
  let behind = 0
  for (let k = stickA.length - 1; k >= 0; k--) {
    const n = sums.rows[k] + countFloor
    const xbar = meanOf(sums, k)
    const d = xbar - sums.centre[k]
    const squares = Math.max(0, sums.square[k] - 2 * d * sums.shift[k] + d * d * sums.rows[k])
    stickA[k] = 1 + n
    stickB[k] = priors.concentration + behind
    behind += n
    const precision = priors.meanPrecision + n
    const shift = xbar - priors.mean[k]
    const within = squares / n + priors.regularization
    const scatter = priors.covariance[k] + n * within + ((n * priors.meanPrecision) / precision) * shift * shift
    meanPrecision[k] = precision
    mean[k] = (priors.meanPrecision * priors.mean[k] + n * xbar) / precision
    degrees[k] = priors.degrees + n
    covariance[k] = Math.max(scatter / degrees[k], priors.leastCovariance ?? covarianceFloor)
  }
}
