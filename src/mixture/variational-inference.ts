import type { Blocks } from './blocks.ts'
import { type ComponentTerms, componentTerms, emptyTerms } from './component-terms.ts'
import { lowerBound } from './lower-bound.ts'
import { maximize } from './maximization.ts'
import type { Posterior, Priors } from './posterior.ts'
import { responsibilities } from './responsibilities.ts'

export interface StopRule {
  /** stop when the bound changes by less, in nats in total */
  readonly tolerance: number
  readonly maxIterations: number
}

export interface Inference {
  readonly posterior: Posterior
  /** of `posterior`, for the rows to come */
  readonly terms: ComponentTerms
  /** the bound after each iteration, in nats */
  readonly lowerBounds: readonly number[]
  readonly converged: boolean
}

/**
 * Coordinate ascent: E-step, M-step, bound, until the bound rests.
 *
 * @param start the posterior to begin with; overwritten with the result
 */
export function inferPosterior(
  blocks: Blocks,
  priors: Priors,
  start: Posterior,
  { tolerance, maxIterations }: StopRule,
): Inference {
  const components = start.mean.length
  const shares = new Float64Array(blocks.count.length * components)
  const terms = emptyTerms(components)
  const lowerBounds: number[] = []
  let previous = -Infinity
  let converged = false
  componentTerms(start, terms)
  while (lowerBounds.length < maxIterations && !converged) {
    const negativeEntropy = responsibilities(blocks, terms, shares)
    maximize(blocks, shares, priors, start)
    componentTerms(start, terms)
    const bound = lowerBound(start, negativeEntropy)
    lowerBounds.push(bound)
    converged = Math.abs(bound - previous) < tolerance
    previous = bound
  }
  return { posterior: start, terms, lowerBounds, converged }
}

/**
 * The posterior right after an M-step on one-hot responsibilities.
 *
 * @param labels component of each block, shape (n), each in 0..K-1
 */
export function posteriorOfLabels(
  blocks: Blocks,
  labels: ArrayLike<number>,
  priors: Priors,
  out: Posterior,
): Posterior {
  const components = out.mean.length
  const oneHot = new Float64Array(blocks.count.length * components)
  for (let i = 0; i < blocks.count.length; i++) oneHot[i * components + labels[i]] = 1
  maximize(blocks, oneHot, priors, out)
  return out
}
