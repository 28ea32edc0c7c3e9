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
  /** what each column has of both means, in nats a row */
  readonly columns: readonly ColumnGain[]
}

export interface ColumnGain {
  readonly name: string
  readonly gain: number
  readonly change: number
}

/** Blocks that held-out rows are cut into: what the bounds are tightest at, and more than they need. */
export const heldOutBlocks = 100

/** Standard errors of the training rows' mean that the bounds allow for: 99 % of a normal variate, both sides. */
const trainedErrors = 2.58

/** Of a column: both models, and the sums of gains by block, exactly and by bin, shape (blocks) each. */
interface ColumnScore {
  readonly before: RowScore
  readonly after: RowScore
  readonly binned: BinnedGain
  readonly gains: Float64Array
  readonly binnedGains: Float64Array
}

/** Adds up what a challenger gains, by block of rows, over the columns that both models have. */
export class BlockGains {
  /** the columns that both have */
  readonly columns: readonly ColumnModel[]
  readonly #scores: readonly ColumnScore[]
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
      const binned = new BinnedGain(pair.before, before, after)
      return { before, after, binned, gains: new Float64Array(blocks), binnedGains: new Float64Array(blocks) }
    })
    this.#rows = new Float64Array(blocks)
  }

  /** The values of `columns[column]` in some rows of a block, without nulls. */
  add(block: number, column: number, values: Float64Array): void {
    const { before, after, binned, gains, binnedGains } = this.#scores[column]
    gains[block] += after.sum(values) - before.sum(values)
    binnedGains[block] += binned.sum(values)
  }

  /** Rows of a block whose values have been added, once for all columns. */
  addRows(block: number, rows: number): void {
    this.#rows[block] += rows
  }

  /** The bounds after all blocks that have rows, in their order. */
  found(options: Partial<GainOptions> = {}): GainFound {
    const { leastGain } = { ...gainDefaults, ...options }
    const trained = sum(this.#scores.map(({ binned }) => binned.trained))
    // Columns of a row depend on each other: their errors add up at worst.
    const error = sum(this.#scores.map(({ binned }) => binned.trainedError))
    let [gain, change] = [noGain, noGain]
    let rows = 0
    for (const [block, count] of this.#rows.entries()) {
      if (count === 0) continue
      gain = withBlock(gain, sum(this.#scores.map(({ gains }) => gains[block])) / count)
      change = withBlock(change, sum(this.#scores.map(({ binnedGains }) => binnedGains[block])) / count - trained)
      rows += count
    }
    return {
      rows,
      blocks: gain.blocks,
      leastGain,
      gain: { mean: gain.mean, ...gainBounds(gain, options) },
      change: { mean: change.mean, ...gainBounds(change, { ...options, slack: trainedErrors * error }) },
      columns: this.#byColumn(),
    }
  }

  #byColumn(): ColumnGain[] {
    const mean = (gains: Float64Array) => {
      const means = [...this.#rows].flatMap((count, block) => (count === 0 ? [] : [gains[block] / count]))
      return sum(means) / Math.max(1, means.length)
    }
    return this.#scores.map(({ gains, binnedGains, binned }, i) => ({
      name: this.columns[i].name,
      gain: mean(gains),
      change: mean(binnedGains) - binned.trained,
    }))
  }
}

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0)
