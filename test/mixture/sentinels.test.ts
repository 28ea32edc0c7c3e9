import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { columnModel } from '../../src/mixture/column-model.ts'
import { fitMixture } from '../../src/mixture/fit-mixture.ts'
import { Normalizer } from '../../src/mixture/normalizer.ts'
import { column, shapes } from './synthetic-columns.ts'

const rows = 20_000
const bulk = column(shapes.uniform, rows, 3).map((u) => 50 + 10 * u)
/** The bulk, with a value in the place of every `every`-th row. */
const withValue = (value: number, every = 20) => bulk.map((x, i) => (i % every === 0 ? value : x))
const floatMax = Math.fround(3.4028234663852886e38)
const modelled = [9.969209968386869e36, floatMax, -floatMax, 1e30, 1e20, -1e15]
const beyond = [Number.MAX_VALUE, -Number.MAX_VALUE, 1e308, -1.79e308, 1e300]

function roundTrip(values: Float64Array) {
  const mixture = fitMixture(values)
  const model = columnModel(mixture)
  const normalizer = new Normalizer(model)
  const [normalized, restored, modes] = [new Float64Array(rows), new Float64Array(rows), new Uint8Array(rows)]
  const failed = normalizer.normalize(values, normalized, modes)
  // Of what has failed there is nothing to restore, and restore refuses it unless it is told not to look.
  new Normalizer(model, { checks: false }).restore(normalized, modes, restored)
  return { mixture, model, normalized, restored, modes, failed }
}

suite('sentinels in a fitted column', () => {
  for (const value of modelled)
    test(`${value} is a mode of its own, and the others keep their modes and their digits`, () => {
      const values = withValue(value)
      const { mixture, model, normalized, restored, failed } = roundTrip(values)
      deepEqual(mixture.facts.sentinels, [{ value, std: 0, rows: rows / 20, isModelled: true }])
      ok(model.mean.includes(value))
      ok(Math.abs(model.weight.reduce((a, b) => a + b) - 1) < 0.05)
      equal(failed, 0)
      for (const [i, x] of values.entries()) {
        if (x === value) equal(normalized[i], 0)
        ok(x === value ? restored[i] === x : Math.abs(restored[i] - x) <= 4 * 2 ** -52 * 60, `${x}: ${restored[i]}`)
        ok(x === value || Math.abs(normalized[i]) < 5)
      }
    })

  for (const value of beyond)
    test(`${value} is left out of the mixture, which is that of the other rows`, () => {
      const { mixture, model } = roundTrip(withValue(value))
      deepEqual(mixture.facts.sentinels, [{ value, std: 0, rows: rows / 20, isModelled: false }])
      equal(value > 0 ? model.max : model.min, value)
      ok(model.mean.every((mean) => mean > 30 && mean < 70))
    })

  test('both signs at once, and more rows than all others together, are sentinels too', () => {
    const both = bulk.map((x, i) => (i % 20 === 0 ? Number.MAX_VALUE : i % 20 === 1 ? -Number.MAX_VALUE : x))
    deepEqual(
      fitMixture(both).facts.sentinels.map(({ value }) => value),
      [-Number.MAX_VALUE, Number.MAX_VALUE],
    )
    const most = bulk.map((x, i) => (i % 5 < 3 ? 9.97e36 : x))
    deepEqual(
      fitMixture(most).facts.sentinels.map(({ rows: held }) => held),
      [(rows * 3) / 5],
    )
  })

  test('zeros beside DBL_MAX are a column of zeros', () => {
    const { model } = roundTrip(Float64Array.from({ length: rows }, (_, i) => (i % 9 === 0 ? Number.MAX_VALUE : 0)))
    deepEqual(model.mean, [0])
  })

  test('tails, large units, counts and two values are none', () => {
    const pareto = Float64Array.from({ length: rows }, (_, i) => (1 - (i + 0.5) / rows) ** -2.5)
    for (const values of [
      bulk,
      pareto,
      bulk.map((x) => 1e200 * x),
      bulk.map((x) => 1e-200 * x),
      bulk.map((x) => 1.7e18 + 1e9 * Math.round(x)),
      Float64Array.from({ length: rows }, (_, i) => i % 2),
      withValue(-9_999),
      withValue(2 ** 31 - 1),
      // Both are data: many values, and far from the others.
      bulk.map((x, i) => (i % 2 === 0 ? x : 1e15 * x)),
    ])
      deepEqual(fitMixture(values).facts.sentinels, [])
  })
})

suite('means of modes that are moved onto a value', () => {
  const normals = column(shapes.lognormal, rows, 5)

  test('the mode of an atom has it as its mean, bit for bit', () => {
    for (const [atom, values] of [
      [0, normals.map((x, i) => (i % 3 === 0 ? 0 : 300 * x))],
      [0, normals.map((x, i) => (i % 3 === 0 ? 0 : Math.floor(300 * x) + 20))],
      [12.34, normals.map((x, i) => (i % 4 === 0 ? 12.34 : 1_000 * x))],
      [-1, normals.map((x, i) => (i % 10 === 0 ? -1 : 1e6 * x))],
    ] as const) {
      const { model, normalized, restored } = roundTrip(Float64Array.from(values))
      ok(model.mean.includes(atom), `${atom}: ${model.mean}`)
      for (const [i, x] of values.entries()) if (x === atom) deepEqual([normalized[i], restored[i]], [0, atom])
    }
  })

  test('zeros and ones, and few values far from each other, are their own means', () => {
    for (const few of [
      [0, 1],
      [0, 1, 5],
      [-1, 0, 1],
      [0.1, 0.7],
      [0, 100, 2_500],
    ]) {
      const { model } = roundTrip(Float64Array.from({ length: rows }, (_, i) => few[i % few.length]))
      deepEqual(model.mean, few)
    }
  })
})
