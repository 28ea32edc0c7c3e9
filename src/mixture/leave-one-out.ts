import type { Blocks } from './blocks.ts'
import { componentTerms, emptyTerms } from './component-terms.ts'
import { type Grain, modeVariance, modeVariances, roundingVariance } from './grain.ts'
import { logMeanDensity } from './normal-mass.ts'
import { type Posterior, rowsOf, stickWeights } from './posterior.ts'

/** The rows that a posterior is judged by. */
export interface Judge {
  /** ascending; fine ones, as a mode may be narrower than a coarse block */
  readonly blocks: Blocks
  readonly grain: Grain
  /** rows of the blocks' counts, and of the posterior's, that stand for one row */
  readonly rowWeight: number
}

/** A component that holds less of a row is the same without it. */
const negligible = 1e-6

/** Least rows of a component that a row was taken from: what is left is the share of its prior. */
const leastLeft = 1e-3

const parametersPerMode = 3

/**
 * The log-likelihood that a posterior's mixture is expected to have for as many other rows, in nats: of each row under
 * the mixture without it. Vehtari, Gelman & Gabry, Practical Bayesian model evaluation using leave-one-out
 * cross-validation and WAIC, Statistics and Computing 27, 2017.
 *
 * The responsibilities of the other rows stay as they are. Where modes overlap, that hides what a row does to them: so
 * each of a mode's three parameters costs as much of a nat as the mode shares its rows with others, as all of them do
 * in Akaike's criterion (1974).
 */
export function expectedLikelihood(posterior: Posterior, { blocks, grain, rowWeight }: Judge): number {
  const { count, value, spread } = blocks
  const { mean, covariance, meanPrecision, degrees } = posterior
  const components = mean.length
  const rows = count.reduce((sum, c) => sum + c, 0) / rowWeight
  const one = Math.min(1, rows / 2)
  const weights = new Float64Array(components)
  stickWeights(posterior, weights)
  const terms = emptyTerms(components)
  componentTerms(posterior, terms)
  const stds = modeVariances(posterior, grain, rowWeight).map(Math.sqrt)
  const logScale = weights.map((weight, k) => Math.log(weight / stds[k]))
  const leastCovariance = grain.leastVariance + roundingVariance(grain)
  const shares = new Float64Array(components)
  const scores = new Float64Array(components)
  const held = new Float64Array(components)
  const own = new Float64Array(components)
  let total = 0
  for (let i = 0; i < value.length; i++) {
    const x = value[i]
    const n = count[i] / rowWeight
    let peak = -Infinity
    for (let k = 0; k < components; k++) {
      const d = x - terms.mean[k]
      shares[k] = terms.offset[k] - 0.5 * terms.precision[k] * (d * d + spread[i])
      if (shares[k] > peak) peak = shares[k]
    }
    let sum = 0
    for (let k = 0; k < components; k++) sum += shares[k] = Math.exp(shares[k] - peak)
    let highest = -Infinity
    for (let k = 0; k < components; k++) {
      const share = shares[k] / sum
      held[k] += n * share
      own[k] += n * share * share
      if (share < negligible) {
        scores[k] = logScale[k] + logMeanDensity((x - mean[k]) / stds[k], grain.width / stds[k])
      } else {
        const taken = Math.min(one * share * rowWeight, rowsOf(posterior, k))
        const d = x - mean[k]
        const left = meanPrecision[k] - taken
        const scatter = degrees[k] * covariance[k] - ((taken * meanPrecision[k]) / left) * d * d
        const without = Math.max(scatter / (degrees[k] - taken), leastCovariance)
        const std = Math.sqrt(modeVariance(without, (rowsOf(posterior, k) - taken) / rowWeight, grain))
        const weight = Math.max(weights[k] * rows - one * share, leastLeft * one) / (rows - one)
        const z = (d * (1 + taken / left)) / std
        scores[k] = Math.log(weight / std) + logMeanDensity(z, grain.width / std)
      }
      if (scores[k] > highest) highest = scores[k]
    }
    let density = 0
    for (let k = 0; k < components; k++) density += Math.exp(scores[k] - highest)
    total += n * (highest + Math.log(density))
  }
  let hidden = 0
  for (let k = 0; k < components; k++) if (rowsOf(posterior, k) >= rowWeight) hidden += 1 - own[k] / held[k]
  return total - parametersPerMode * hidden
}
