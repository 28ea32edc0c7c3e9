import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { columnModel } from '../../src/mixture/column-model.ts'
import { ColumnSummary } from '../../src/mixture/column-summary.ts'
import { ColumnSpanError, EmptyColumnError, FitOptionError, NonFiniteValueError } from '../../src/mixture/errors.ts'
import { fitMixture } from '../../src/mixture/fit-mixture.ts'
import type { FitOptions } from '../../src/mixture/fit-options.ts'
import { fitSummary } from '../../src/mixture/fit-summary.ts'
import type { Mixture } from '../../src/mixture/mixture.ts'
import { Normalizer } from '../../src/mixture/normalizer.ts'
import { column, shapes } from './synthetic-columns.ts'

/** Mean of ln sum_k w_k N(x; m_k, s_k), in nats a row. */
function logLikelihood({ weights, means, stds }: Mixture, values: Float64Array): number {
  let total = 0
  for (const x of values) {
    let density = 0
    for (let k = 0; k < means.length; k++) {
      density += (weights[k] / stds[k]) * Math.exp(-0.5 * ((x - means[k]) / stds[k]) ** 2)
    }
    total += Math.log(density / Math.sqrt(2 * Math.PI))
  }
  return total / values.length
}

suite('recipe scaled', () => {
  for (const [shape, rows] of [
    ['lognormal', 20_000],
    ['zeroSpike', 20_000],
    ['tenModes', 20_000],
  ] as const) {
    test(`explains rows it has not seen at least as well as recipe sklearn: ${shape}`, () => {
      const values = column(shapes[shape], rows, 1)
      const unseen = column(shapes[shape], 100_000, 2)
      const sklearn = logLikelihood(fitMixture(values, { recipe: 'sklearn' }), unseen)
      const scaled = logLikelihood(fitMixture(values), unseen)
      // Ten modes far apart have one answer: both find it, and differ by the bins' width.
      ok(scaled >= sklearn - 1e-4, `${scaled} < ${sklearn}`)
    })
  }

  test('weighing a sample to the size of its topic weakens the priors', () => {
    const summary = new ColumnSummary()
    summary.add(column(shapes.lognormal, 20_000, 1))
    const unseen = column(shapes.lognormal, 100_000, 2)
    const weighed = logLikelihood(fitSummary(summary, { totalRows: 1e9 }), unseen)
    ok(weighed > logLikelihood(fitSummary(summary), unseen) + 0.01)
  })

  test('all rows explain unseen ones as well as a sample of them does, or better', () => {
    const unseen = column(shapes.lognormal, 100_000, 2)
    const all = column(shapes.lognormal, 300_000, 1)
    const sampled = fitMixture(all.subarray(0, 15_000), { totalRows: all.length })
    const [whole, sample] = [fitMixture(all), sampled].map((mixture) => logLikelihood(mixture, unseen))
    ok(whole >= sample - 5e-4, `${whole} < ${sample}`)
  })

  test('gives a value that holds a large share of the rows a mode of its own', () => {
    const { weight, mean, std } = columnModel(fitMixture(column(shapes.zeroSpike, 20_000)))
    const zero = mean.findIndex((m) => Math.abs(m) < 0.5)
    ok(Math.abs(weight[zero] - 0.6) < 0.02 && std[zero] < 1)
    const prices = columnModel(fitMixture(column(shapes.twoPrices, 5000)))
    deepEqual(
      prices.mean.map((m) => Math.round(m * 100)),
      [99, 499],
    )
  })

  test('finds the same modes on every scale and at every offset', () => {
    const values = column(shapes.tenModes, 5000)
    const means = columnModel(fitMixture(values)).mean
    for (const [scale, offset] of [
      [1e-9, 0],
      [1e-200, 0],
      [1e100, 0],
      [1, 1e12],
      [-1, 0],
    ]) {
      const model = columnModel(fitMixture(values.map((x) => x * scale + offset)))
      const back = scale === 1e-200 ? [] : model.mean.map((m) => (m - offset) / scale).sort((a, b) => a - b)
      back.forEach((m, k) => {
        ok(Math.abs(m - means[k]) < 0.01, `${scale}, ${offset}: ${m} is not ${means[k]}`)
      })
    }
  })
})

