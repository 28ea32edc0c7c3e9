import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { type ColumnModel, columnModel, type NumericType } from '../../src/mixture/column-model.ts'
import { ColumnSummary } from '../../src/mixture/column-summary.ts'
import { EmptyColumnError, NonFiniteValueError } from '../../src/mixture/errors.ts'
import { fitMixture } from '../../src/mixture/fit-mixture.ts'
import { fitSummary } from '../../src/mixture/fit-summary.ts'
import { Normalizer } from '../../src/mixture/normalizer.ts'
import { column, shapes } from './synthetic-columns.ts'

/** A column that people have, and what a model of it must show. */
interface Column {
  readonly name: string
  readonly type: NumericType
  readonly values: Float64Array
  /** of recipe `scaled` */
  readonly expect: (model: ColumnModel) => void
}

const fourTowns = column((u) => 30 * Math.floor(4 * u()) + 2 * shapes.normal(u), 4000)
const tenModes = column(shapes.tenModes, 5000)

/** One mode at each of the places, and no others. */
function modesAt(places: readonly number[], within: number): (model: ColumnModel) => void {
  return ({ mean }) => {
    equal(mean.length, places.length, `${mean}`)
    places.forEach((place, k) => {
      ok(Math.abs(mean[k] - place) <= within, `${mean[k]} is not at ${place}`)
    })
  }
}

const columns: readonly Column[] = [
  { name: 'integers', type: 'int', values: fourTowns.map(Math.round), expect: modesAt([0, 30, 60, 90], 0.5) },
  {
    name: 'float32',
    type: 'float',
    values: fourTowns.map((x) => Math.fround(x / 10)),
    expect: modesAt([0, 3, 6, 9], 0.05),
  },
  { name: 'a constant', type: 'double', values: new Float64Array(100).fill(7.25), expect: modesAt([7.25], 0) },
  { name: 'two values', type: 'double', values: column(shapes.twoPrices, 1000), expect: modesAt([0.99, 4.99], 0.01) },
  {
    name: '60 % zeros',
    type: 'long',
    values: column(shapes.zeroSpike, 5000),
    expect({ weight, mean, std }) {
      const zero = mean.findIndex((m) => Math.abs(m) < 0.5)
      ok(Math.abs(weight[zero] - 0.6) < 0.02 && std[zero] < 0.5, `${weight}; ${mean}; ${std}`)
      ok(mean.length > 1, 'the other values have modes as well')
    },
  },
  {
    name: 'heavy tails',
    type: 'double',
    // Cauchy: without a mean, and with values a million times as far out as the bulk.
    values: column((u) => Math.tan(Math.PI * (u() - 0.5)), 20_000),
    expect({ weight, mean, std }) {
      const bulk = weight.reduce((sum, w, k) => (Math.abs(mean[k]) < 30 && std[k] < 1000 ? sum + w : sum), 0)
      ok(bulk > 0.5, `${weight}; ${mean}; ${std}`)
    },
  },
  {
    name: 'timestamps in ms',
    type: 'long',
    values: column((u) => 1e12 + (u() < 0.5 ? 0 : 864e5) + Math.round(6e5 * shapes.normal(u)), 4000),
    expect: modesAt([1e12, 1e12 + 864e5], 1e5),
  },
  {
    name: 'a scale of 1e-9',
    type: 'double',
    values: tenModes.map((x) => x * 1e-9),
    expect: modesAt(
      Array.from({ length: 10 }, (_, k) => 3e-9 * k),
      2e-10,
    ),
  },
  {
    name: 'a scale of 1e300',
    type: 'double',
    values: tenModes.map((x) => x * 1e300),
    // Their quadratics are no doubles: one mode spans them.
    expect: modesAt([13.5e300], 1e300),
  },
  {
    name: 'fewer rows than components',
    type: 'double',
    values: Float64Array.of(1, 2, 9),
    expect({ mean, weight }) {
      ok(mean.every((m) => m >= 1 && m <= 9) && weight.length <= 10)
    },
  },
]

for (const { name, type, values, expect } of columns) {
  suite(`a column of ${name}`, () => {
    for (const recipe of ['scaled', 'sklearn'] as const) {
      test(`has a model of finite numbers, and comes back: ${recipe}`, () => {
        const model = columnModel(fitMixture(values, { recipe }), { type })
        const { weight, mean, std, offset, precision, min, max, lowerBound } = model
        for (const numbers of [weight, mean, std, offset, precision, [min, max, lowerBound]])
          ok(numbers.every(Number.isFinite), JSON.stringify(model))
        ok(std.every((s) => s > 0) && precision.every((p) => p >= 0) && weight.every((w) => w > 0))
        ok(weight.reduce((sum, w) => sum + w, 0) <= 1 + 1e-12)
        deepEqual(
          mean,
          [...mean].sort((a, b) => a - b),
        )
        comesBack(model, values)
      })
    }

    test('has the modes that it was made of', () => {
      expect(columnModel(fitMixture(values), { type }))
    })
  })
}

/** Integers and floats exactly, doubles within 4 ulp of the larger of value and mean. */
function comesBack(model: ColumnModel, values: Float64Array): void {
  const normalizer = new Normalizer(model)
  const out = new Float64Array(values.length)
  const modes = new Uint8Array(values.length)
  normalizer.normalize(values, out, modes)
  ok(out.every(Number.isFinite))
  normalizer.restore(out, modes, out)
  values.forEach((x, i) => {
    const ulp = Math.max(Math.abs(x), Math.abs(model.mean[modes[i]])) * Number.EPSILON
    ok(Math.abs(out[i] - x) <= (model.type === 'double' ? 4 * ulp : 0), `${x} came back as ${out[i]}`)
  })
}

suite('nulls of a fitted column', () => {
  test('are counted beside the values, which alone make the model', () => {
    const summaries = [0, 3000].map((nulls) => {
      const summary = new ColumnSummary()
      summary.add(fourTowns)
      summary.addNulls(nulls)
      return summary
    })
    const [none, some] = summaries.map((summary) => columnModel(fitSummary(summary)))
    deepEqual([some.nulls, some.rows], [3000, fourTowns.length])
    deepEqual(some, { ...none, nulls: 3000 })
  })

  test('a column of nulls alone cannot be fitted', () => {
    const summary = new ColumnSummary()
    summary.addNulls(10)
    throws(() => fitSummary(summary), EmptyColumnError)
  })
})

suite('NaN and infinities in a fitted column', () => {
  for (const bad of [Number.NaN, Infinity, -Infinity]) {
    test(`are refused before they reach a sum: ${bad}`, () => {
      const values = Float64Array.of(1, 2, bad, 3)
      for (const recipe of ['scaled', 'sklearn'] as const)
        throws(() => fitMixture(values, { recipe }), new NonFiniteValueError(bad, 2))
      const summary = new ColumnSummary()
      throws(() => summary.add(values), new NonFiniteValueError(bad, 2))
      deepEqual(summary.snapshot(), new ColumnSummary().snapshot())
    })
  }
})
