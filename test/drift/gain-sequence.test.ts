import { equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { challenge, mixedSource } from '../../bench/drift/promotion.ts'
import { normalNumbers } from '../../bench/drift/simulation.ts'
import { gainBounds, leastBlocks, noGain, withBlock } from '../../src/drift/gain-sequence.ts'
import { RowScore, sharedResolution } from '../../src/drift/row-score.ts'
import { columnModel } from '../../src/mixture/column-model.ts'
import { fitMixture } from '../../src/mixture/fit-mixture.ts'
import { column, shapes } from '../mixture/synthetic-columns.ts'
import { exampleColumn } from './drift-example.ts'

const baseline = { edges: [0, 1], counts: [1], means: [0.5] }

suite('promotion', () => {
  test('mean and squares are those of all blocks, and the bounds those of the closed form', () => {
    const normal = normalNumbers(1)
    const gains = Array.from({ length: 50 }, () => 0.01 + 0.1 * normal())
    const state = gains.reduce(withBlock, noGain)
    const mean = gains.reduce((a, b) => a + b) / 50
    const variance = gains.reduce((sum, gain) => sum + (gain - mean) ** 2, 0) / 49
    ok(Math.abs(state.mean - mean) < 1e-15 && Math.abs(state.squares - 49 * variance) < 1e-13)
    const rho2 = (2 * Math.log(100) + Math.log(2 * Math.log(100) + 1)) / 100
    const width = Math.sqrt((variance * 2 * (50 * rho2 + 1) * Math.log(Math.sqrt(50 * rho2 + 1) * 100)) / (2500 * rho2))
    const { lower, upper } = gainBounds(state)
    ok(Math.abs(lower - (mean - width)) < 1e-12 && Math.abs(upper - (mean + width)) < 1e-12)
  })

  test('the bounds hold at all times together', () => {
    let left = 0
    for (let run = 0; run < 400; run++) {
      const normal = normalNumbers(100 + run)
      let state = noGain
      for (let block = 0; block < 500; block++) {
        state = withBlock(state, normal())
        const { lower, upper } = gainBounds(state, { alpha: 0.05 })
        if (lower <= 0 && upper >= 0) continue
        left++
        break
      }
    }
    ok(left <= 0.05 * 400, `${left} of 400 runs were ever outside`)
  })

  test('nothing is decided before the central limit theorem can be relied on', () => {
    const state = Array.from({ length: leastBlocks - 1 }, (_, i) => 1 + 1e-3 * i).reduce(withBlock, noGain)
    equal(gainBounds(state).decision, 'wait')
    equal(gainBounds(withBlock(state, 1)).decision, 'promote')
    equal(gainBounds(Array.from({ length: 40 }, (_, i) => -1 - 1e-3 * i).reduce(withBlock, noGain)).decision, 'drop')
  })

  test('a challenger of unchanged data is not promoted, one of shifted data is', () => {
    const basis = { trainedRows: 5_000, heldOutRows: 50_000, source: mixedSource, judgedRows: 20_000 }
    equal(challenge({ ...basis, challengers: 8, shift: 0 }).promoted, 0)
    const { promoted, gains } = challenge({ ...basis, challengers: 4, shift: 0.2 })
    equal(promoted, 4)
    ok(gains[0] > 0.001)
  })

  test('a row counts with its density, or with the mass of its rounding where a column is coarse', () => {
    const x = exampleColumn(baseline)
    ok(Math.abs(new RowScore(x, 0).sum(Float64Array.of(0, 1)) + Math.log(2 * Math.PI) + 0.5) < 1e-12)
    const coarse = { ...x, decimals: 0 }
    equal(sharedResolution(coarse, coarse), 1)
    equal(sharedResolution(coarse, x), 0)
    ok(Math.abs(new RowScore(coarse, 1).sum(Float64Array.of(0, 0)) - 2 * Math.log(0.3829249225)) < 1e-6)
    const narrow = { ...coarse, std: [1e-6] }
    ok(Math.abs(new RowScore(narrow, 1).sum(Float64Array.of(0))) < 1e-6)
    ok(Number.isFinite(new RowScore(narrow, 1).sum(Float64Array.of(50))))
  })

  test('the score of a fitted column is near its entropy', () => {
    const model = columnModel(fitMixture(column(shapes.normal, 20_000)))
    const fresh = column(shapes.normal, 20_000, 2)
    ok(Math.abs(new RowScore(model, 0).sum(fresh) / 20_000 + Math.log(2 * Math.PI * Math.E) / 2) < 0.02)
  })
})
