import { acceleratedInference } from './accelerated-inference.ts'
import { atoms } from './atoms.ts'
import type { Blocks } from './blocks.ts'
import { coarseBlocks } from './coarse-blocks.ts'
import { type ColumnBins, columnBins } from './column-bins.ts'
import type { ColumnFacts } from './column-facts.ts'
import type { ColumnSummary, SummarySnapshot } from './column-summary.ts'
import { mostDecimals } from './decimals.ts'
import { ColumnSpanError, EmptyColumnError } from './errors.ts'
import { type FitSettings, fitSettings, type SummaryFitOptions } from './fit-options.ts'
import { histogram } from './histogram.ts'
import { type Mixture, mixtureOf } from './mixture.ts'
import { oneModeMixture } from './one-mode.ts'
import { emptyPosterior, type Posterior, type Priors } from './posterior.ts'
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
 * Standardises; weighs the rows to the topic's size; starts from exact k-means over coarse bins with the atoms apart, in three
 * ways, and takes the one of the highest bound; climbs the bound on the coarse bins first, where an iteration costs little,
 * then on the fine ones. Both are block VB, valid lower bounds of the bound over all rows (Kurihara, Welling, Vlassis, NIPS
 * 2006). docs/mixture.md has what it gains.
 *
 * @throws EmptyColumnError without a row, ColumnSpanError beyond 1e308, FitOptionError
 * @example
 * const summary = new ColumnSummary()
 * summary.add(Float64Array.of(1, 1.1, 0.9, 1.2, 7, 7.2, 6.9, 7.1))
 * fitSummary(summary, { components: 2, totalRows: 1e9 }).means // Float64Array [ 1.050000006, 7.049999994 ], to 9 digits
 */
export function fitSummary(summary: ColumnSummary, options: SummaryFitOptions = {}): Mixture {
  const settings = fitSettings('scaled', options)
  checkColumn(summary)
  const snapshot = summary.snapshot()
  const bins = columnBins(snapshot)
  const facts = columnFacts(snapshot, bins)
  const totalRows = options.totalRows ?? summary.rows
  const { mean, std } = moments(bins)
  const spans = summary.max > summary.min && std > 0
  if (!spans) return oneModeMixture(summary.min, totalRows, settings.weightConcentrationPrior, facts)

  const standard = (blocks: Blocks) => standardised(blocks, mean, std, totalRows / summary.rows)
  const coarse = standard(coarseBlocks(bins, coarseTarget, finestShare * std))
  const fine = standard(coarseBlocks(bins, fineTarget, finestShare * std))
  const stop = { tolerance: settings.tolerance * totalRows, maxIterations: settings.maxIterations }
  const floor = varianceFloor(summary, bins.scale * std)
  const shared = { ...settings, regularization: settings.regularization ?? floor }
  const starts = startLabels(coarse, atomValues(bins, settings.components, mean, std), settings.components)
  const { priors, ...approach } = bestApproach(
    starts.map(({ labels, atomOf }) => {
      const priors = priorsOf(atomOf, floor, shared)
      return { priors, posterior: posteriorOfLabels(coarse, labels, priors, emptyPosterior(settings.components)) }
    }),
    coarse,
    { ...stop, maxIterations: Math.floor(coarseIterations * settings.maxIterations) },
  )
  const left = settings.maxIterations - approach.lowerBounds.length
  const last = acceleratedInference(fine, priors, approach.posterior, { ...stop, maxIterations: left })
  const lowerBounds = [...approach.lowerBounds, ...last.lowerBounds]
  const coordinates = {
    origin: snapshot.centre + bins.scale * mean,
    unit: Math.max(bins.scale * std, Number.MIN_VALUE),
  }
  return mixtureOf({ ...last, lowerBounds }, coordinates, facts)
}

/** Starts are told apart by bounds within this many tolerances of their ends: that takes half of the iterations. */
const looseness = 10

interface Approach {
  readonly priors: Priors
  readonly posterior: Posterior
}

/** The start that leads to the highest bound, the first of equal ones, and how far it leads. */
function bestApproach(
  starts: readonly Approach[],
  blocks: Blocks,
  { tolerance, maxIterations }: StopRule,
): Approach & Pick<Inference, 'lowerBounds'> {
  const tries = starts.map(({ priors, posterior }) => ({
    priors,
    ...acceleratedInference(blocks, priors, posterior, { tolerance: looseness * tolerance, maxIterations }),
  }))
  const bound = ({ lowerBounds }: Inference) => lowerBounds.at(-1) ?? -Infinity
  const best = tries.reduce((a, b) => (bound(b) > bound(a) ? b : a))
  const left = maxIterations - best.lowerBounds.length
  const rest = acceleratedInference(blocks, best.priors, best.posterior, { tolerance, maxIterations: left })
  return { ...rest, priors: best.priors, lowerBounds: [...best.lowerBounds, ...rest.lowerBounds] }
}

const largestSpan = 1e308

/** @throws EmptyColumnError, ColumnSpanError */
export function checkColumn({ rows, min, max }: Pick<SummarySnapshot, 'rows' | 'min' | 'max'>): void {
  if (!(rows > 0)) throw new EmptyColumnError()
  if (!(max - min <= largestSpan)) throw new ColumnSpanError(min, max)
}

/** What a summary tells beside the shape. */
export function columnFacts({ rows, nulls, min, max, decimals }: SummarySnapshot, bins: ColumnBins): ColumnFacts {
  return { rows, nulls, min, max, decimals, histogram: histogram(bins) }
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

const atomValues = (bins: ColumnBins, components: number, mean: number, std: number): number[] =>
  atoms(bins, Math.floor(components / 2)).map((i) => (bins.value[i] - mean) / std)

/** The floor of sigma, as a share of the column's resolution: a mode on one value then holds its rows inside of that value's interval. */
const floorPerResolution = 1 / 8

/** Where a column has no resolution, the floor of sigma is 0.1 % of its standard deviation; where it is fine, no less than 0.001 %. */
const continuousFloor = 1e-3
const leastFloor = 1e-5

/**
 * What is added to every variance by default, in standard deviations squared.
 *
 * @param std of the column, in its unit
 */
function varianceFloor({ decimals, min, max }: ColumnSummary, std: number): number {
  const resolution = 10 ** -decimals
  // Far from 0 the doubles themselves have few decimals: that is no resolution of the column's.
  const isContinuous = decimals === mostDecimals || resolution < 1000 * Number.EPSILON * Math.max(max, -min)
  const floor = isContinuous ? continuousFloor : (floorPerResolution * resolution) / std
  return Math.min(1, Math.max(leastFloor, floor)) ** 2
}

/**
 * Priors in standard deviations. An atom's component expects its rows at the atom: the column's own mean and variance,
 * divided by its rows, would still be wide beside a single value.
 */
const priorsOf = (
  atomOf: Float64Array,
  atomVariance: number,
  { weightConcentrationPrior, regularization }: Required<FitSettings>,
): Priors => ({
  concentration: weightConcentrationPrior,
  mean: atomOf.map((atom) => (Number.isNaN(atom) ? 0 : atom)),
  meanPrecision: 1,
  degrees: 1,
  covariance: atomOf.map((atom) => (Number.isNaN(atom) ? 1 : atomVariance)),
  regularization,
})