suite('scaling and shifting a column', () => {
  const anyShape = fc.constantFrom(shapes.normal, shapes.uniform, shapes.lognormal, shapes.tenModes)

  test('scales the model, to the bit for powers of two', () => {
    fc.assert(
      fc.property(anyShape, fc.integer({ min: -8, max: 300 }), (shape, exponent) => {
        const values = column(shape, 1500)
        const scale = 2 ** exponent
        const plain = fitMixture(values, { regularization: 1e-6, maxIterations: 200 })
        const scaled = fitMixture(
          values.map((x) => x * scale),
          { regularization: 1e-6, maxIterations: 200 },
        )
        deepEqual(scaled.weights, plain.weights)
        deepEqual(
          scaled.means,
          plain.means.map((m) => m * scale),
        )
        deepEqual(
          scaled.stds,
          plain.stds.map((s) => s * scale),
        )
      }),
      { seed: 1, numRuns: 12 },
    )
  })

  test('shifts the model, to the rounding of the shifted values', () => {
    fc.assert(
      fc.property(anyShape, fc.integer({ min: -(2 ** 20), max: 2 ** 20 }), (shape, shift) => {
        const values = column(shape, 1500).map((x) => Math.round(x * 2 ** 20) / 2 ** 20)
        const fitted = (offset: number) => {
          const summary = new ColumnSummary(offset)
          summary.add(values.map((x) => x + offset))
          return fitSummary(summary, { regularization: 1e-6, maxIterations: 200 })
        }
        const plain = fitted(0)
        const shifted = fitted(shift)
        deepEqual(shifted.weights, plain.weights)
        shifted.means.forEach((m, k) => {
          ok(Math.abs(m - (plain.means[k] + shift)) <= 1e-9, `${m}, ${plain.means[k]} + ${shift}`)
        })
        deepEqual(shifted.stds, plain.stds)
      }),
      { seed: 1, numRuns: 12 },
    )
  })

  test('recipe sklearn shifts along as well', () => {
    const values = column(shapes.tenModes, 1500).map((x) => Math.round(x * 1024) / 1024)
    const initialLabels = values.map((x) => Math.min(9, Math.max(0, Math.round(x / 3))))
    const plain = fitMixture(values, { recipe: 'sklearn', initialLabels })
    const shifted = fitMixture(
      values.map((x) => x + 4096),
      { recipe: 'sklearn', initialLabels },
    )
    equal(shifted.iterations, plain.iterations)
    shifted.means.forEach((m, k) => {
      ok(Math.abs(m - 4096 - plain.means[k]) < 1e-6 && Math.abs(shifted.stds[k] / plain.stds[k] - 1) < 1e-6)
    })
  })
})

suite('the floor of sigma', () => {
  test('keeps a mode on one integer inside of its interval, however wide the column', () => {
    const { mean, std } = columnModel(fitMixture(column(shapes.zeroSpike, 20_000)))
    const zero = mean.findIndex((m) => Math.abs(m) < 0.01)
    ok(std[zero] > 0.1 && std[zero] < 0.2, `${std[zero]}`)
  })

  test('takes no resolution from doubles that have few decimals because they are large', () => {
    const draw = column(shapes.tenModes, 5000)
    const [near, far] = [0, 2 ** 40].map((offset) => columnModel(fitMixture(draw.map((x) => x + offset))))
    near.std.forEach((s, k) => {
      ok(Math.abs(far.std[k] / s - 1) < 0.01)
    })
  })
})

