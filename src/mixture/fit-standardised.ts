import { acceleratedInference } from './accelerated-inference.ts'
import { nearestMixture } from './averaged-mixture.ts'
import type { Blocks } from './blocks.ts'
import { componentTerms } from './component-terms.ts'
import type { FitSettings } from './fit-options.ts'
import { type Grain, modeVariances, roundingVariance } from './grain.ts'
import { groupedInference, narrowModes } from './grouped-inference.ts'
import { anywhere, type Fitted, joinModes } from './join-modes.ts'
import { expectedLikelihood, type Judge } from './leave-one-out.ts'
import {
  type Component,
  componentsOf,
  emptyPosterior,
  type Posterior,
  type Priors,
  posteriorOf,
  recounted,
  stickWeights,
} from './posterior.ts'
import { startLabels } from './start-labels.ts'
import { type Inference, posteriorOfLabels, type StopRule } from './variational-inference.ts'

/** Rows of a column of mean 0 and variance 1, and how they are to be fitted. */
export interface StandardRows {
  /** for the long way, where an iteration has to cost little */
  readonly coarse: Blocks
  /** for the last iterations, and to judge by */
  readonly fine: Blocks
  /** values of the atoms, fewer than components */
  readonly atomsAt: readonly number[]
  readonly grain: Grain
  readonly rows: number
  readonly settings: FitSettings & { readonly join: number }
}

/** Share of the iterations that the long way may use up. */
const coarseIterations = 0.9

/**
 * Fits the rows with weak priors, and goes on from there with stronger ones. Takes the average of these fits, by what
 * each of them is expected to explain of other rows.
 */
export function fitStandardised(given: StandardRows): Inference & { readonly iterations: number } {
  const { grain, rows, settings } = given
  const most = Math.floor(coarseIterations * settings.maxIterations)
  const candidates: Candidate[] = []
  let iterations = 0
  const rowWeights = rowWeightsOf(rows)
  for (const rowWeight of doubt > negligibleGain * rows ? rowWeights : rowWeights.slice(0, 1)) {
    const { coarse, judge, tolerance } = weighted(given, rowWeight)
    const stop = { tolerance, maxIterations: most - iterations }
    const before = candidates.at(-1)
    const approach = before
      ? nextApproach(before, rowWeight, coarse, grain, stop)
      : firstApproach(given, coarse, judge, stop)
    iterations += approach.iterations
    const candidate = { ...approach, rowWeight, expected: expectedLikelihood(approach.posterior, judge) }
    candidates.push(candidate)
    if (shareOf(candidate, candidates) < leastShare) break
  }
  const kept = candidates.filter((candidate) => shareOf(candidate, candidates) >= leastShare)
  const left = Math.ceil((settings.maxIterations - iterations) / kept.length)
  const fits = kept.map((candidate): Fit => {
    const { judge, tolerance } = weighted(given, candidate.rowWeight)
    const last = climb(judge.blocks, candidate, grain, { tolerance, maxIterations: left })
    iterations += last.lowerBounds.length
    last.posterior.covariance.set(modeVariances(last.posterior, grain, candidate.rowWeight))
    // Bounds of points and of intervals cannot be compared.
    const isOneClimb = !candidate.isGrouped && !last.isGrouped
    const lowerBounds = isOneClimb ? [...candidate.lowerBounds, ...last.lowerBounds] : last.lowerBounds
    return { ...candidate, ...last, lowerBounds, share: shareOf(candidate, kept) }
  })
  const best = fits.reduce((a, b) => (b.share > a.share ? b : a))
  const posterior = fits.length === 1 ? best.posterior : averageOf(fits, best, given)
  componentTerms(posterior, best.terms)
  // The bound of rows that count once.
  const lowerBounds = best.lowerBounds.map((bound) => bound / best.rowWeight)
  return { ...best, posterior, lowerBounds, iterations }
}

/**
 * How many times each row counts against the priors, from weak priors to strong ones, 1 at least. Counted once, a row
 * is outweighed in tables of some hundred rows: a prior as wide as the column widens all modes, and the bound leaves
 * out modes that explain other rows, because it charges for a parameter what the BIC does, half of the logarithm of the
 * rows (Attias, Inferring parameters and structure of latent variable models by variational Bayes, UAI 1999). Counted w
 * times, it charges p nats: w = ln(w rows) / 2p. With 1 nat it is Akaike's criterion.
 */
