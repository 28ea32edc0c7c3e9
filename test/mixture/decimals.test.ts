import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { type ColumnModel, columnModel, type NumericType } from '../../src/mixture/column-model.ts'
import { decimalsOf, roundableDecimals } from '../../src/mixture/decimals.ts'
import { fitMixture } from '../../src/mixture/fit-mixture.ts'
import { Normalizer } from '../../src/mixture/normalizer.ts'
import { column, shapes } from './synthetic-columns.ts'

/** The double nearest to units / 10^decimals, by the parser of numbers and no arithmetic. */
function decimal(units: number, decimals: number): number {
  return Number(`${units}e-${decimals}`)
}

/** A model of modes at these means, rounded to so many decimals. */
function rounded(mean: readonly number[], std: number, roundTo: number, type: NumericType = 'double'): ColumnModel {
  const sorted = mean.toSorted((a, b) => a - b)
  return {
    ...columnModel(fitMixture(Float64Array.of(1, 2, 3)), { type }),
    roundTo,
    weight: sorted.map(() => 1 / mean.length),
    mean: sorted,
    std: sorted.map(() => std),
    offset: sorted.map(() => -Math.log(std)),
    precision: sorted.map(() => 1 / std / std),
  }
}

function roundTrip(model: ColumnModel, values: Float64Array): Float64Array {
  const out = new Float64Array(values.length)
  const modes = new Uint8Array(values.length)
  const normalizer = new Normalizer(model)
  normalizer.normalize(values, out, modes)
  normalizer.restore(out, modes, out)
  return out
}

function assertSame(restored: Float64Array, values: Float64Array): void {
  values.forEach((x, i) => {
    ok(Object.is(restored[i], x + 0), `${x} came back as ${restored[i]}`)
  })
}

const decimals = fc.integer({ min: 0, max: 6 })
/** Sizes of money from cents to 2^48 units, either sign. */
const units = fc
  .tuple(fc.integer({ min: 1, max: 48 }), fc.double({ min: -1, max: 1, noNaN: true }))
  .map(([bits, share]) => Math.trunc(share * (2 ** bits - 1)))
/** As shares of 2^48 units: means where the error of a round trip is largest, and near to 0. */
const meanShares = fc.array(
  fc.oneof(
    fc.double({ min: -0.999999, max: 0.999999, noNaN: true }),
    fc.double({ min: -1e-9, max: 1e-9, noNaN: true }),
    fc.constantFrom(0.999999, -0.999999, 0.5, 0),
  ),
  { minLength: 1, maxLength: 5 },
)
const stds = fc.constantFrom(1e-4, 0.0125, 1, 77.7, 1e9)

suite('decimals of restored values', () => {
  test('of a decimal fraction are those that it is written with', () => {
    fc.assert(
      fc.property(decimals, units, (d, n) => {
        const shortest = `${decimal(n, d)}`
        if (shortest.includes('e')) return
        equal(decimalsOf(decimal(n, d)), shortest.split('.')[1]?.length ?? 0)
      }),
      { seed: 1, numRuns: 1000 },
    )
  })

  test('are rounded to below 2^48 units of the last one only, and never 15 of them', () => {
    equal(roundableDecimals(2, 199.99), 2)
    equal(roundableDecimals(0, 2 ** 48 - 1), 0)
    equal(roundableDecimals(0, 2 ** 48), undefined)
    equal(roundableDecimals(2, 2.8e12), 2)
    equal(roundableDecimals(2, 2.9e12), undefined)
    equal(roundableDecimals(15, 0), undefined)
    equal(roundableDecimals(14, 1), 14)
  })
})

