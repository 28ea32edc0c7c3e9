import type { ColumnModel } from '../mixture/column-model.ts'
import { type GainOptions, gainBounds, gainDefaults, noGain, withBlock } from './gain-sequence.ts'
import { RowScore, sharedResolution } from './row-score.ts'

/** What a challenger gains over the champion on rows that neither was fitted on. */
export interface GainFound {
  readonly rows: number
  readonly blocks: number
  /** mean over the blocks, in nats a row */
  readonly gain: number
  /** anytime-valid bounds of the gain; infinite with fewer than 30 blocks */
  readonly lower: number
  readonly upper: number
  readonly leastGain: number
  readonly decision: 'promote' | 'drop' | 'wait'
}

/** Adds up what a challenger gains, by block of rows, over the columns that both models have. */
export class BlockGains {
  /** the columns that both have */
  readonly columns: readonly ColumnModel[]
  readonly #scores: readonly { readonly before: RowScore; readonly after: RowScore }[]
  readonly #gains: Float64Array
  readonly #rows: Float64Array

  constructor(champion: readonly ColumnModel[], challenger: readonly ColumnModel[], blocks: number) {
    const older = new Map(champion.map((column) => [column.name, column]))
    const pairs = challenger.flatMap((after) => {
      const before = older.get(after.name)
      return before === undefined ? [] : [{ before, after }]
    })
    this.columns = pairs.map(({ after }) => after)
    this.#scores = pairs.map(({ before, after }) => {
      const resolution = sharedResolution(before, after)
      return { before: new RowScore(before, resolution), after: new RowScore(after, resolution) }
    })
    this.#gains = new Float64Array(blocks)
    this.#rows = new Float64Array(blocks)
  }

  /** The values of `columns[column]` in some rows of a block, without nulls. */
  add(block: number, column: number, values: Float64Array): void {
    const { before, after } = this.#scores[column]
    this.#gains[block] += after.sum(values) - before.sum(values)
  }

  /** Rows of a block whose values have been added, once for all columns. */
  addRows(block: number, rows: number): void {
    this.#rows[block] += rows
  }

  /** The bounds after all blocks that have rows, in their order. */
  found(options: Partial<GainOptions> = {}): GainFound {
    const { leastGain } = { ...gainDefaults, ...options }
    let state = noGain
    let rows = 0
    for (const [block, count] of this.#rows.entries()) {
      if (count === 0) continue
      state = withBlock(state, this.#gains[block] / count)
      rows += count
    }
    const { blocks, mean: gain } = state
    return { rows, blocks, gain, leastGain, ...gainBounds(state, options) }
  }
}

/** Blocks that held-out rows are cut into: what the bounds are tightest at, and more than they need. */
export const heldOutBlocks = 100
