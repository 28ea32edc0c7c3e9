import { type Baseline, nextUp } from '../mixture/baseline.ts'
import type { ColumnModel } from '../mixture/column-model.ts'
import { intervalMass, logDensity } from './mixture-density.ts'

/**
 * The bins of a column in which rows are counted, and what distances between counts need. There is one slot more than
 * edges: slot 0 lies below the trained range, the last one above, and slot i between edges[i - 1] <= x < edges[i].
 */
export interface DriftBins {
  readonly name: string
  readonly nullable: boolean
  /** number of modes of the model */
  readonly modes: number
  /** ascending, in the unit of the column, shape (slots - 1) */
  readonly edges: Float64Array
  /** training rows, shape (slots) */
  readonly baseline: Float64Array
  /** of all training rows */
  readonly nullShare: number
  /** from the place of each slot's rows to that of the next one's, in standard deviations, shape (slots - 1) */
  readonly steps: Float64Array
  /** of the training rows, in the unit of the column; 1 for a constant */
  readonly std: number
  /** slots that hold a single, frequent value */
  readonly atoms: readonly number[]
  /** mean log density of the model in each slot, in nats, shape (slots) */
  readonly logDensity: Float64Array
}

/** Places are cut off so many standard deviations from the median: one sentinel would be the whole scale. */
const farthestPlace = 20
/** Log density of a value that the model has never heard of, in nats below one standard deviation's. */
const leastLogDensity = -50

/** The bins of a model's column. */
export function driftBins(column: ColumnModel): DriftBins {
  const { edges, counts, means } = baselineOf(column)
  const places = cutOff(counts, means)
  const std = deviation(counts, places)
  const ends = Float64Array.from(edges)
  const last = ends.length - 1
  // No double is above the largest one, and it is one of the training rows.
  if (ends[last] === Number.MAX_VALUE) ends[last] = Infinity
  // How far out values beyond the trained range are is not counted: one standard deviation, at least.
  const all = [places[0] - std, ...places, places[places.length - 1] + std]
  return {
    name: column.name,
    nullable: column.nullable,
    modes: column.mean.length,
    edges: ends,
    baseline: Float64Array.of(0, ...counts, 0),
    nullShare: column.nulls / Math.max(1, column.nulls + column.rows),
    steps: Float64Array.from({ length: ends.length }, (_, i) => all[i + 1] / std - all[i] / std),
    std,
    atoms: counts.flatMap((_, i) => (nextUp(edges[i]) === edges[i + 1] ? [i + 1] : [])),
    logDensity: Float64Array.from(all, (place, slot) => {
      const [low, high] = [edges[slot - 1] ?? Number.NaN, edges[slot] ?? Number.NaN]
      const isAtom = nextUp(low) === high
      const ln =
        isAtom || Number.isNaN(low) || Number.isNaN(high)
          ? logDensity(column, isAtom ? low : place)
          : Math.log(intervalMass(column, low, high) / (high - low))
      return Math.max(ln, leastLogDensity - Math.log(std))
    }),
  }
}

/** Of the training rows; of a model that is older, as far as its histogram tells. */
export function baselineOf({ baseline, histogram: { edges, counts } }: ColumnModel): Baseline {
  if (baseline !== undefined) return baseline
  const last = edges.length - 1
  return {
    edges: edges.map((edge, i) => (i === last ? nextUp(edge) : edge)),
    counts,
    means: counts.map((_, i) => edges[i] / 2 + edges[i + 1] / 2),
  }
}

/** The means of bins, those far out drawn in. */
function cutOff(counts: readonly number[], means: readonly number[]): number[] {
  // The width of one standard deviation on each side, of a normal column; wider where an atom holds all of that.
  const widths = [
    [0.1587, 0.8413],
    [0.0228, 0.9772],
    [0, 1],
  ].map(([low, high]) => (quantile(counts, means, high) - quantile(counts, means, low)) / 2)
  const width = widths.find((some) => some > 0) ?? 0
  const median = quantile(counts, means, 0.5)
  const reach = farthestPlace * width
  return means.map((mean) => Math.min(Math.max(mean, median - reach), median + reach))
}

function quantile(counts: readonly number[], means: readonly number[], share: number): number {
  const rows = counts.reduce((sum, count) => sum + count, 0)
  let below = 0
  for (const [i, count] of counts.entries()) {
    below += count
    if (below >= share * rows && count > 0) return means[i]
  }
  return means[means.length - 1]
}

function deviation(counts: readonly number[], places: readonly number[]): number {
  const rows = counts.reduce((sum, count) => sum + count, 0)
  const mean = places.reduce((sum, place, i) => sum + (counts[i] / rows) * place, 0)
  const std = Math.hypot(...places.map((place, i) => Math.sqrt(counts[i] / rows) * (place - mean)))
  return std > 0 ? std : 1
}
