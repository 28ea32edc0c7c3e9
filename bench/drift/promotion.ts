/** How often a challenger is promoted, and what the promoted ones are worth. */

import { BlockGains, heldOutBlocks } from '../../src/drift/block-gains.ts'
import { type ColumnModel, columnModel } from '../../src/mixture/column-model.ts'
import { fitMixture } from '../../src/mixture/fit-mixture.ts'
import { judgeChallenger } from '../../src/model/judge-challenger.ts'
import { normalNumbers, type RowSource } from './simulation.ts'

export interface Challenge {
  readonly challengers: number
  /** that each model is fitted to */
  readonly trainedRows: number
  /** that both are scored on */
  readonly heldOutRows: number
  /** of the data since the champion was fitted, in standard deviations */
  readonly shift: number
  readonly source: (seed: number) => RowSource
  /** fresh rows that a promoted challenger is judged by afterwards; 0 for none */
  readonly judgedRows: number
}

export interface ChallengeResult {
  readonly challengers: number
  readonly promoted: number
  /** better ones of which a change of the data does not account for it */
  readonly unchanged: number
  /** that neither bound decides about */
  readonly undecided: number
  /** true gains of the promoted ones on fresh rows, in nats a row, ascending */
  readonly gains: readonly number[]
}

/** Challenges champions as `followFits` does: the same blocks, bounds and verdicts. */
export function challenge(options: Challenge): ChallengeResult {
  const { challengers, trainedRows, heldOutRows, shift, source, judgedRows } = options
  const gains: number[] = []
  const trained = new Float64Array(trainedRows)
  const block = new Float64Array(Math.ceil(heldOutRows / heldOutBlocks))
  let [promoted, unchanged, undecided] = [0, 0, 0]
  const fitTo = (rows: RowSource, moved: number): ColumnModel => {
    rows(0, moved, trained)
    return columnModel(fitMixture(trained))
  }
  for (let seed = 0; seed < challengers; seed++) {
    const rows = source(seed)
    const champion = [fitTo(rows, 0)]
    const challenger = [fitTo(rows, shift)]
    const found = gainsOn(champion, challenger, block, heldOutBlocks, (values) => rows(0, shift, values)).found()
    const { verdict } = judgeChallenger({ version: 1, columns: champion }, { columns: challenger }, found, false)
    if (verdict === 'unchanged') unchanged++
    if (verdict === 'undecided') undecided++
    if (verdict !== 'promoted') continue
    promoted++
    const judged = judgedRows / block.length
    if (judged >= 1)
      gains.push(
        gainsOn(champion, challenger, block, Math.round(judged), (values) => rows(0, shift, values)).found().gain.mean,
      )
  }
  return { challengers, promoted, unchanged, undecided, gains: gains.sort((a, b) => a - b) }
}

function gainsOn(
  champion: readonly ColumnModel[],
  challenger: readonly ColumnModel[],
  values: Float64Array,
  blocks: number,
  draw: (values: Float64Array) => void,
): BlockGains {
  const gains = new BlockGains(champion, challenger, blocks)
  for (let i = 0; i < blocks; i++) {
    draw(values)
    gains.add(i, 0, values)
    gains.addRows(i, values.length)
  }
  return gains
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