suite('fitMixture', () => {
  const columns: Record<string, Float64Array> = {
    'one row': Float64Array.of(3),
    'two rows': Float64Array.of(3, 4),
    'fewer rows than components': Float64Array.of(1, 1, 2, 9, 30),
    'a constant': new Float64Array(100).fill(7.25),
    'a constant zero': new Float64Array(100),
    'a constant and one other': Float64Array.from({ length: 100 }, (_, i) => (i === 50 ? 8 : 7)),
    'values around 1e-9': column(shapes.tenModes, 500).map((x) => x * 1e-9),
    'values around 1e300': column(shapes.normal, 500).map((x) => x * 1e300),
    'values around 1e-300': column(shapes.normal, 500).map((x) => x * 1e-300),
    'the ends of the doubles': Float64Array.of(1e307, -1e307, Number.MIN_VALUE, 0, -0),
    'the smallest doubles': Float64Array.of(0, Number.MIN_VALUE, 2 * Number.MIN_VALUE),
    'a constant far out': new Float64Array(100).fill(-1e308),
    timestamps: column(shapes.timestamps, 500),
    'adjacent doubles': Float64Array.of(1, 1 + Number.EPSILON, 1 + 2 * Number.EPSILON, 1),
    'one far outlier': Float64Array.from({ length: 500 }, (_, i) => (i === 0 ? 1e200 : i)),
  }
  for (const [name, values] of Object.entries(columns)) {
    for (const recipe of ['scaled', 'sklearn'] as const) {
      test(`gives a model without NaN, and values that restore: ${name}, ${recipe}`, () => {
        const mixture = fitMixture(values, { recipe })
        for (const [field, numbers] of Object.entries(mixture)) {
          if (numbers instanceof Float64Array) ok(!numbers.some(Number.isNaN), `${field}: ${numbers}`)
        }
        ok(!mixture.lowerBounds.some(Number.isNaN))
        const model = columnModel(mixture)
        const { weight, mean, std, offset, precision } = model
        ok([...weight, ...mean, ...offset, ...precision].every(Number.isFinite), JSON.stringify(model))
        ok(
          std.every((s) => s > 0 && s < Infinity),
          JSON.stringify(std),
        )
        const out = new Float64Array(values.length)
        const modes = new Uint8Array(values.length)
        const normalizer = new Normalizer(model)
        normalizer.normalize(values, out, modes)
        ok(out.every(Number.isFinite), `${out}`)
        ok(!mixture.responsibilities(values).some(Number.isNaN))
      })
    }
  }

  test('never gives NaN, whatever the values and weights', () => {
    const wild = fc.double({ noNaN: true, noDefaultInfinity: true })
    const weighted = fc.array(fc.tuple(wild, fc.double({ min: 0, max: 1e9, noNaN: true })), {
      minLength: 1,
      maxLength: 30,
    })
    fc.assert(
      fc.property(weighted, fc.constantFrom('sklearn', 'scaled'), (rows, recipe) => {
        const weights = Float64Array.from(rows, ([, weight]) => weight)
        const values = Float64Array.from(rows, ([value]) => value)
        fc.pre(Math.max(...values) - Math.min(...values) <= 1e308)
        fc.pre(weights.reduce((sum, w) => sum + w, 0) >= (recipe === 'scaled' ? 1e-100 : 2))
        const { mean, std, offset, precision } = columnModel(fitMixture(values, { recipe, weights, maxIterations: 30 }))
        ok([...mean, ...offset, ...precision].every(Number.isFinite), `${mean}; ${offset}; ${precision}`)
        ok(
          std.every((s) => s > 0 && s < Infinity),
          `${std}`,
        )
      }),
      { seed: 1, numRuns: 300 },
    )
  })

  test('the same values and options give the same mixture, bit for bit', () => {
    const values = column(shapes.lognormal, 2000)
    for (const options of [{}, { recipe: 'sklearn', seed: 5 }] satisfies FitOptions[]) {
      deepEqual(columnModel(fitMixture(values, options)), columnModel(fitMixture(values, options)))
    }
  })

  test('a weight of 3 is the same as three rows', () => {
    const values = column(shapes.tenModes, 600)
    const weights = Float64Array.from(values, (_, i) => (i % 2 === 0 ? 3 : 1))
    const repeated = Float64Array.from([...values].flatMap((x, i) => new Array<number>(weights[i]).fill(x)))
    for (const recipe of ['scaled', 'sklearn'] as const) {
      const labels = (xs: Float64Array) =>
        recipe === 'sklearn' ? { initialLabels: xs.map((x) => (x > 13 ? 1 : 0)) } : {}
      const a = fitMixture(values, { recipe, weights, ...labels(values) })
      const b = fitMixture(repeated, { recipe, ...labels(repeated) })
      equal(a.facts.rows, b.facts.rows)
      a.means.forEach((mean, k) => {
        ok(Math.abs(mean - b.means[k]) < 1e-6)
      })
    }
  })

  test('a weight of 0, or next to it, is as if the row were not there', () => {
    const shapesOf = [
      [Float64Array.of(1, 1.0001, 5, 6, 7), Float64Array.of(0, 0, 1, 1, 2)],
      [Float64Array.of(-9, 5), Float64Array.of(0, 3)],
      [Float64Array.of(0, 5, 5, 5), Float64Array.of(1e-320, 1, 1, 1)],
    ] as const
    for (const [values, weights] of shapesOf)
      for (const recipe of ['scaled', 'sklearn'] as const) {
        const labels = (xs: Float64Array) =>
          recipe === 'sklearn' ? { initialLabels: xs.map((x) => (x > 5 ? 1 : 0)) } : {}
        const [kept, keptWeights] = [values, weights].map((xs) => xs.filter((_, i) => weights[i] >= 1))
        const expected = fitMixture(kept, { recipe, weights: keptWeights, ...labels(kept) })
        deepEqual(columnModel(fitMixture(values, { recipe, weights, ...labels(values) })), columnModel(expected))
      }
  })

  test('weights may be shares that sum to 1, of totalRows or of a single row', () => {
    const values = column(shapes.tenModes, 600)
    const weights = new Float64Array(values.length).fill(1 / 512)
    const expected = fitMixture(values).means
    fitMixture(values, { weights, totalRows: 600 }).means.forEach((mean, k) => {
      ok(Math.abs(mean - expected[k]) < 1e-6)
    })
    const few = fitMixture(values, { weights: weights.map((w) => w / 2) })
    ok(few.stds.some((std) => std > 1) && Math.abs(few.means[0] - 13.5) < 5, `${few.means}; ${few.stds}`)
    const refused = { code: 'VGM_FIT_OPTION', message: /sum to 0.58/, fix: /2 or more in all/ }
    throws(() => fitMixture(values, { recipe: 'sklearn', weights: weights.map((w) => w / 2) }), refused)
  })

  test('refuses what it cannot fit, and says what to do', () => {
    const values = Float64Array.of(1, 2, 3)
    throws(() => fitMixture(new Float64Array(0)), EmptyColumnError)
    throws(() => fitMixture(values, { weights: new Float64Array(3) }), EmptyColumnError)
    throws(() => fitMixture(Float64Array.of(1, Number.NaN)), NonFiniteValueError)
    throws(() => fitMixture(Float64Array.of(1, -Infinity), { recipe: 'sklearn' }), NonFiniteValueError)
    for (const recipe of ['sklearn', 'scaled'] as const) {
      throws(() => fitMixture(Float64Array.of(-6e307, 6e307), { recipe }), ColumnSpanError)
      ok(fitMixture(Float64Array.of(-4e307, 1, 4e307), { recipe }).means.every(Number.isFinite))
    }
    throws(() => fitMixture(Float64Array.of(-1.7e308, 0, 1.7e308), { recipe: 'sklearn' }), ColumnSpanError)
  })
})

