import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { columnModel } from '../../src/mixture/column-model.ts'
import { FitOptionError } from '../../src/mixture/errors.ts'
import { fitMixture } from '../../src/mixture/fit-mixture.ts'
import { column, shapes } from './synthetic-columns.ts'

suite('columnModel', () => {
  const values = column(shapes.lognormal, 5000)
  const mixture = fitMixture(values)

  test('holds the active modes only, ordered by mean', () => {
    const { weight, mean, std, offset, precision } = columnModel(mixture)
    ok(weight.every((w) => w >= 0.005))
    deepEqual(
      mean,
      [...mean].sort((a, b) => a - b),
    )
    equal(mean.length, mixture.weights.filter((w) => w >= 0.005).length)
    deepEqual([std.length, offset.length, precision.length], [mean.length, mean.length, mean.length])
  })

  test('keeps the heaviest mode even if none weighs enough', () => {
    deepEqual(columnModel(mixture, { minWeight: 0.999 }).weight, [Math.max(...mixture.weights)])
  })

  test('its quadratics are the scores of the E-step, in the unit of the column', () => {
    const { mean, offset, precision } = columnModel(mixture, { minWeight: 0 })
    const rows = values.subarray(0, 20)
    const shares = mixture.responsibilities(rows)
    const sticks = [...mixture.means.keys()].sort((a, b) => mixture.means[a] - mixture.means[b])
    rows.forEach((x, row) => {
      const scores = mean.map((m, k) => Math.exp(offset[k] - 0.5 * precision[k] * (x - m) ** 2))
      const sum = scores.reduce((a, b) => a + b, 0)
      scores.forEach((score, k) => {
        ok(Math.abs(score / sum - shares[row * mean.length + sticks[k]]) < 1e-9)
      })
    })
  })

  test('needs no options, takes what it is given, and survives JSON', () => {
    const model = columnModel(mixture)
    deepEqual([model.name, model.type, model.nullable, model.nulls], ['value', 'double', false, 0])
    deepEqual([model.rows, model.min, model.max], [5000, Math.min(...values), Math.max(...values)])
    deepEqual(JSON.parse(JSON.stringify(model)), model)
    const named = columnModel(mixture, {
      name: 'delay',
      type: 'int',
      nullable: true,
      rows: 9,
      nulls: 1,
      min: -5,
      max: 5,
      decimals: 0,
    })
    deepEqual([named.name, named.type, named.nullable], ['delay', 'int', true])
    deepEqual([named.rows, named.nulls, named.min, named.max, named.decimals], [9, 1, -5, 5, 0])
  })

  test('a column whose variances no double can hold gets one mode', () => {
    const model = columnModel(fitMixture(column(shapes.tenModes, 500).map((x) => x * 1e299)))
    equal(model.mean.length, 1)
    ok(model.mean[0] > 1e300 && model.std[0] > 1e299)
    for (let rows = 100; rows < 150; rows++) {
      const huge = fitMixture(
        column(shapes.tenModes, rows).map((x) => x * 1e299),
        { maxIterations: 5 },
      )
      const { weight } = columnModel(huge, { minWeight: 0 })
      ok(weight[0] <= 1 && weight[0] > 1 - 1e-12, `${weight}`)
    }
  })

  test('refuses a minWeight outside [0, 1)', () => {
    throws(() => columnModel(mixture, { minWeight: 1 }), FitOptionError)
    throws(() => columnModel(mixture, { minWeight: Number.NaN }), FitOptionError)
  })
})

suite('histogram of a column model', () => {
  for (const [shape, draw] of Object.entries(shapes)) {
    test(`its counts are those of the rows between its edges: ${shape}`, () => {
      const values = column(draw, 4000)
      const { edges, counts } = columnModel(fitMixture(values, { maxIterations: 1 })).histogram
      ok(counts.length <= 64 && edges.length === counts.length + 1)
      ok(edges.every((edge, i) => i === 0 || i === edges.length - 1 || edge > edges[i - 1]))
      const counted = new Array<number>(counts.length).fill(0)
      for (const x of values)
        counted[
          Math.max(
            0,
            edges.findLastIndex((edge, i) => i < counts.length && edge <= x),
          )
        ]++
      deepEqual(counts, counted)
    })
  }
})
