import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { columnModel } from '../../src/mixture/column-model.ts'
import { fitMixture } from '../../src/mixture/fit-mixture.ts'
import { Normalizer } from '../../src/mixture/normalizer.ts'
import { PosteriorDraw } from '../../src/mixture/posterior-draw.ts'

/** Two overlapping bells on a grid, so that the posterior is undecided in the middle. */
const values = Float64Array.from({ length: 4_000 }, (_, i) => (i % 2 === 0 ? -1 : 1) + 0.8 * Math.sin(i * 0.7))
const mixture = fitMixture(values, { components: 3 })
const model = columnModel(mixture, { name: 'x' })

function draw(xs: Float64Array, uniforms: Float64Array, clip?: number) {
  const out = new Float64Array(xs.length)
  const modes = new Uint8Array(xs.length)
  new PosteriorDraw(model, clip === undefined ? {} : { clip }).normalize(xs, uniforms, out, modes)
  return { out, modes }
}

suite('drawing modes from the posterior', () => {
  test('gives each mode as often as its responsibility says', () => {
    const n = 20_000
    for (const x of [-1.2, -0.1, 0.05, 0.9]) {
      const scores = model.mean.map((mean, k) => model.offset[k] - (model.precision[k] / 2) * (x - mean) ** 2)
      const peak = Math.max(...scores)
      const weights = scores.map((score) => Math.exp(score - peak))
      const sum = weights.reduce((a, b) => a + b, 0)
      const { modes } = draw(
        new Float64Array(n).fill(x),
        Float64Array.from({ length: n }, (_, i) => i / n),
      )
      for (const k of model.mean.keys()) {
        const share = modes.filter((mode) => mode === k).length / n
        ok(Math.abs(share - weights[k] / sum) <= 2 / n, `mode ${k} at ${x}: ${share} instead of ${weights[k] / sum}`)
      }
    }
  })

  test('restore undoes a drawn mode', () => {
    fc.assert(
      fc.property(
        fc.double({ min: -50, max: 50, noNaN: true }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (x, u) => {
          const { out, modes } = draw(Float64Array.of(x), Float64Array.of(u))
          const restored = new Float64Array(1)
          new Normalizer(model).restore(out, modes, restored)
          const largest = Math.max(Math.abs(x), Math.abs(model.mean[modes[0]]))
          ok(Math.abs(restored[0] - x) <= 4 * 2 ** -52 * largest + Number.MIN_VALUE)
        },
      ),
      { seed: 5, numRuns: 2_000 },
    )
  })

  test('gives NaN, and counts it, where a value or what it restores to would be infinite', () => {
    const narrow = { ...model, std: model.std.map(() => 1e-3) }
    const out = new Float64Array(3)
    const far = Float64Array.of(Number.MAX_VALUE, 0, -Number.MAX_VALUE)
    equal(new PosteriorDraw(narrow).normalize(far, new Float64Array(3), out, new Uint8Array(3)), 2)
    deepEqual([...out].map(Number.isNaN), [true, false, true])
    equal(new PosteriorDraw(narrow, { clip: 0.99 }).normalize(far, new Float64Array(3), out, new Uint8Array(3)), 0)
    deepEqual([out[0], out[2]], [0.99, -0.99])
  })

  test('names a mode however far from all of them a value is', () => {
    const { modes, out } = draw(Float64Array.of(1e100, -1e100), Float64Array.of(0.999999, 0))
    for (const mode of modes) ok(mode < model.mean.length)
    ok(out.every(Number.isFinite))
  })

  test('a normalizer with drawn modes clips as configured', () => {
    const { out } = draw(Float64Array.of(1e6, -1e6), Float64Array.of(0.5, 0.5), 0.99)
    deepEqual([...out], [0.99, -0.99])
  })

  test('of a column with one mode is what Normalizer does', () => {
    const one = columnModel(fitMixture(Float64Array.of(3, 3, 3)), { name: 'c' })
    const out = new Float64Array(1)
    const modes = new Uint8Array(1)
    new PosteriorDraw(one).normalize(Float64Array.of(3), Float64Array.of(0.7), out, modes)
    equal(modes[0], 0)
  })
})
