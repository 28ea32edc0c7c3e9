import type { ColumnModel } from '../mixture/column-model.ts'
import { baselineOf } from './drift-bins.ts'
import type { RowScore } from './row-score.ts'

/**
 * The gain of a challenger by the bin that a value lies in. It is known of the rows that the champion was fitted on as
 * well, whose counts stand in its baseline: without a change of the data both have the same mean, however coarse the
 * bins are, and whatever luck either fit had.
 */
export class BinnedGain {
  readonly #edges: Float64Array
  /** gain in each slot, in nats, shape (edges + 1) */
  readonly #gains: Float64Array
  /** mean over the champion's training rows, those with a null included, in nats a row */
  readonly trained: number
  /** standard error of that mean, as if rows were independent */
  readonly trainedError: number

  constructor(champion: ColumnModel, before: RowScore, after: RowScore) {
    const { edges, counts, means } = baselineOf(champion)
    const gainAt = (x: number) => after.sum(Float64Array.of(x)) - before.sum(Float64Array.of(x))
    this.#edges = Float64Array.from(edges)
    // Beyond the trained range there were no rows: there any place will do.
    const places = [edges[0], ...means, edges[edges.length - 1]]
    this.#gains = Float64Array.from(places, gainAt)
    const rows = counts.reduce((sum, count) => sum + count, 0)
    const gained = counts.reduce((sum, count, bin) => sum + count * this.#gains[bin + 1], 0)
    const squares = counts.reduce((sum, count, bin) => sum + count * this.#gains[bin + 1] ** 2, 0)
    const mean = rows > 0 ? gained / rows : 0
    const variance = rows > 0 ? Math.max(0, squares / rows - mean * mean) : 0
    const share = champion.rows / Math.max(1, champion.rows + champion.nulls)
    this.trained = mean * share
    this.trainedError = Math.sqrt(variance / Math.max(1, champion.rows)) * share
  }

  /** The sum over values, finite, in the unit of the column. */
  sum(values: Float64Array): number {
    let sum = 0
    for (let i = 0; i < values.length; i++) sum += this.#gains[slotOf(this.#edges, values[i])]
    return sum
  }
}

/** How many edges are at or below x. */
function slotOf(edges: Float64Array, x: number): number {
  let [low, high] = [0, edges.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (edges[middle] <= x) low = middle + 1
    else high = middle
  }
  return low
}