function rowWeightsOf(rows: number): number[] {
  const weights = pricesPerParameter.map((price) => {
    let weight = 1
    for (let step = 0; step < fixedPointSteps; step++) weight = Math.max(1, Math.log(weight * rows) / (2 * price))
    return weight
  })
  return [...new Set([...weights, 1])]
}

const pricesPerParameter = [1 / 4, 1]

/** Each is at least twice as near as the one before. */
const fixedPointSteps = 50

/** The rows, each counted so many times. */
function weighted({ coarse, fine, grain, rows, settings }: StandardRows, rowWeight: number) {
  const times = (blocks: Blocks) => ({ ...blocks, count: blocks.count.map((c) => c * rowWeight) })
  const judge: Judge = { blocks: times(fine), grain, rowWeight }
  return { coarse: times(coarse), judge, tolerance: settings.tolerance * rowWeight * rows }
}

/** A posterior that has climbed. */
interface Approach extends Fitted, Pick<Climb, 'lowerBounds' | 'isGrouped'> {
  /** of all climbs */
  readonly iterations: number
}

/** The fit of rows that count so many times. */
interface Candidate extends Approach {
  readonly rowWeight: number
  /** log-likelihood of as many other rows, in nats, as estimated */
  readonly expected: number
}

interface Fit extends Candidate, Inference {
  readonly iterations: number
  /** of the average, beside the best */
  readonly share: number
}

/** A fit of a smaller share than this, beside the best one, is left out. */
const leastShare = 1e-3

/**
 * Shares go by the exponential of what is expected of a fit, in so many nats: the expectations themselves err by some.
 * Yao, Vehtari, Simpson & Gelman, Using stacking to average Bayesian predictive distributions, Bayesian Analysis 13(3),
 * 2018 (pseudo-BMA).
 */
const doubt = 4

/** Nats a row that an average need not be taken for: beyond 40,000 rows the fit with the weakest priors is taken. */
const negligibleGain = 1e-4

function shareOf({ expected }: Candidate, candidates: readonly Candidate[]): number {
  const best = Math.max(...candidates.map((candidate) => candidate.expected))
  return Math.exp((expected - best) / doubt)
}

/**
 * One posterior for the average of the fits' densities, with the modes of the best of them. What is no mode stays as it
 * is: it would become one.
 */
function averageOf(fits: readonly Fit[], best: Fit, { grain, rows }: StandardRows): Posterior {
  const components = densityOf(best)
  const start = components.filter(({ isMode }) => isMode)
  const nearest = nearestMixture(
    rows,
    fits.flatMap((fit) => {
      const modes = densityOf(fit).filter(({ isMode }) => isMode)
      return modes.map((mode) => ({ ...mode, rows: fit.share * mode.rows }))
    }),
    start,
    { ...best.priors, regularization: 0, leastCovariance: grain.leastVariance },
  )
  const share = start.reduce((sum, mode) => sum + mode.rows, 0)
  let mode = 0
  const averaged = components.map((component) =>
    component.isMode ? { ...nearest[mode], rows: share * nearest[mode++].rows } : component,
  )
  return posteriorOf(
    averaged.map((component) => ({ ...component, rows: component.rows * rows * best.rowWeight })),
    best.priors,
  )
}

/** The components with their weights as rows, and whether they hold a row. */
function densityOf({ posterior, rowWeight }: Fit): (Component & { readonly isMode: boolean })[] {
  const weights = new Float64Array(posterior.mean.length)
  stickWeights(posterior, weights)
  return componentsOf(posterior).map((component, k) => ({
    ...component,
    rows: weights[k],
    isMode: component.rows >= rowWeight,
  }))
}

/** The best of the starts, its superfluous modes joined. */
function firstApproach(
  { atomsAt, grain, rows, settings }: StandardRows,
  coarse: Blocks,
  judge: Judge,
  stop: StopRule,
): Approach {
  const starts = startLabels(coarse, atomsAt, settings.components).map(({ labels, atomOf }) => {
    const priors = priorsOf(atomOf, grain, settings)
    return { priors, posterior: posteriorOfLabels(coarse, labels, priors, emptyPosterior(settings.components)) }
  })
  const approach = bestApproach(starts, coarse, grain, stop)
  return settings.join === 0 ? approach : joinedApproach(approach, settings.join * rows, coarse, judge, stop)
}