suite('options of a fit', () => {
  const values = Float64Array.of(1, 2, 3)
  const labels = [0, 0, 0]
  const outOfRange: FitOptions[] = [
    { recipe: 'sclaed' as 'scaled' },
    { components: 0 },
    { components: 256 },
    { components: 2.5 },
    { components: Number.NaN },
    { weightConcentrationPrior: 0 },
    { weightConcentrationPrior: -1 },
    { weightConcentrationPrior: Infinity },
    { weightConcentrationPrior: 1e308 },
    { tolerance: -1 },
    { tolerance: Number.NaN },
    { tolerance: Infinity },
    { maxIterations: 0 },
    { maxIterations: Infinity },
    { maxIterations: 2 ** 31 },
    { regularization: -1 },
    { regularization: Number.NaN },
    { regularization: 1e308 },
    { totalRows: 0 },
    { totalRows: Number.NaN },
    { totalRows: 1e308 },
    { weights: Float64Array.of(1, 2) },
    { weights: Float64Array.of(1, 2, -1) },
    { weights: Float64Array.of(1, 2, Number.NaN) },
    { weights: new Float64Array(3).fill(1e308) },
    { weights: new Float64Array(3).fill(1e-300), totalRows: 1e100 },
    { recipe: 'sklearn', starts: 0 },
    { recipe: 'sklearn', starts: 101 },
    { recipe: 'sklearn', seed: -1 },
    { recipe: 'sklearn', seed: 0.5 },
    { recipe: 'sklearn', seed: 2 ** 32 },
    { recipe: 'sklearn', initialLabels: [0, 0] },
    { recipe: 'sklearn', initialLabels: [0, 0, 3] },
    { recipe: 'sklearn', initialLabels: [0, 0, -1] },
  ]
  for (const options of outOfRange) {
    test(`out of range: ${inspect(options)}`, () => {
      throws(() => fitMixture(values, options), FitOptionError)
    })
  }

  const pairs: [FitOptions, RegExp, RegExp][] = [
    [{ seed: 0 }, /seed excludes recipe "scaled"/, /Add recipe: "sklearn", or drop seed/],
    [{ recipe: 'scaled', starts: 5 }, /starts excludes recipe "scaled"/, /Add recipe: "sklearn"/],
    [{ initialLabels: labels }, /initialLabels excludes recipe "scaled"/, /Add recipe: "sklearn"/],
    [{ recipe: 'sklearn', totalRows: 9 }, /totalRows excludes recipe "sklearn"/, /Add recipe: "scaled"/],
    [{ recipe: 'sklearn', initialLabels: labels, seed: 1 }, /initialLabels exclude seed/, /Drop seed/],
    [{ recipe: 'sklearn', initialLabels: labels, starts: 2 }, /initialLabels exclude starts/, /Drop starts/],
  ]
  for (const [options, message, fix] of pairs) {
    test(`a pair that means nothing: ${inspect(options)}`, () => {
      throws(() => fitMixture(values, options), { code: 'VGM_FIT_OPTION', exitCode: 2, message, fix })
    })
  }

  test('undefined is as if an option were not there', () => {
    const none = { seed: undefined, starts: undefined, initialLabels: undefined } as unknown as FitOptions
    deepEqual(fitMixture(values, none).means, fitMixture(values).means)
  })
})
