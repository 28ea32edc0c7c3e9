import { nextUp } from '../mixture/baseline.ts'
import type { ColumnModel } from '../mixture/column-model.ts'
import { exactKMeans } from '../mixture/exact-k-means.ts'
import { intervalMass } from './mixture-density.ts'
import { finestShare, valueCells } from './value-cells.ts'

/** How well the training rows of a column are described: by its model, and by what people would take without one. */
export interface FitQuality {
  readonly by: 'model' | 'k-means' | 'one normal' | 'min-max'
  /** components of it */
  readonly parts: number
  /**
   * what a value costs more than by the histogram of the training rows themselves, in nats: 0 is exact. It is the
   * divergence of Kullback and Leibler over the bins, so that a difference of two is one of mean log likelihoods.
   */
  readonly lossNats: number
}

/** Below this share of the values themselves a column has no width. */
const leastSpan = 1e-12
/** A bin that is excluded costs this much, and not infinitely much. */
const leastMass = 1e-300

/**
 * The model's column beside k-means with as many clusters, one normal distribution, and min-max scaling, which takes
 * all values for equally likely. All of them know the same bins, best first where they are equal.
 *
 * @example
 * fitQuality(model.columns[0])[0].lossNats // 0.004
 */
export function fitQuality(column: ColumnModel): readonly FitQuality[] {
  const cells = cellsOf(column)
  const { weight } = column
  const scaled = { ...column, mean: column.mean.map(cells.place), std: column.std.map((s) => s / cells.scale) }
  const clusters = Math.min(weight.length, cells.count.length)
  const [kMeans, normal] = [clusters, 1].map((k) => clustered(cells, k))
  const [first, last] = [cells.low[0], cells.high[cells.high.length - 1]]
  const uniform = (low: number, high: number) => (high - low) / (last - first)
  const by = (name: FitQuality['by'], parts: number, mass: (low: number, high: number) => number): FitQuality => ({
    by: name,
    parts,
    lossNats: loss(cells, mass),
  })
  return [
    by('model', weight.length, (low, high) => intervalMass(scaled, low, high)),
    by('k-means', kMeans.weight.length, (low, high) => intervalMass(kMeans, low, high)),
    by('one normal', 1, (low, high) => intervalMass(normal, low, high)),
    by('min-max', 1, uniform),
  ]
}

/** The bins of the training rows, as shares of the column's range: numbers near 1e300 would overflow. */
interface QualityCells {
  readonly place: (x: number) => number
  /** of the unit of places, in the unit of the column */
  readonly scale: number
  /** rows, shape (bins) */
  readonly count: Float64Array
  /** place of the rows' mean, shape (bins) */
  readonly value: Float64Array
  /** ends of what belongs to the values of a bin, shape (bins) */
  readonly low: Float64Array
  readonly high: Float64Array
}

function cellsOf(column: ColumnModel): QualityCells {
  const { edges, counts, means, isGrid } = valueCells(column)
  const [min, max] = [edges[0], edges[edges.length - 1]]
  const middle = min / 2 + max / 2
  const scale = Math.max(max / 2 - min / 2, leastSpan * Math.abs(middle)) || 1
  const place = (x: number) => x / scale - middle / scale
  const isAlone = counts.map((_, i) => !isGrid && nextUp(edges[i]) === edges[i + 1])
  return {
    place,
    scale,
    count: Float64Array.from(counts),
    value: Float64Array.from(means, place),
    low: Float64Array.from(counts, (_, i) => place(edges[i]) - (isAlone[i] ? finestShare / 2 : 0)),
    high: Float64Array.from(counts, (_, i) => place(edges[i + 1]) + (isAlone[i] ? finestShare / 2 : 0)),
  }
}

/** One normal distribution for each of the best clusters. */
function clustered({ count, value, low, high }: QualityCells, clusters: number) {
  const labels = exactKMeans({ count, value }, clusters)
  const rows = count.reduce((sum, c) => sum + c, 0)
  const parts = Array.from({ length: clusters }, (_, k) => {
    const own = Array.from(labels.keys()).filter((i) => labels[i] === k)
    const held = own.reduce((sum, i) => sum + count[i], 0)
    const mean = own.reduce((sum, i) => sum + (count[i] / held) * value[i], 0)
    // Within a bin rows are taken as spread evenly.
    const variance = own.reduce(
      (sum, i) => sum + (count[i] / held) * ((value[i] - mean) ** 2 + (high[i] - low[i]) ** 2 / 12),
      0,
    )
    return { weight: held / rows, mean, std: Math.max(Math.sqrt(variance), finestShare / 4) }
  }).filter(({ weight }) => weight > 0)
  return {
    weight: parts.map(({ weight }) => weight),
    mean: parts.map(({ mean }) => mean),
    std: parts.map(({ std }) => std),
  }
}

function loss({ count, low, high }: QualityCells, mass: (low: number, high: number) => number): number {
  const rows = count.reduce((sum, c) => sum + c, 0)
  const sum = count.reduce((nats, c, i) => {
    if (c === 0) return nats
    return nats + (c / rows) * Math.log(c / rows / Math.max(leastMass, mass(low[i], high[i])))
  }, 0)
  return Math.max(0, sum)
}