/** From the fit with weaker priors. */
function nextApproach(before: Candidate, rowWeight: number, coarse: Blocks, grain: Grain, stop: StopRule): Approach {
  const { priors } = before
  const start = { priors, posterior: recounted(before.posterior, priors, rowWeight / before.rowWeight) }
  const next = climb(coarse, start, grain, brief(stop))
  return { ...next, priors, iterations: next.lowerBounds.length }
}

/** Starts, and fits that need not be final, are told apart by bounds within this many tolerances of their ends. */
const looseness = 10

/** Iterations to a fit that is judged, but need not be final. */
const briefIterations = 60

const brief = ({ tolerance, maxIterations }: StopRule): StopRule => ({
  tolerance: looseness * tolerance,
  maxIterations: Math.min(briefIterations, maxIterations),
})

/** The start that leads to the highest bound, the first of equal ones, and how far it leads. */
function bestApproach(
  starts: readonly Fitted[],
  blocks: Blocks,
  grain: Grain,
  { tolerance, maxIterations }: StopRule,
): Approach {
  const tries = starts.map(({ priors, posterior }) => ({
    priors,
    ...acceleratedInference(blocks, priors, posterior, { tolerance: looseness * tolerance, maxIterations }),
  }))
  const bound = ({ lowerBounds }: Inference) => lowerBounds.at(-1) ?? -Infinity
  const best = tries.reduce((a, b) => (bound(b) > bound(a) ? b : a))
  const left = maxIterations - best.lowerBounds.length
  const rest = climb(blocks, best, grain, { tolerance, maxIterations: left })
  const lowerBounds = [...best.lowerBounds, ...rest.lowerBounds]
  return { ...rest, priors: best.priors, lowerBounds, iterations: lowerBounds.length }
}

interface Climb extends Inference {
  /** whether some values were intervals, and no points */
  readonly isGrouped: boolean
}

/** Climbs the bound of points, or of intervals where some modes are too narrow for points. */
function climb(blocks: Blocks, fitted: Fitted, grain: Grain, stop: StopRule): Climb {
  const narrow = narrowModes(blocks, fitted.posterior, grain)
  const isGrouped = narrow.includes(true)
  const inference = isGrouped
    ? groupedInference(blocks, fitted, narrow, grain, stop)
    : acceleratedInference(blocks, fitted.priors, fitted.posterior, stop)
  return { ...inference, isGrouped }
}

/** @param most that joining may cost, in nats over all rows */
function joinedApproach(approach: Approach, most: number, coarse: Blocks, judge: Judge, stop: StopRule): Approach {
  let { iterations } = approach
  const joined = joinModes(approach, {
    rowWeight: judge.rowWeight,
    expected: (posterior) => expectedLikelihood(posterior, judge),
    refit: (start): Approach => {
      // Of points: as intervals, a narrow mode explains two neighbouring values as well as one mode for each does.
      const left = brief({ ...stop, maxIterations: stop.maxIterations - iterations })
      const next = acceleratedInference(coarse, start.priors, start.posterior, left)
      iterations += next.lowerBounds.length
      return { ...next, isGrouped: false, priors: start.priors, iterations }
    },
    most,
  })
  return { ...joined, iterations }
}

/**
 * Priors in standard deviations. An atom's component expects its rows at the atom: the column's own mean and variance,
 * divided by its rows, would still be wide beside a single value. A regularization that was asked for takes the place
 * of the floor of sigma.
 */
const priorsOf = (
  atomOf: Float64Array,
  grain: Grain,
  { weightConcentrationPrior, regularization }: FitSettings,
): Priors => ({
  concentration: weightConcentrationPrior,
  mean: atomOf.map((atom) => (Number.isNaN(atom) ? anywhere.mean : atom)),
  meanPrecision: 1,
  degrees: 1,
  covariance: atomOf.map((atom) => (Number.isNaN(atom) ? anywhere.covariance : grain.leastVariance)),
  regularization: regularization ?? 0,
  ...(regularization === undefined && { leastCovariance: grain.leastVariance + roundingVariance(grain) }),
})
