import { atoms } from './atoms.ts'
import type { Blocks } from './blocks.ts'
import { coarseBlocks } from './coarse-blocks.ts'
import { type ColumnBins, columnBins } from './column-bins.ts'
import type { ColumnFacts } from './column-facts.ts'
import type { ColumnSummary, SummarySnapshot } from './column-summary.ts'
import { mostDecimals } from './decimals.ts'
import { ColumnSpanError, EmptyColumnError } from './errors.ts'
import { exactKMeans } from './exact-k-means.ts'
import { type FitSettings, fitSettings, type SummaryFitOptions } from './fit-options.ts'
import { histogram } from './histogram.ts'
import { type Mixture, mixtureOf } from './mixture.ts'
import { oneModeMixture } from './one-mode.ts'
import { emptyPosterior, type Priors } from './posterior.ts'
import { inferPosterior, posteriorOfLabels } from './variational-inference.ts'

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
 * Standardises; weighs the rows to the topic's size; starts from exact k-means over coarse bins with the atoms apart; climbs the
 * bound on the coarse bins first, where an iteration costs little, then on the fine ones. Both are block VB, valid lower
 * bounds of the bound over all rows (Kurihara, Welling, Vlassis, NIPS 2006). ALGORITHM.md has what each step gains.
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
  const spans = summary.max > summary.min && summary.rows >= 2 && std > 0
  if (!spans) return oneModeMixture(summary.min, totalRows, settings.weightConcentrationPrior, facts)

  const standard = (blocks: Blocks) => standardised(blocks, mean, std, totalRows / summary.rows)
  const coarse = standard(coarseBlocks(bins, coarseTarget, finestShare * std))
  const fine = standard(coarseBlocks(bins, fineTarget, finestShare * std))
  const stop = { tolerance: settings.tolerance * totalRows, maxIterations: settings.maxIterations }
  const { labels, atomOf } = startLabels(coarse, atomValues(bins, settings.components, mean, std), settings.components)
  const floor = varianceFloor(summary, bins.scale * std)
  const priors = priorsOf(atomOf, floor, { ...settings, regularization: options.regularization ?? floor })
  const start = posteriorOfLabels(coarse, labels, priors, emptyPosterior(settings.components))
  const approach = inferPosterior(coarse, priors, start, {
    ...stop,
    maxIterations: Math.floor(coarseIterations * settings.maxIterations),
  })
  const left = settings.maxIterations - approach.lowerBounds.length
  const last = inferPosterior(fine, priors, approach.posterior, { ...stop, maxIterations: left })
  const lowerBounds = [...approach.lowerBounds, ...last.lowerBounds]
  const coordinates = {
    origin: snapshot.centre + bins.scale * mean,
    unit: Math.max(bins.scale * std, Number.MIN_VALUE),
  }
  return mixtureOf({ ...last, lowerBounds }, coordinates, facts)
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

interface Start {
  /** first component of each block, shape (n) */
  readonly labels: Int32Array
  /** standardised value of the atom that a component starts with, NaN if it starts with a cluster, shape (K) */
  readonly atomOf: Float64Array
}

/**
 * A component for every atom, and the optimal k-means clusters of the other blocks; the largest first, because stick
 * breaking expects falling weights.
 */
function startLabels(blocks: Blocks, atomsAt: readonly number[], components: number): Start {
  const own = atomsAt.map((atom) => nearest(blocks.value, atom))
  const rest = Array.from(blocks.value.keys()).filter((i) => !own.includes(i))
  const clusters = exactKMeans(
    { count: Float64Array.from(rest, (i) => blocks.count[i]), value: Float64Array.from(rest, (i) => blocks.value[i]) },
    components - own.length,
  )
  const labels = new Int32Array(blocks.count.length)
  own.forEach((block, atom) => {
    labels[block] = atom
  })
  rest.forEach((block, i) => {
    labels[block] = own.length + clusters[i]
  })
  const rows = new Float64Array(components)
  for (let i = 0; i < labels.length; i++) rows[labels[i]] += blocks.count[i]
  const order = Array.from(rows.keys()).sort((a, b) => rows[b] - rows[a] || a - b)
  const stickOf = new Int32Array(components)
  order.forEach((component, stick) => {
    stickOf[component] = stick
  })
  return {
    labels: labels.map((label) => stickOf[label]),
    atomOf: Float64Array.from(order, (component) => atomsAt[component] ?? Number.NaN),
  }
}

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
  { weightConcentrationPrior, regularization }: FitSettings,
): Priors => ({
  concentration: weightConcentrationPrior,
  mean: atomOf.map((atom) => (Number.isNaN(atom) ? 0 : atom)),
  meanPrecision: 1,
  degrees: 1,
  covariance: atomOf.map((atom) => (Number.isNaN(atom) ? 1 : atomVariance)),
  regularization,
})

/** Index of the value next to x. */
function nearest(values: Float64Array, x: number): number {
  let best = 0
  for (let i = 1; i < values.length; i++) if (Math.abs(values[i] - x) < Math.abs(values[best] - x)) best = i
  return best
}
