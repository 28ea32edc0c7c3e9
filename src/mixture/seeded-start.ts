import { acceleratedInference } from './accelerated-inference.ts'
import type { Blocks } from './blocks.ts'
import { coarseBlocks } from './coarse-blocks.ts'
import type { FitSettings } from './fit-options.ts'
import { kMeans, largestFirst, nearestCentres } from './k-means.ts'
import { emptyPosterior, type Posterior, type Priors } from './posterior.ts'
import { posteriorOfLabels } from './variational-inference.ts'

/** Blocks of rows that the starts are tried on: a try costs some milliseconds, however many rows there are. */
const trialBlocks = 1024

/** Structure below this share of the standard deviation does not tell one start from another. */
const finestShare = 1e-3

/**
 * The start of recipe `sklearn` without labels: of some seeded k-means the one whose mixture has the highest bound
 * after as many accelerated iterations on about 1,024 blocks of the rows as the fit itself may take; that mixture's
 * posterior. With a single start it is scikit-learn's own, the M-step on k-means labels, whose bounds differ by tens of
 * nats between seeds.
 *
 * @param blocks ascending
 * @param priors the same for all components, their mean and covariance those of the rows
 * @param seed   of the first start; each further one takes the next number
 */
export function seededStart(blocks: Blocks, priors: Priors, settings: FitSettings, seed: number): Posterior {
  const components = priors.mean.length
  const trial = trialOf(blocks, priors.mean[0], Math.sqrt(priors.covariance[0]))
  const started = (on: Blocks, centres: Float64Array) =>
    posteriorOfLabels(on, nearestCentres(on.value, centres), priors, emptyPosterior(components))
  if (settings.starts === 1) return started(blocks, kMeans(trial, components, seed))
  let best: Posterior | undefined
  let highest = -Infinity
  for (let start = 0; start < settings.starts; start++) {
    // Stick breaking expects falling weights.
    const centres = largestFirst(trial, kMeans(trial, components, seed + start))
    const { posterior, lowerBounds } = acceleratedInference(trial, priors, started(trial, centres), settings)
    const bound = lowerBounds[lowerBounds.length - 1]
    if (best !== undefined && !(bound > highest)) continue
    best = posterior
    highest = bound
  }
  return best as Posterior
}

/** The blocks joined to about 1,024. */
function trialOf({ count, value, spread }: Blocks, mean: number, std: number): Blocks {
  if (value.length <= trialBlocks) return { count, value, spread }
  const scale = Math.max(mean - value[0], value[value.length - 1] - mean)
  const centred = {
    count,
    value: value.map((x) => (x - mean) / scale),
    spread: spread.map((s) => s / scale / scale),
  }
  const joined = coarseBlocks(centred, trialBlocks, (finestShare * std) / scale)
  return {
    count: joined.count,
    value: joined.value.map((x) => mean + scale * x),
    spread: joined.spread.map((s) => s * scale * scale),
  }
}
