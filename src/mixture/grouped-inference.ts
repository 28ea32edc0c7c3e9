import { acceleratedInference } from './accelerated-inference.ts'
import type { Blocks } from './blocks.ts'
import { componentTerms, emptyTerms } from './component-terms.ts'
import { emptySums, eStep } from './e-step.ts'
import { type Grain, roundingVariance } from './grain.ts'
import { groupedEStep } from './grouped-e-step.ts'
import type { Fitted } from './join-modes.ts'
import type { Posterior } from './posterior.ts'
import type { Inference, StopRule } from './variational-inference.ts'

/**
 * Sheppard's correction of a normal mode errs by exp(-2 pi^2 r^2) of it, r being standard deviations to an interval: by
 * 0.7 % here, and by 29 % at half of that. Vardeman, Sheppard's correction for variances and the "quantization noise
 * model", IEEE Transactions on Instrumentation and Measurement 54(5), 2005.
 */
const narrowest = 1 / 2

/**
 * Rows of one value say nothing of where in its interval they are. A mode of less variance, in intervals squared, holds
 * no other: one at the floor has 1/150 of its rows from each of the values beside it, though they have their own modes.
 */
const oneValue = 1 / 64

/** Modes that are too narrow for Sheppard's correction, and hold more than one value; shape (K). */
export function narrowModes(blocks: Blocks, posterior: Posterior, grain: Grain): boolean[] {
  const most = (narrowest * grain.width) ** 2 + roundingVariance(grain)
  const narrow = Array.from(posterior.covariance, (covariance) => covariance < most)
  if (!narrow.includes(true)) return narrow
  const terms = emptyTerms(narrow.length)
  const sums = emptySums(narrow.length)
  componentTerms(posterior, terms)
  sums.centre.set(posterior.mean)
  eStep(blocks, terms, sums)
  return narrow.map((isNarrow, k) => {
    const variance = sums.square[k] / sums.rows[k] - (sums.shift[k] / sums.rows[k]) ** 2
    return isNarrow && variance > oneValue * grain.width ** 2
  })
}

/**
 * acceleratedInference of rounded values, some of whose components are narrow: those are fitted to intervals instead of
 * points.
 *
 * @param fitted variances with that of rounding, before and afterwards; overwritten
 */
export function groupedInference(
  blocks: Blocks,
  { priors, posterior }: Fitted,
  narrow: readonly boolean[],
  grain: Grain,
  stop: StopRule,
): Inference {
  const rounding = roundingVariance(grain)
  const { leastVariance, width } = grain
  narrow.forEach((isNarrow, k) => {
    if (isNarrow) posterior.covariance[k] = Math.max(leastVariance, posterior.covariance[k] - rounding)
  })
  const unrounded = priors.leastCovariance === undefined ? priors : { ...priors, leastCovariance: leastVariance }
  const inference = acceleratedInference(blocks, unrounded, posterior, stop, (given, terms, sums) =>
    groupedEStep(given, terms, narrow, width, sums),
  )
  narrow.forEach((isNarrow, k) => {
    if (isNarrow) inference.posterior.covariance[k] += rounding
  })
  return inference
}
