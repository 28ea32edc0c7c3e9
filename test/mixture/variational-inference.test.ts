import { ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { fitMixture } from '../../src/mixture/fit-mixture.ts'
import { column, shapes } from './synthetic-columns.ts'

const finite = fc.double({ min: -1e6, max: 1e6, noNaN: true })
const values = fc.array(finite, { minLength: 2, maxLength: 80 }).map((xs) => Float64Array.from(xs))

suite('variational inference', () => {
  test('responsibilities are probabilities, near and far from the modes', () => {
    fc.assert(
      fc.property(values, fc.constantFrom('sklearn', 'scaled'), (xs, recipe) => {
        const mixture = fitMixture(xs, { recipe, components: 4 })
        const k = mixture.weights.length
        const rows = Float64Array.of(...xs, -1e9, 1e9, -1e200, 1e300)
        const shares = mixture.responsibilities(rows)
        for (let row = 0; row < rows.length; row++) {
          const sum = shares.subarray(row * k, (row + 1) * k).reduce((a, b) => a + b, 0)
          ok(Math.abs(sum - 1) < 1e-12, `row ${row} sums to ${sum}`)
        }
        ok(Math.abs(mixture.weights.reduce((a, b) => a + b, 0) - 1) < 1e-12)
      }),
      { seed: 1, numRuns: 60 },
    )
  })

  test('the bound never falls without regularization: any values, weights and components', () => {
    const rows = fc.array(fc.tuple(finite, fc.integer({ min: 1, max: 1000 })), { minLength: 2, maxLength: 80 })
    const components = fc.integer({ min: 1, max: 12 })
    fc.assert(
      fc.property(rows, components, fc.constantFrom('sklearn', 'scaled'), (drawn, most, recipe) => {
        const xs = Float64Array.from(drawn, ([x]) => x)
        const weights = Float64Array.from(drawn, ([, weight]) => weight)
        const { lowerBounds } = fitMixture(xs, { recipe, weights, components: most, regularization: 0 })
        for (let i = 1; i < lowerBounds.length; i++) {
          const [before, after] = [lowerBounds[i - 1], lowerBounds[i]]
          ok(after >= before - 1e-9 * Math.abs(before) - 1e-7, `iteration ${i}: ${after - before} of ${before}`)
        }
      }),
      { seed: 1, numRuns: 300 },
    )
  })

  for (const [shape, draw] of Object.entries(shapes)) {
    for (const recipe of ['sklearn', 'scaled'] as const) {
      test(`the bound never falls without regularization: ${shape}, ${recipe}`, () => {
        const { lowerBounds } = fitMixture(column(draw, 1500), { recipe, regularization: 0, maxIterations: 150 })
        for (let i = 1; i < lowerBounds.length; i++) {
          // gammaln of a few thousand rows has an ulp of about 1e-12, timestamps squared lose more
          const rounding = shape === 'timestamps' && recipe === 'sklearn' ? 1e-6 : 1e-7
          ok(lowerBounds[i] >= lowerBounds[i - 1] - rounding, `iteration ${i}: ${lowerBounds[i] - lowerBounds[i - 1]}`)
        }
      })
    }
  }
})
