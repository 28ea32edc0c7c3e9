import { acceleratedInference } from './accelerated-inference.ts'
import { atoms } from './atoms.ts'
import { baseline } from './baseline.ts'
import type { Blocks } from './blocks.ts'
import { coarseBlocks } from './coarse-blocks.ts'
import { type ColumnBins, columnBins } from './column-bins.ts'
import type { ColumnFacts } from './column-facts.ts'
import type { ColumnSummary, SummarySnapshot } from './column-summary.ts'
import { componentTerms } from './component-terms.ts'
import { ColumnSpanError, EmptyColumnError } from './errors.ts'
import { type FitSettings, fitSettings, type SummaryFitOptions } from './fit-options.ts'
import { type Grain, grainOf, modeVariances, roundingVariance } from './grain.ts'
import { groupedInference, narrowModes } from './grouped-inference.ts'
import { histogram } from './histogram.ts'
import { anywhere, type Fitted, joinModes } from './join-modes.ts'
import { logLikelihood } from './log-likelihood.ts'
import { type Mixture, mixtureOf } from './mixture.ts'
import { oneModeMixture } from './one-mode.ts'
import { emptyPosterior, type Posterior, type Priors, stickWeights } from './posterior.ts'
import { withSentinelModes } from './sentinel-modes.ts'
import { partSentinels } from './sentinels.ts'
import { startLabels } from './start-labels.ts'
import { type Inference, posteriorOfLabels, type StopRule } from './variational-inference.ts'

/** Blocks of the start and of the first, long approach; and of the last iterations. */
const coarseTarget = 1024
const fineTarget = 8192

/** Share of the iterations that the first approach may use up. */
const coarseIterations = 0.9

/** Structure below this share of the standard deviation is below the floor of sigma as well. */
const finestShare = 1e-3

/**
 * Recipe `scaled`: the mixture of a summarised column, in a time that does not depend on its rows.
 *
 * Standardises; weighs the rows to the topic's size; starts from exact k-means over coarse bins with the atoms apart,
 * in three ways, and takes the one of the highest bound; climbs the bound on the coarse bins first, where an iteration
 * costs little, then on the fine ones; in between joins modes that are too many. Both climbs are block VB, whose bounds
 * are valid lower bounds of the one over all rows (Kurihara, Welling, Vlassis, NIPS 2006). docs/mixture.md has what it
 * gains.
 *
 * @throws EmptyColumnError without a row, ColumnSpanError beyond 1e308, FitOptionError
 * @example
 * const summary = new ColumnSummary()
 * summary.add(Float64Array.of(1, 1.1, 0.9, 1.2, 7, 7.2, 6.9, 7.1))
 * const { means } = fitSummary(summary, { components: 2, totalRows: 1e9 })
 * // Float64Array [ 1.0500000007, 7.0499999993 ], to 11 digits
 */
export function fitSummary(summary: ColumnSummary, options: SummaryFitOptions = {}): Mixture {
  const settings = fitSettings('scaled', options)
  if (!(summary.rows > 0)) throw new EmptyColumnError()
  const snapshot = summary.snapshot()
  const { rest, sentinels } = partSentinels(snapshot)
  checkColumn(rest)
  const facts = { ...columnFacts(snapshot, columnBins(snapshot)), sentinels }
  const weight = (options.totalRows ?? snapshot.rows) / snapshot.rows
  return withSentinelModes(fitRows(rest, weight, settings, facts), rest.rows, weight, settings.weightConcentrationPrior)
}

