import { ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { logLikelihood } from '../../src/mixture/log-likelihood.ts'
import { logMeanDensity } from '../../src/mixture/normal-mass.ts'

/** Simpson's rule over the density, in many steps. */
function massBetween(low: number, high: number): number {
  const steps = 20_000
  const width = (high - low) / steps
  const density = (i: number) => Math.exp(-0.5 * (low + i * width) ** 2) / Math.sqrt(2 * Math.PI)
  let sum = 0
  for (let i = 0; i <= steps; i++) sum += density(i) * (i === 0 || i === steps ? 1 : i % 2 === 0 ? 2 : 4)
  return (sum * width) / 3
}

suite('the mass of an interval under a normal distribution', () => {
  for (const width of [0.001, 0.09, 0.11, 0.5, 2, 8]) {
    test(`is that of the integral: ${width} std wide`, () => {
      for (const z of [-5, -1.3, -0.2, 0, 0.7, 3, 4.5]) {
        const expected = Math.log(massBetween(z - width / 2, z + width / 2) / width)
        ok(Math.abs(logMeanDensity(z, width) - expected) < 2e-4, `${z}: ${logMeanDensity(z, width)}, ${expected}`)
      }
    })
  }

  test('is finite far out', () => {
    for (const width of [0, 0.01, 1, 100])
      for (const z of [-1e6, 40, 1e6]) ok(Number.isFinite(logMeanDensity(z, width)), `${z}, ${width}`)
  })
})

suite('the likelihood of a mixture', () => {
  test('of rounded values is that of their intervals: a narrow mode on one value earns its share and no more', () => {
    const blocks = { count: Float64Array.of(30, 70), value: Float64Array.of(0, 10) }
    const mixture = { weights: [0.3, 0.7], means: [0, 10], stds: [1e-3, 1e-3] }
    const expected = 30 * Math.log(0.3) + 70 * Math.log(0.7)
    ok(Math.abs(logLikelihood(mixture, blocks, 1) - expected) < 1e-6)
    ok(logLikelihood(mixture, blocks, 0) > expected + 500)
  })
})