suite('values that are restored to the decimals of their column', () => {
  test('come back bit for bit if they have no more, whatever the modes', () => {
    fc.assert(
      fc.property(decimals, fc.array(units, { minLength: 50 }), meanShares, stds, (d, ns, shares, std) => {
        const values = Float64Array.from(ns, (n) => decimal(n, d))
        const mean = shares.map((share) => (share * 2 ** 48) / 10 ** d)
        assertSame(roundTrip(rounded(mean, std, d), values), values)
      }),
      { seed: 1, numRuns: 200 },
    )
  })

  test('come back within half a unit if they have more', () => {
    const any = fc.double({ min: -1e6, max: 1e6, noNaN: true })
    fc.assert(
      fc.property(
        decimals,
        fc.array(any, { minLength: 50 }),
        fc.array(any, { minLength: 1, maxLength: 5 }),
        (d, xs, mean) => {
          const values = Float64Array.from(xs)
          roundTrip(rounded(mean, 1, d), values).forEach((restored, i) => {
            equal(restored, Number(restored.toFixed(d)))
            ok(!Object.is(restored, -0))
            ok(Math.abs(restored - values[i]) <= 0.5 / 10 ** d + 2e-9, `${values[i]} came back as ${restored}`)
          })
        },
      ),
      { seed: 1, numRuns: 200 },
    )
  })

  test('are the nearest float in a column of floats', () => {
    fc.assert(
      fc.property(decimals, fc.array(fc.integer({ min: -1e7, max: 1e7 }), { minLength: 50 }), (d, ns) => {
        const values = Float64Array.from(ns, (n) => Math.fround(decimal(n, d)))
        // So far from the values that without rounding their last bits would be lost.
        assertSame(roundTrip(rounded([2 ** 47 / 10 ** d], 1, d, 'float'), values), values)
      }),
      { seed: 1, numRuns: 100 },
    )
  })

  test('are left as they are where doubles have no such decimals, and are never infinite', () => {
    const values = Float64Array.of(2 ** 52, -(2 ** 53), 1e22, -1e300, Number.MAX_VALUE)
    assertSame(roundTrip(rounded([0], 1, 2), values), values)
  })

  test('have no -0, neither one that went in nor one that rounding could make', () => {
    const model = rounded([0, 5], 1, 2)
    deepEqual([...roundTrip(model, Float64Array.of(-0, -0.004, 0.004, -0.05))], [0, 0, 0, -0.05])
  })

  test('are whole numbers if the column has none', () => {
    deepEqual([...roundTrip(rounded([30.3], 7.7, 0), Float64Array.of(18, 65, -1, 40.2))], [18, 65, -1, 40])
  })
})

/** Prices of three kinds of goods and refunds: a mode each. */
function prices(n: number): Float64Array {
  return column(
    (uniform) => {
      const kind = uniform()
      if (kind < 0.5) return decimal(Math.round(1234 + 300 * (uniform() - 0.5)), 2)
      if (kind < 0.8) return decimal(Math.round(19999 - 4000 * uniform() ** 2), 2)
      return kind < 0.95 ? decimal(-Math.round(5 + 2000 * uniform()), 2) : 0.01
    },
    n,
    3,
  )
}

suite('a fitted column of prices', () => {
  for (const recipe of ['scaled', 'sklearn'] as const) {
    test(`comes back bit for bit, from several modes: recipe ${recipe}`, () => {
      const values = prices(20_000)
      const mixture = fitMixture(values, { recipe, maxIterations: 60 })
      const model = columnModel(mixture, { roundToDecimals: true })
      deepEqual([model.decimals, model.roundTo], [2, 2])
      ok(model.mean.length >= 3)
      assertSame(roundTrip(model, values), values)
      const plain = roundTrip(columnModel(mixture), values)
      ok(
        values.some((x, i) => plain[i] !== x),
        'which it does not without rounding',
      )
    })
  }

  test('is rounded on request only', () => {
    const mixture = fitMixture(prices(1000))
    ok(!('roundTo' in columnModel(mixture)))
    ok(!('roundTo' in columnModel(mixture, { roundToDecimals: false })))
  })
})

suite('a column is not rounded', () => {
  const modelOf = (values: Float64Array, type: NumericType = 'double') =>
    columnModel(fitMixture(values, { maxIterations: 20 }), { type, roundToDecimals: true })

  for (const shape of ['normal', 'lognormal', 'studentT2'] as const)
    test(`that is continuous: ${shape}`, () => {
      ok(!('roundTo' in modelOf(column(shapes[shape], 500))))
    })

  test('whose doubles are as coarse as its decimals seem', () => {
    const far = column(shapes.normal, 500).map((x) => 1e12 + x)
    const model = modelOf(far)
    ok(model.decimals < 15, 'every double there is a fraction of few decimals')
    ok(!('roundTo' in model))
  })

  test('that is far from zero on one side only, or has a mean there', () => {
    const mixture = fitMixture(Float64Array.of(1.25, 2.5, 3), { components: 1 })
    for (const facts of [{ max: 2.9e12 }, { min: -2.9e12 }])
      ok(!('roundTo' in columnModel(mixture, { ...facts, roundToDecimals: true })))
    const means = mixture.means.map(() => 2.9e12)
    ok(!('roundTo' in columnModel({ ...mixture, means }, { roundToDecimals: true })))
    equal(columnModel(mixture, { roundToDecimals: true }).roundTo, 2)
  })

  test('whose type has no decimals; integers that are stored as doubles are', () => {
    const ages = column((uniform) => Math.floor(90 * uniform()), 500)
    for (const type of ['int', 'long'] as const) ok(!('roundTo' in modelOf(ages, type)))
    for (const type of ['double', 'float'] as const) equal(modelOf(ages, type).roundTo, 0)
  })
})
