import { deepEqual, equal, ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { columnFigures, kolmogorovSmirnov, nullShift, stabilityIndex, wasserstein } from '../../src/drift/distances.ts'
import { driftBins } from '../../src/drift/drift-bins.ts'
import { lnFactorial } from '../../src/drift/ln-factorial.ts'
import { intervalMass, logDensity } from '../../src/drift/mixture-density.ts'
import { hypergeometric, thinned } from '../../src/drift/thin-window.ts'
import { columnModel } from '../../src/mixture/column-model.ts'
import { fitMixture } from '../../src/mixture/fit-mixture.ts'
import { normalBelow } from '../../src/mixture/normal-distribution.ts'
import { randomNumbers } from '../../src/mixture/random-numbers.ts'
import { column, shapes } from '../mixture/synthetic-columns.ts'
import { countsOf, exampleColumn, windowOf } from './drift-example.ts'

const oracle = JSON.parse(readFileSync(new URL('../fixtures/drift/drift-oracle.json', import.meta.url), 'utf8'))

const near = (actual: number, expected: number, within: number) =>
  ok(Math.abs(actual - expected) <= within, `${actual} is not ${expected}`)

suite('distances of drift', () => {
  test('are those of SciPy', () => {
    for (const { edges, baseline, means, slots, std, wasserstein: w1, ks } of oracle.cases) {
      const bins = driftBins(exampleColumn({ edges, counts: baseline, means }))
      near(bins.std, std, 1e-12 * std)
      near(wasserstein(bins, { slots }), w1, 1e-12 * w1)
      near(kolmogorovSmirnov(bins, { slots }), ks, 1e-15)
    }
  })

  test('tails, factorials and densities are those of SciPy', () => {
    for (const [z, below] of oracle.normal) near(normalBelow(z) / below, 1, 4e-9)
    for (const [n, ln] of oracle.lnFactorial) near(lnFactorial(n), ln, 1e-15 * Math.max(1, ln))
    const modes = { weight: [0.3, 0.6], mean: [-2, 3], std: [1, 0.5] }
    let sum = 0
    for (let x = -10; x < 10; x += 0.001) sum += 0.001 * Math.exp(logDensity(modes, x + 0.0005))
    near(sum, 1, 1e-6)
    near(intervalMass(modes, -3, -1), (normalBelow(1) - normalBelow(-1)) / 3, 1e-6)
  })

  test('a shift of d standard deviations is d from the training rows', () => {
    const values = column(shapes.normal, 50_000)
    const bins = driftBins(columnModel(fitMixture(values, { maxIterations: 20 })))
    for (const d of [0.1, 0.5])
      near(
        wasserstein(
          bins,
          windowOf(
            bins,
            values.map((x) => x + d),
          ),
        ),
        d,
        0.01,
      )
    equal(wasserstein(bins, windowOf(bins, values)), 0)
    equal(stabilityIndex(bins, windowOf(bins, values)) < 1e-9, true)
  })

  test('a sentinel takes nothing from the scale of the other values', () => {
    const values = column(shapes.normal, 20_000)
    for (let i = 0; i < 100; i++) values[i] = 1e30
    const bins = driftBins(columnModel(fitMixture(values, { maxIterations: 20 })))
    ok(bins.std < 3, `${bins.std}`)
    near(
      wasserstein(
        bins,
        windowOf(
          bins,
          values.map((x) => (x < 1e29 ? x + bins.std : x)),
        ),
      ),
      1,
      0.05,
    )
  })

  test('values beyond the trained range are counted, and are one standard deviation out', () => {
    const bins = driftBins(exampleColumn({ edges: [0, 1, 2], counts: [50, 50], means: [0.5, 1.5] }))
    const figures = columnFigures(bins, { slots: [0, 0, 0, 10], modes: [10], nulls: 0 })
    equal(figures.outside, 1)
    near(figures.wasserstein, 1 + 1, 1e-12)
    ok(figures.nats < figures.trainedNats)
  })

  test('a window without values has no distance', () => {
    const bins = driftBins(exampleColumn({ edges: [0, 1], counts: [5], means: [0.5] }))
    const empty = { slots: [0, 0, 0], modes: [0], nulls: 4 }
    const { wasserstein, ks, psi, nullShare } = columnFigures(bins, empty)
    deepEqual([wasserstein, ks, psi], [Number.NaN, Number.NaN, Number.NaN])
    equal(nullShare, 1)
    near(nullShift({ ...bins, nullShare: 0.25 }, { slots: [0, 75, 0], modes: [75], nulls: 25 }), 0, 1e-15)
    near(nullShift({ ...bins, nullShare: 0 }, { slots: [0, 0, 0], modes: [0], nulls: 9 }), Math.PI, 1e-15)
  })

  test('frequent values are told apart', () => {
    const values = column(shapes.zeroSpike, 20_000)
    const bins = driftBins(columnModel(fitMixture(values, { maxIterations: 20 })))
    const { atoms } = columnFigures(
      bins,
      windowOf(
        bins,
        values.map((x) => (x === 0 ? 1e-9 : x)),
      ),
    )
    const zero = atoms.find(({ value }) => value === 0)
    ok(zero !== undefined && zero.share === 0 && Math.abs(zero.trained - 0.6) < 0.02)
  })

  test('a model without a baseline has the bins of its histogram', () => {
    const values = column(shapes.normal, 20_000)
    const { baseline: _, ...older } = columnModel(fitMixture(values, { maxIterations: 20 }))
    const bins = driftBins(older)
    near(
      wasserstein(
        bins,
        windowOf(
          bins,
          values.map((x) => x + 0.3),
        ),
      ),
      0.3,
      0.05,
    )
    ok(wasserstein(bins, windowOf(bins, values)) < 0.01)
  })
})

suite('thinning of a window', () => {
  test('a draw has the hypergeometric distribution', () => {
    for (const { population, marked, draws, pmf } of oracle.hypergeometric) {
      let below = 0
      const grid = 4000
      const found = new Array(pmf.length).fill(0)
      for (let i = 0; i < grid; i++) found[hypergeometric(population, marked, draws, (i + 0.5) / grid)] += 1 / grid
      pmf.forEach((p: number, k: number) => {
        below += p
        near(found[k], p, 2 / grid)
      })
      near(below, 1, 1e-9)
    }
  })

  test('keeps the number of rows that was asked for, and whole smaller windows', () => {
    const window = { slots: [5, 1000, 3_000_000, 70], modes: [1], nulls: 40_000 }
    const sample = thinned(window, 5000, randomNumbers(3))
    equal(sample.nulls + sample.slots.reduce((a, b) => a + b), 5000)
    ok(Math.abs(sample.slots[2] - (5000 * 3_000_000) / 3_041_075) < 40)
    equal(thinned(window, 1e9, randomNumbers(3)), window)
  })
})

suite('column counts', () => {
  for (const [name, draw] of Object.entries(shapes))
    test(`finds the slot of each value, of ${name} too`, () => {
      const bins = driftBins(columnModel(fitMixture(column(draw, 5000), { maxIterations: 20 })))
      const later = column((u) => 1.3 * draw(u), 5000, 2)
      const edges = Array.from(bins.edges)
      const values = Float64Array.of(
        ...later,
        ...edges,
        ...edges.map((edge) => edge * (1 - 1e-16)),
        1e308,
        -1e308,
        0,
        -0,
      )
      const expected = new Array(edges.length + 1).fill(0)
      for (const x of values) expected[edges.findLastIndex((edge) => edge <= x) + 1]++
      const { slots } = windowOf(bins, values)
      equal(slots.join(), expected.join())
      equal(
        slots.reduce((a, b) => a + b),
        values.length,
      )
    })

  test('any split of the rows gives the same counts, and taking begins a new window', () => {
    const values = column(shapes.tenModes, 5000)
    const model = columnModel(fitMixture(values, { maxIterations: 20 }))
    const counts = countsOf(driftBins(model))
    counts.add(values.subarray(0, 1234), 1234)
    counts.add(values.subarray(1234), values.length - 1234)
    counts.addModes(Uint8Array.of(0, 1, 1), 3)
    const taken = counts.take()
    equal(taken.slots.join(), windowOf(driftBins(model), values).slots.join())
    equal(taken.modes.slice(0, 2).join(), '1,2')
    const { slots, modes } = counts.take()
    equal(Math.max(...slots, ...modes), 0)
  })
})
