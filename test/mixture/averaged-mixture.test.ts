import { ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { nearestMixture } from '../../src/mixture/averaged-mixture.ts'
import { standardPriors } from './standard-priors.ts'

const priors = standardPriors(3, 0.1)
const near = (a: number, b: number) => Math.abs(a - b) < 1e-3 * Math.max(1, Math.abs(b))

suite('one mixture for several', () => {
  test('of one is itself', () => {
    const parts = [
      { rows: 0.7, mean: -2, covariance: 0.25 },
      { rows: 0.3, mean: 1.5, covariance: 0.04 },
    ]
    nearestMixture(1000, parts, parts, priors).forEach(({ rows, mean, covariance }, k) => {
      ok(near(rows, parts[k].rows) && near(mean, parts[k].mean) && near(covariance, parts[k].covariance))
    })
  })

  test('of one mode has mean and variance of all parts', () => {
    const parts = [
      { rows: 2, mean: -1, covariance: 0.5 },
      { rows: 6, mean: 1, covariance: 0.1 },
    ]
    const [{ rows, mean, covariance }] = nearestMixture(1000, parts, [{ rows: 1, mean: 0, covariance: 1 }], priors)
    ok(near(rows, 1) && near(mean, 0.5), `${rows}, ${mean}`)
    ok(near(covariance, 0.25 * 0.5 + 0.75 * 0.1 + 0.75), `${covariance}`)
  })

  test('lies between two that differ a little', () => {
    const [a, b] = [0.2, 0.3].map((mean) => [
      { rows: 0.5, mean, covariance: 0.01 },
      { rows: 0.5, mean: mean + 2, covariance: 0.01 },
    ])
    const [first, second] = nearestMixture(1000, [...a, ...b], a, priors)
    ok(near(first.mean, 0.25) && near(second.mean, 2.25), `${first.mean}, ${second.mean}`)
    ok(near(first.rows, 0.5) && near(first.covariance, 0.0125), `${first.covariance}`)
  })
})
