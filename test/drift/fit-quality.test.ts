import { equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { fitQuality } from '../../src/drift/fit-quality.ts'
import { RowScore } from '../../src/drift/row-score.ts'
import { columnModel, fitMixture } from '../../src/mixture/index.ts'
import { randomFrom } from '../seeded-random.ts'

const uniform = randomFrom(3)
const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())
const drawn = (value: () => number) => Float64Array.from({ length: 20_000 }, value)
const lossesOf = (values: Float64Array) => {
  const column = columnModel(fitMixture(values))
  return { column, losses: Object.fromEntries(fitQuality(column).map(({ by, lossNats }) => [by, lossNats])) }
}

suite('the quality of a fit beside simple ones', () => {
  test('one normal is as good as the model where the column is normal, and min-max where it is uniform', () => {
    const { losses } = lossesOf(drawn(normal))
    ok(losses.model < 0.01 && losses['one normal'] < 0.01, JSON.stringify(losses))
    ok(losses['min-max'] > 0.5)
    ok(lossesOf(drawn(uniform)).losses['min-max'] < 0.005)
  })

  test('a difference of two losses is that of mean log likelihoods of the rows', () => {
    const values = drawn(() => (uniform() < 0.6 ? normal() : 8 + 0.5 * normal()))
    const { column, losses } = lossesOf(values)
    const mean = values.reduce((a, b) => a + b) / values.length
    const std = Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length)
    const one = { ...column, weight: [1], mean: [mean], std: [std], offset: [0], precision: [0] }
    const likelihood = (of: typeof column) => new RowScore(of, 0).sum(values) / values.length
    const gain = likelihood(column) - likelihood(one)
    ok(Math.abs(losses['one normal'] - losses.model - gain) < 0.03, `${JSON.stringify(losses)} ${gain}`)
  })

  test('frequent values and whole numbers are described as what they are', () => {
    const bools = lossesOf(Float64Array.from({ length: 1_000 }, (_, i) => Number(i % 5 === 0)))
    ok(bools.losses.model < 0.001, JSON.stringify(bools.losses))
    const dice = lossesOf(Float64Array.from({ length: 7_000 }, (_, i) => i % 7))
    ok(dice.losses.model < 0.05 && dice.losses['min-max'] < 1e-9, JSON.stringify(dice.losses))
  })

  test('every column has finite figures, also without a baseline', () => {
    const columns = [[4], [1e300, -1e300, 5], [1, 2, Number.MAX_VALUE], [0, 5e-324], [-0, 1e-300]].map((values) =>
      columnModel(fitMixture(Float64Array.from(values))),
    )
    for (const { baseline, ...column } of columns) {
      ok(baseline !== undefined)
      for (const { lossNats } of [...fitQuality({ ...column, baseline }), ...fitQuality(column)])
        ok(Number.isFinite(lossNats) && lossNats >= 0)
    }
    equal(fitQuality(columns[0]).length, 4)
  })
})
