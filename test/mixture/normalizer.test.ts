import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { type ColumnModel, columnModel, type NumericType } from '../../src/mixture/column-model.ts'
import { FitOptionError } from '../../src/mixture/errors.ts'
import { fitMixture } from '../../src/mixture/fit-mixture.ts'
import { likeliestMode, Normalizer } from '../../src/mixture/normalizer.ts'
import { column, shapes } from './synthetic-columns.ts'

interface Mode {
  readonly weight: number
  readonly mean: number
  readonly std: number
}

/** A column model of any modes. */
function modelOf(modes: readonly Mode[], type: NumericType = 'double'): ColumnModel {
  const sorted = [...modes].sort((a, b) => a.mean - b.mean)
  return {
    name: 'x',
    type,
    nullable: false,
    rows: 1,
    nulls: 0,
    min: 0,
    max: 0,
    decimals: 15,
    weight: sorted.map((mode) => mode.weight),
    mean: sorted.map((mode) => mode.mean),
    std: sorted.map((mode) => mode.std),
    offset: sorted.map((mode) => Math.log(mode.weight / mode.std)),
    precision: sorted.map((mode) => 1 / mode.std / mode.std),
    lowerBound: 0,
    iterations: 0,
    converged: true,
    histogram: { edges: [], counts: [] },
  }
}

/** Numbers that no division by a std takes below the normal doubles. */
function withoutUnderflow(numbers: fc.Arbitrary<number>): fc.Arbitrary<number> {
  return numbers.map((x) => (Math.abs(x) < 1e-280 ? 0 : x))
}

/** Means and widths over twelve orders of magnitude, equal ones, far offsets: harder than what a fit gives. */
const anyMode: fc.Arbitrary<Mode> = fc.record({
  weight: fc.constantFrom(0.005, 0.1, 0.5),
  mean: fc.oneof(
    withoutUnderflow(fc.double({ min: -10, max: 10, noNaN: true })),
    fc
      .tuple(fc.integer({ min: -6, max: 6 }), withoutUnderflow(fc.double({ min: -1, max: 1, noNaN: true })))
      .map(([e, m]) => m * 10 ** e),
    fc.constantFrom(0, 5, 1.7e12),
  ),
  std: fc.tuple(fc.integer({ min: -6, max: 6 }), fc.constantFrom(1, 1.0000001, 2, 5)).map(([e, m]) => m * 10 ** e),
})
const anyModel = fc.array(anyMode, { minLength: 1, maxLength: 12 }).map((modes) => modelOf(modes))

/** Where the scores of two modes cross. */
function roots({ offset, mean, precision }: ColumnModel): number[] {
  return mean.flatMap((m, i) =>
    mean.slice(0, i).flatMap((n, j) => {
      const a = (precision[j] - precision[i]) / 2
      const shift = n - m
      const b = -precision[j] * shift
      const c = offset[i] - offset[j] + (precision[j] / 2) * shift * shift
      const root = Math.sqrt(b * b - 4 * a * c)
      return [(-b + root) / (2 * a), (-b - root) / (2 * a), -c / b].map((x) => x + m).filter(Number.isFinite)
    }),
  )
}

/** The double `steps` ulp away from x. */
function stepped(x: number, steps: number): number {
  const double = Float64Array.of(x)
  const bits = new BigInt64Array(double.buffer)
  bits[0] += BigInt(steps)
  return Number.isFinite(double[0]) ? double[0] : x
}

/** The 100 ulps on both sides. */
const around = (x: number) => Array.from({ length: 201 }, (_, i) => stepped(x, i - 100))

/** Where the definition itself changes its mode, found by bisection between points 0.1 std apart. */
function flips(model: ColumnModel): number[] {
  const places = model.mean
    .flatMap((m, k) => Array.from({ length: 161 }, (_, i) => m + (i / 10 - 8) * model.std[k]))
    .sort((a, b) => a - b)
  return places.slice(1).flatMap((place, i) => {
    let low = places[i]
    let high = place
    if (likeliestMode(model, low) === likeliestMode(model, high)) return []
    for (let middle = low / 2 + high / 2; middle > low && middle < high; middle = low / 2 + high / 2) {
      if (likeliestMode(model, middle) === likeliestMode(model, low)) low = middle
      else high = middle
    }
    return [low]
  })
}

