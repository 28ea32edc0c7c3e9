import type { ColumnModel } from '../mixture/column-model.ts'
import { BinnedGain } from './binned-gain.ts'
import { type GainBounds, type GainOptions, gainBounds, gainDefaults, noGain, withBlock } from './gain-sequence.ts'
import { RowScore, sharedResolution } from './row-score.ts'

/** A mean over blocks of rows, in nats a row, and anytime-valid bounds; infinite ones with fewer than 30 blocks. */
export interface MeanGain extends GainBounds {
  readonly mean: number
}

/** What a challenger gains over the champion on rows that neither was fitted on. */
export interface GainFound {
  readonly rows: number
  readonly blocks: number
  readonly leastGain: number
  /** ln p of the challenger less ln p of the champion */
  readonly gain: MeanGain
  /** the same less what it is on the rows that the champion was fitted on: what a change of the data accounts for */
  readonly change: MeanGain
}

/** Blocks that held-out rows are cut into: what the bounds are tightest at, and more than they need. */
export const heldOutBlocks = 100

/** Standard errors of the training rows' mean that the bounds allow for: 99 % of a normal variate, both sides. */
const trainedErrors = 2.58

/** Adds up what a challenger gains, by block of rows, over the columns that both models have. */
export class BlockGains {
  /** the columns that both have */
  readonly columns: readonly ColumnModel[]
  readonly #scores: readonly { readonly before: RowScore; readonly after: RowScore; readonly binned: BinnedGain }[]
  readonly #gains: Float64Array
  readonly #binned: Float64Array
  readonly #rows: Float64Array

  constructor(champion: readonly ColumnModel[], challenger: readonly ColumnModel[], blocks: number) {
    const older = new Map(champion.map((column) => [column.name, column]))
    const pairs = challenger.flatMap((after) => {
      const before = older.get(after.name)
      return before === undefined ? [] : [{ before, after }]
    })
    this.columns = pairs.map(({ after }) => after)
    this.#scores = pairs.map((pair) => {
      const resolution = sharedResolution(pair.before, pair.after)
      const [before, after] = [new RowScore(pair.before, resolution), new RowScore(pair.after, resolution)]
      return { before, after, binned: new BinnedGain(pair.before, before, after) }
    })
    this.#gains = new Float64Array(blocks)
    this.#binned = new Float64Array(blocks)
    this.#rows = new Float64Array(blocks)
  }

  /** The values of `columns[column]` in some rows of a block, without nulls. */
  add(block: number, column: number, values: Float64Array): void {
    const { before, after, binned } = this.#scores[column]
    this.#gains[block] += after.sum(values) - before.sum(values)
    this.#binned[block] += binned.sum(values)
  }

  /** Rows of a block whose values have been added, once for all columns. */
  addRows(block: number, rows: number): void {
    this.#rows[block] += rows
  }

  /** The bounds after all blocks that have rows, in their order. */
  found(options: Partial<GainOptions> = {}): GainFound {
    const { leastGain } = { ...gainDefaults, ...options }
    const trained = this.#scores.reduce((sum, { binned }) => sum + binned.trained, 0)
    // Columns of a row depend on each other: their errors add up at worst.
    const error = this.#scores.reduce((sum, { binned }) => sum + binned.trainedError, 0)
    let [gain, change] = [noGain, noGain]
    let rows = 0
    for (const [block, count] of this.#rows.entries()) {
      if (count === 0) continue
      gain = withBlock(gain, this.#gains[block] / count)
      change = withBlock(change, this.#binned[block] / count - trained)
      rows += count
    }
    return {
      rows,
      blocks: gain.blocks,
      leastGain,
      gain: { mean: gain.mean, ...gainBounds(gain, options) },
      change: { mean: change.mean, ...gainBounds(change, { ...options, slack: trainedErrors * error }) },
    }
  }
}
