/** How often a challenger is promoted, and what the promoted ones are worth. */

import { gainBounds, noGain, withBlock } from '../../src/drift/gain-sequence.ts'
import { RowScore, sharedResolution } from '../../src/drift/row-score.ts'
import { type ColumnModel, columnModel } from '../../src/mixture/column-model.ts'
import { fitMixture } from '../../src/mixture/fit-mixture.ts'
import { normalNumbers, type RowSource } from './simulation.ts'

export interface Challenge {
  readonly challengers: number
  readonly trainedRows: number
  readonly blockRows: number
  readonly mostBlocks: number
  /** of the data since the champion was fitted, in standard deviations */
  readonly shift: number
  readonly source: (seed: number) => RowSource
  /** rows that a promoted challenger is judged by afterwards; 0 for none */
  readonly judgedRows: number
}

export interface ChallengeResult {
  readonly challengers: number
  readonly promoted: number
  /** of the promoted ones, ascending */
  readonly blocks: readonly number[]
  /** least true gain of a promoted one, in nats a row; undefined without any */
  readonly leastGain: number | undefined
}

export function challenge(options: Challenge): ChallengeResult {
  const { challengers, trainedRows, blockRows, mostBlocks, shift, source, judgedRows } = options
  const blocks: number[] = []
  const gains: number[] = []
  const trained = new Float64Array(trainedRows)
  const block = new Float64Array(blockRows)
  const fitTo = (rows: RowSource, moved: number): ColumnModel => {
    rows(0, moved, trained)
    return columnModel(fitMixture(trained))
  }
  for (let seed = 0; seed < challengers; seed++) {
    const rows = source(seed)
    const champion = fitTo(rows, 0)
    const challenger = fitTo(rows, shift)
    const resolution = sharedResolution(champion, challenger)
    const [before, after] = [new RowScore(champion, resolution), new RowScore(challenger, resolution)]
    const gainOf = (values: Float64Array) => (after.sum(values) - before.sum(values)) / values.length
    let state = noGain
    for (let i = 0; i < mostBlocks; i++) {
      rows(0, shift, block)
      state = withBlock(state, gainOf(block))
      const { decision } = gainBounds(state)
      if (decision === 'wait') continue
      if (decision === 'promote') {
        blocks.push(i + 1)
        const judged = new Float64Array(judgedRows)
        rows(0, shift, judged)
        if (judgedRows > 0) gains.push(gainOf(judged))
      }
      break
    }
  }
  blocks.sort((a, b) => a - b)
  return {
    challengers,
    promoted: blocks.length,
    blocks,
    leastGain: gains.length > 0 ? Math.min(...gains) : undefined,
  }
}

/** Two modes and a tail. */
export function mixedSource(seed: number): RowSource {
  const normal = normalNumbers(seed)
  const std = Math.sqrt(0.7 * (1 + 1) + 0.3 * (0.25 + 9) - (0.7 * -1 + 0.3 * 3) ** 2)
  return (_, shift, values) => {
    for (let i = 0; i < values.length; i++) {
      const first = normal()
      // Which mode it is does not depend on where in the mode it is.
      values[i] = (normal() < 0.5244 ? first - 1 : 3 + first / 2) + shift * std
    }
  }
}
