import { atoms } from './atoms.ts'
import { baseline } from './baseline.ts'
import type { Blocks } from './blocks.ts'
import { coarseBlocks } from './coarse-blocks.ts'
import { type ColumnBins, columnBins } from './column-bins.ts'
import type { ColumnFacts } from './column-facts.ts'
import type { ColumnSummary, SummarySnapshot } from './column-summary.ts'
import { ColumnSpanError, EmptyColumnError } from './errors.ts'
import { type FitSettings, fitSettings, type SummaryFitOptions } from './fit-options.ts'
import { fitStandardised } from './fit-standardised.ts'
import { grainOf } from './grain.ts'
import { histogram } from './histogram.ts'
import { type Mixture, mixtureOf } from './mixture.ts'
import { oneModeMixture } from './one-mode.ts'
import { withSentinelModes } from './sentinel-modes.ts'
import { partSentinels } from './sentinels.ts'

/** Blocks of the start and of the first, long approach; and of the last iterations. */
const coarseTarget = 1024
const fineTarget = 8192

/** Structure below this share of the standard deviation is below the floor of sigma as well. */
const finestShare = 1e-3

/**
 * Recipe `scaled`: the mixture of a summarised column, in a time that does not depend on its rows.
 *
 * Standardises; weighs the rows to the topic's size; starts from exact k-means over coarse bins with the atoms apart,
 * in three ways, and takes the one of the highest bound; climbs the bound on the coarse bins first, where an iteration
 * costs little, then on the fine ones; in between joins modes that are too many, and tries stronger priors where rows
 * are few. The climbs are block VB, whose bounds are valid lower bounds of the one over all rows (Kurihara, Welling,
 * Vlassis, NIPS 2006). docs/mixture.md has what it gains.
 *
 * @throws EmptyColumnError without a row, ColumnSpanError beyond 1e308, FitOptionError
 * @example
 * const summary = new ColumnSummary()
 * summary.add(Float64Array.of(1, 1.1, 0.9, 1.2, 7, 7.2, 6.9, 7.1))
 * const { means } = fitSummary(summary, { components: 2, totalRows: 1e9 })
 * // Float64Array [ 1.0500000001, 7.0499999999 ], to 11 digits
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
  const rows = weight * snapshot.rows
  const bins = columnBins(snapshot)
  const { mean, std } = moments(bins)
  const spans = snapshot.max > snapshot.min && std > 0
  if (!spans) return oneModeMixture(snapshot.min, rows, settings.weightConcentrationPrior, facts)

  const grain = grainOf(snapshot, bins.scale * std)
  const atomBins = atoms(bins, Math.floor(settings.components / 2))
  const atomsAt = atomBins.map((i) => (bins.value[i] - mean) / std)
  const standard = (target: number) => standardised(coarseBlocks(bins, target, finestShare * std), mean, std, weight)
  const coarse = standard(coarseTarget)
  const fine = standard(fineTarget)
  const inference = fitStandardised({ coarse, fine, atomsAt, grain, rows, settings })
  const coordinates = {
    origin: snapshot.centre + bins.scale * mean,
    unit: Math.max(bins.scale * std, Number.MIN_VALUE),
  }
  const mixture = mixtureOf(inference, coordinates, facts)
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