/** @param weight rows of the topic for each of the summary's */
function fitRows(
  snapshot: SummarySnapshot,
  weight: number,
  settings: FitSettings & { readonly join: number },
  facts: ColumnFacts,
): Mixture {
  const totalRows = weight * snapshot.rows
  const rowWeight = rowWeightOf(totalRows)
  const bins = columnBins(snapshot)
  const { mean, std } = moments(bins)
  const spans = snapshot.max > snapshot.min && std > 0
  if (!spans) return oneModeMixture(snapshot.min, totalRows, settings.weightConcentrationPrior, facts)

  const standard = (blocks: Blocks) => standardised(blocks, mean, std, rowWeight * weight)
  const coarse = standard(coarseBlocks(bins, coarseTarget, finestShare * std))
  const fine = standard(coarseBlocks(bins, fineTarget, finestShare * std))
  const stop = { tolerance: settings.tolerance * rowWeight * totalRows, maxIterations: settings.maxIterations }
  const grain = grainOf(snapshot, bins.scale * std)
  const atomBins = atoms(bins, Math.floor(settings.components / 2))
  const atomsAt = atomBins.map((i) => (bins.value[i] - mean) / std)
  const starts = startLabels(coarse, atomsAt, settings.components)
  const ofCoarse = Math.floor(coarseIterations * settings.maxIterations)
  const approach = bestApproach(
    starts.map(({ labels, atomOf }) => {
      const priors = priorsOf(atomOf, grain, settings)
      return { priors, posterior: posteriorOfLabels(coarse, labels, priors, emptyPosterior(settings.components)) }
    }),
    coarse,
    grain,
    { ...stop, maxIterations: ofCoarse },
  )
  const judge = { blocks: fine, grain, rowWeight }
  const joined = joinedApproach(approach, coarse, judge, { ...settings, ...stop, maxIterations: ofCoarse })
  const left = settings.maxIterations - joined.iterations
  const last = climb(fine, joined, grain, { ...stop, maxIterations: left })
  last.posterior.covariance.set(modeVariances(last.posterior, grain, rowWeight))
  componentTerms(last.posterior, last.terms)
  // Bounds of points and of intervals cannot be compared.
  const isOneClimb = !joined.isGrouped && !last.isGrouped
  const bounds = isOneClimb ? [...joined.lowerBounds, ...last.lowerBounds] : last.lowerBounds
  // The bound of rows that count once.
  const lowerBounds = bounds.map((bound) => bound / rowWeight)
  const iterations = joined.iterations + last.lowerBounds.length
  const coordinates = {
    origin: snapshot.centre + bins.scale * mean,
    unit: Math.max(bins.scale * std, Number.MIN_VALUE),
  }
  const mixture = mixtureOf({ ...last, lowerBounds, iterations }, coordinates, facts)
  seatMeans(mixture, bins, atomBins)
  return mixture
}

/**
 * A component sits on a value if its mean is within this share of its standard deviation: moving it there costs its
 * rows 1/128 nat at most.
 */
const seatShare = 1 / 8
/** A component that has no other bin within so many standard deviations holds one value only. */
const aloneStds = 4

/**
 * Moves means onto the values that they stand for, so that those are normalized to 0: of the component that holds an
 * atom, and of those that hold nothing but one value, as both of a column of zeros and ones do. Rounding and priors
 * keep them beside it.
 */
function seatMeans({ means, stds }: Mixture, { low, high }: ColumnBins, atomBins: readonly number[]): void {
  const distance = (k: number, i: number) => Math.abs(means[k] - (low[i] ?? Infinity)) / stds[k]
  const isSingle = (i: number) => low[i] === high[i]
  for (const i of atomBins.filter(isSingle)) {
    const holders = Array.from(means.keys()).filter((k) => distance(k, i) <= seatShare)
    // A wide one may have its middle there as well.
    if (holders.length > 0) means[holders.reduce((a, b) => (stds[b] < stds[a] ? b : a))] = low[i]
  }
  for (let k = 0; k < means.length; k++) {
    let nearest = 0
    for (let i = 1; i < low.length; i++) if (distance(k, i) < distance(k, nearest)) nearest = i
    const isAlone = Math.min(distance(k, nearest - 1), distance(k, nearest + 1)) >= aloneStds
    if (isSingle(nearest) && isAlone && distance(k, nearest) <= seatShare) means[k] = low[nearest]
  }
}

/** Starts are told apart by bounds within this many tolerances of their ends: that takes half of the iterations. */
const looseness = 10

/** A posterior that has climbed. */
interface Approach extends Fitted, Pick<Climb, 'lowerBounds' | 'isGrouped'> {
  /** of all climbs */
  readonly iterations: number
}

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
  const narrow = narrowModes(fitted, grain)
  const isGrouped = narrow.includes(true)
  const inference = isGrouped
    ? groupedInference(blocks, fitted, narrow, grain, stop)
    : acceleratedInference(blocks, fitted.priors, fitted.posterior, stop)
  return { ...inference, isGrouped }
}

