import type { Blocks } from './blocks.ts'
import { type ComponentTerms, componentTerms, emptyTerms } from './component-terms.ts'
import { type AssignmentSums, type EStep, emptySums, eStep } from './e-step.ts'
import { lowerBound } from './lower-bound.ts'
import { mStep, recentred } from './m-step.ts'
import type { Posterior, Priors } from './posterior.ts'

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
 * @param blocks ascending
 * @param start  the posterior to begin with; overwritten with the result
 */
export function inferPosterior(
  blocks: Blocks,
  priors: Priors,
  start: Posterior,
  { tolerance, maxIterations }: StopRule,
): Inference {
  const components = start.mean.length
  const sums = emptySums(components)
  const terms = emptyTerms(components)
  const lowerBounds: number[] = []
  let previous = -Infinity
  let converged = false
  componentTerms(start, terms)
  while (lowerBounds.length < maxIterations && !converged) {
    const bound = coordinateStep(blocks, priors, terms, sums, start)
    componentTerms(start, terms)
    lowerBounds.push(bound)
    converged = Math.abs(bound - previous) < tolerance
    previous = bound
  }
  return { posterior: start, terms, lowerBounds, converged }
}

/**
 * E-step and M-step: fills `out` with the posterior of the responsibilities that the terms give, and returns its bound,
 * in nats.
 *
 * @param sums overwritten
 */
export function coordinateStep(
  blocks: Blocks,
  priors: Priors,
  terms: ComponentTerms,
  sums: AssignmentSums,
  out: Posterior,
  expect: EStep = eStep,
): number {
  sums.centre.set(terms.mean)
  const negativeEntropy = expect(blocks, terms, sums)
  if (recentred(sums)) expect(blocks, terms, sums)
  mStep(sums, priors, out)
  return lowerBound(out, negativeEntropy)
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
  const sums = emptySums(out.mean.length)
  addLabelled(blocks, labels, sums)
  for (let k = 0; k < out.mean.length; k++) if (sums.rows[k] > 0) sums.centre[k] += sums.shift[k] / sums.rows[k]
  // A second pass: sum x^2 - n xbar^2 would lose every digit of a variance beside a large offset.
  addLabelled(blocks, labels, sums)
  mStep(sums, priors, out)
  return out
}

/** eStep of responsibilities that are 0 or 1. */
function addLabelled({ count, value, spread }: Blocks, labels: ArrayLike<number>, sums: AssignmentSums): void {
  const { centre, rows, shift, square } = sums
  rows.fill(0)
  shift.fill(0)
  square.fill(0)
  for (let i = 0; i < count.length; i++) {
    const k = labels[i]
    const d = value[i] - centre[k]
    rows[k] += count[i]
    shift[k] += count[i] * d
    square[k] += count[i] * (d * d + spread[i])
  }
}