function sameAsDefinition(model: ColumnModel, values: Float64Array): void {
  for (const tabulates of [true, false]) {
    const out = new Float64Array(values.length)
    const modes = new Uint8Array(values.length)
    let failed = new Normalizer(model, { tabulates }).normalize(values, out, modes)
    for (let i = 0; i < values.length; i++) {
      const x = values[i]
      const mode = likeliestMode(model, x)
      const scale = 4 * model.std[mode]
      const ratio = (x - model.mean[mode]) / scale
      const value = Number.isFinite(ratio * scale + model.mean[mode]) ? ratio : Number.NaN
      if (Number.isNaN(value)) failed--
      // node:assert takes longer than all the rest, so it is asked for the message only.
      if (modes[i] !== mode || !Object.is(out[i], value)) deepEqual([modes[i], out[i]], [mode, value], `x = ${x}`)
    }
    equal(failed, 0)
  }
}

const ulp = (x: number) => Math.max(Math.abs(x) * Number.EPSILON, Number.MIN_VALUE)

suite('normalizer', () => {
  test('gives a million values their likeliest mode: anywhere, within 100 ulp of boundaries, far outside', () => {
    let points = 0
    fc.assert(
      fc.property(anyModel, fc.nat(), (model, seed) => {
        const places = column(shapes.uniform, 10_000, seed).map((u) => (u + 1) / 2)
        const low = Math.min(...model.mean.map((m, k) => m - 10 * model.std[k]))
        const high = Math.max(...model.mean.map((m, k) => m + 10 * model.std[k]))
        const boundaries = [...roots(model), ...flips(model)].flatMap(around)
        const near = model.mean.flatMap((m, k) => [...places.slice(0, 20)].map((p) => m + (20 * p - 10) * model.std[k]))
        const far = [-1e300, 1e300, -1e160, 1e160, 100 * low, 100 * high, low, high, Number.MAX_VALUE, 0]
        const values = [...places.map((p) => low + p * (high - low)), ...near, ...boundaries, ...far]
        sameAsDefinition(model, Float64Array.from(values))
        points += values.length
      }),
      { seed: 1, numRuns: 50 },
    )
    ok(points >= 1e6, `${points}`)
  })

  for (const [shape, draw] of Object.entries(shapes)) {
    test(`gives every row its likeliest mode under a fitted model: ${shape}`, () => {
      const values = column(draw, 5000)
      const model = columnModel(fitMixture(values, { maxIterations: 100 }))
      const boundaries = [...roots(model), ...flips(model)].flatMap(around)
      sameAsDefinition(model, Float64Array.from([...values, ...boundaries]))
    })
  }

  test('more modes than a byte halves can be told apart', () => {
    const modes = Array.from({ length: 255 }, (_, k) => ({ weight: 1 / 255, mean: k, std: 0.2 }))
    sameAsDefinition(
      modelOf(modes),
      Float64Array.from({ length: 2000 }, (_, i) => i / 8 + 0.01),
    )
  })

  test('restore undoes normalize within 4 ulp of the larger of value and mean', () => {
    const places = fc.array(withoutUnderflow(fc.double({ min: -1e7, max: 1e7, noNaN: true })), { minLength: 50 })
    fc.assert(
      fc.property(anyModel, places, (model, xs) => {
        const values = Float64Array.from(xs)
        const out = new Float64Array(values.length)
        const modes = new Uint8Array(values.length)
        const normalizer = new Normalizer(model)
        normalizer.normalize(values, out, modes)
        const restored = new Float64Array(values.length)
        normalizer.restore(out, modes, restored)
        for (let i = 0; i < values.length; i++) {
          const allowed = 4 * ulp(Math.max(Math.abs(values[i]), Math.abs(model.mean[modes[i]])))
          ok(Math.abs(restored[i] - values[i]) <= allowed, `${values[i]} came back as ${restored[i]}`)
        }
      }),
      { seed: 1, numRuns: 80 },
    )
  })

  test('restore undoes normalize for modes from 1e-140 to 1e140 wide', () => {
    const wide = fc.record({
      weight: fc.constantFrom(0.005, 0.5),
      mean: fc
        .tuple(fc.integer({ min: -120, max: 139 }), fc.double({ min: -1, max: 1, noNaN: true }))
        .map(([e, m]) => (Math.abs(m) < 1e-9 ? 0 : m * 10 ** e)),
      std: fc
        .tuple(fc.integer({ min: -140, max: 139 }), fc.double({ min: 1, max: 10, noNaN: true }))
        .map(([e, m]) => m * 10 ** e),
    })
    const places = fc.array(fc.double({ min: -30, max: 30, noNaN: true }), { minLength: 20, maxLength: 40 })
    fc.assert(
      fc.property(fc.array(wide, { minLength: 1, maxLength: 6 }), places, (someModes, zs) => {
        const model = modelOf(someModes)
        const values = Float64Array.from(model.mean.flatMap((m, k) => zs.map((z) => m + z * model.std[k])))
        const normalizer = new Normalizer(model)
        const out = new Float64Array(values.length)
        const chosen = new Uint8Array(values.length)
        normalizer.normalize(values, out, chosen)
        ok(out.every(Number.isFinite))
        const restored = new Float64Array(values.length)
        normalizer.restore(out, chosen, restored)
        values.forEach((x, i) => {
          const allowed = 4 * ulp(Math.max(Math.abs(x), Math.abs(model.mean[chosen[i]])))
          // Quotients below the normal doubles lose digits: that is 1e-290 std.
          const underflow = 1e-290 * model.std[chosen[i]]
          ok(
            Math.abs(restored[i] - x) <= Math.max(allowed, underflow),
            `${x} came back as ${restored[i]}, mode ${chosen[i]}`,
          )
        })
      }),
      { seed: 1, numRuns: 300 },
    )
  })

  test('integers below 2^49 come back exactly, and never as -0', () => {
    const integers = fc.array(
      fc.maxSafeInteger().map((x) => Math.trunc(x / 16)),
      { minLength: 50 },
    )
    const modes = fc.array(fc.record({ ...integerMode() }), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(modes, integers, fc.constantFrom<NumericType>('int', 'long'), (someModes, xs, type) => {
        const values = Float64Array.from([...xs, 0, 1, -1])
        const normalizer = new Normalizer(modelOf(someModes, type))
        const out = new Float64Array(values.length)
        const chosen = new Uint8Array(values.length)
        normalizer.normalize(values, out, chosen)
        normalizer.restore(out, chosen, out)
        values.forEach((x, i) => {
          ok(Object.is(out[i], x + 0), `${x} came back as ${out[i]}`)
        })
      }),
      { seed: 1, numRuns: 60 },
    )
  })

  test('the normalizer restores floats exactly', () => {
    const values = column(shapes.lognormal, 2000).map(Math.fround)
    const normalizer = new Normalizer(columnModel(fitMixture(values, { maxIterations: 50 }), { type: 'float' }))
    const out = new Float64Array(values.length)
    const modes = new Uint8Array(values.length)
    normalizer.normalize(values, out, modes)
    normalizer.restore(out, modes, out)
    values.forEach((x, i) => {
      equal(out[i], x)
    })
  })

  test('the normalizer clips on request only', () => {
    const model = modelOf([{ weight: 1, mean: 0, std: 1 }])
    const out = new Float64Array(2)
    new Normalizer(model).normalize(Float64Array.of(-40, 2), out, new Uint8Array(2))
    equal(out[0], -10)
    new Normalizer(model, { clip: 0.99 }).normalize(Float64Array.of(-40, 2), out, new Uint8Array(2))
    equal(out[0], -0.99)
    equal(out[1], 0.5)
    throws(() => new Normalizer(model, { clip: 0 }), FitOptionError)
  })
})

function integerMode() {
  return {
    weight: fc.constantFrom(0.1, 0.5),
    mean: fc.double({ min: -(2 ** 48), max: 2 ** 48, noNaN: true }),
    std: fc.constantFrom(0.5, 1e3, 1e9, 1e14),
  }
}
