import { ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { distinctBlocks } from '../../src/mixture/blocks.ts'
import { emptySums, eStep } from '../../src/mixture/e-step.ts'
import { fitMixture } from '../../src/mixture/fit-mixture.ts'
import { groupedEStep } from '../../src/mixture/grouped-e-step.ts'
import { truncatedNormal } from '../../src/mixture/truncated-normal.ts'
import { column, shapes } from './synthetic-columns.ts'

/** Simpson's rule, in many steps. */
function integral(f: (t: number) => number, low: number, high: number): number {
  const steps = 20_000
  const width = (high - low) / steps
  let sum = 0
  for (let i = 0; i <= steps; i++) sum += f(low + i * width) * (i === 0 || i === steps ? 1 : i % 2 === 0 ? 2 : 4)
  return (sum * width) / 3
}

suite('a normal variable within an interval', () => {
  for (const width of [0.01, 0.5, 1, 8])
    test(`has the moments of the integrals: ${width} std wide`, () => {
      for (const z of [-9, -4.2, -0.3, 0, 1, 3, 11]) {
        const out = { logMean: 0, mean: 0, square: 0 }
        truncatedNormal(z, width, out)
        const over = (f: (t: number) => number) =>
          integral((t) => f(t) * Math.exp((z * z - t * t) / 2), z - width / 2, z + width / 2)
        const mass = over(() => 1)
        const expected = {
          logMean: Math.log(mass / width) - (z * z) / 2,
          mean: over((t) => t) / mass,
          square: over((t) => t * t) / mass,
        }
        for (const name of ['logMean', 'mean', 'square'] as const)
          ok(Math.abs(out[name] - expected[name]) < 1e-6, `${name} at ${z}: ${out[name]}, ${expected[name]}`)
      }
    })

  test('is at the nearer end far out', () => {
    for (const z of [-1e6, -40, 40, 1e6]) {
      const out = { logMean: 0, mean: 0, square: 0 }
      truncatedNormal(z, 1, out)
      const end = Math.sign(z) * (Math.abs(z) - 0.5)
      ok(Math.abs(out.mean - end) < 1e-9 * Math.abs(z) && Math.abs(out.logMean + (end * end) / 2) < 1)
    }
  })
})

suite('a fit to intervals', () => {
  const values = column((u) => Math.round(3 * shapes.normal(u)), 2000)
  const blocks = distinctBlocks(values)
  const terms = {
    offset: Float64Array.of(-1.2, -2.5),
    mean: Float64Array.of(-0.7, 1.6),
    precision: Float64Array.of(0.2, 0.02),
  }
  const sumsOf = (narrow: readonly boolean[], step?: typeof eStep) => {
    const sums = emptySums(2)
    sums.centre.set(terms.mean)
    const entropy = step?.(blocks, terms, sums) ?? groupedEStep(blocks, terms, narrow, 1, sums)
    return [entropy, ...sums.rows, ...sums.shift, ...sums.square]
  }

  test('takes wide modes as the fit to points does', () => {
    const points = sumsOf([], eStep)
    sumsOf([false, false]).forEach((sum, i) => {
      ok(Math.abs(sum - points[i]) < 1e-9 * Math.abs(points[i]), `${i}: ${sum}, ${points[i]}`)
    })
  })

  for (const std of [0.3, 0.45, 0.7])
    test(`finds the mode that the values were rounded from, narrower than the unit: std ${std}`, () => {
      for (const mean of [0, 0.3, 7.5]) {
        const rounded = column((u) => Math.round(mean + std * shapes.normal(u)), 50_000)
        const { means, stds } = fitMixture(rounded, { components: 1 })
        ok(Math.abs(means[0] - mean) < 0.02, `mean ${means[0]} instead of ${mean}`)
        ok(Math.abs(stds[0] - std) < 0.03, `std ${stds[0]} instead of ${std}`)
      }
    })
})