/** Iterations from two joined modes, before the fit is judged. */
const joinedIterations = 60

/** What tells how well a posterior explains the rows. */
interface Judge {
  /** fine ones: a mode may be narrower than a coarse block */
  readonly blocks: Blocks
  readonly grain: Grain
  readonly rowWeight: number
}

/** The approach with its superfluous modes joined. */
function joinedApproach(
  approach: Approach,
  coarse: Blocks,
  judge: Judge,
  { join, tolerance, maxIterations }: StopRule & { readonly join: number },
): Approach {
  if (join === 0) return approach
  const { rowWeight } = judge
  const rows = judge.blocks.count.reduce((sum, c) => sum + c, 0) / rowWeight
  let { iterations } = approach
  const joined = joinModes(approach, {
    rowWeight,
    likelihood: (posterior) => likelihoodOf(posterior, judge),
    refit: (start): Approach => {
      const most = Math.min(joinedIterations, maxIterations - iterations)
      const next = climb(coarse, start, judge.grain, { tolerance: looseness * tolerance, maxIterations: most })
      iterations += next.lowerBounds.length
      return { ...next, priors: start.priors, iterations }
    },
    most: join * rows,
  })
  return { ...joined, iterations }
}

/** ln of the density of all rows, each counted once, in the mixture that a posterior is to become. */
function likelihoodOf(posterior: Posterior, { blocks, grain, rowWeight }: Judge): number {
  const weights = new Float64Array(posterior.mean.length)
  stickWeights(posterior, weights)
  const stds = modeVariances(posterior, grain, rowWeight).map(Math.sqrt)
  return logLikelihood({ weights, means: posterior.mean, stds }, blocks, grain.width) / rowWeight
}

/**
 * How many times each row counts against the priors, 1 at least. Counted once, a row is outweighed in tables of some
 * hundred rows: a prior as wide as the column widens all modes, and the bound leaves out modes that explain other rows,
 * because it charges for a parameter what the BIC does, half of the logarithm of the rows (Attias, Inferring parameters
 * and structure of latent variable models by variational Bayes, UAI 1999). Counted so many times, it charges what AIC
 * does, 1 nat: w = ln(w rows) / 2. What is too many then, joinModes joins.
 */
function rowWeightOf(rows: number): number {
  let weight = 1
  for (let step = 0; step < fixedPointSteps; step++) weight = Math.max(1, Math.log(weight * rows) / 2)
  return weight
}

/** Each is at least twice as near as the one before. */
const fixedPointSteps = 50

const largestSpan = 1e308

/** @throws EmptyColumnError, ColumnSpanError */
export function checkColumn({ rows, min, max }: Pick<SummarySnapshot, 'rows' | 'min' | 'max'>): void {
  if (!(rows > 0)) throw new EmptyColumnError()
  if (!(max - min <= largestSpan)) throw new ColumnSpanError(min, max)
}

/** What a summary tells beside the shape. */
export function columnFacts(snapshot: SummarySnapshot, bins: ColumnBins): ColumnFacts {
  const { rows, nulls, min, max, decimals, centre } = snapshot
  const shape = { histogram: histogram(bins), baseline: baseline(bins, centre) }
  return { rows, nulls, min, max, decimals, ...shape, sentinels: [] }
}

/** Mean and standard deviation of all rows, in the unit of the blocks. */
function moments({ count, value, spread }: Blocks): { mean: number; std: number } {
  let rows = 0
  let sum = 0
  for (let i = 0; i < count.length; i++) {
    rows += count[i]
    sum += count[i] * value[i]
  }
  const mean = sum / rows
  let squares = 0
  for (let i = 0; i < count.length; i++) squares += count[i] * ((value[i] - mean) ** 2 + spread[i])
  return { mean, std: Math.sqrt(squares / rows) }
}

const standardised = ({ count, value, spread }: Blocks, mean: number, std: number, weight: number): Blocks => ({
  count: count.map((c) => c * weight),
  value: value.map((x) => (x - mean) / std),
  spread: spread.map((s) => s / std / std),
})

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
