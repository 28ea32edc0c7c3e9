import { ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { MixtureQuantiles } from '../../src/mixture/mixture-quantiles.ts'
import { normalQuantile } from '../../src/mixture/normal-distribution.ts'

/** What scipy and scikit-learn make of a mixture (quantile-scores.py). */
interface Table {
  readonly name: string
  readonly weight: readonly number[]
  readonly mean: readonly number[]
  readonly std: readonly number[]
  readonly x: readonly number[]
  readonly normal: readonly number[]
  readonly uniform: readonly number[]
  readonly shares: readonly number[]
  readonly quantiles: readonly number[]
  readonly drawn: readonly number[]
  readonly sklearn: { readonly normal: readonly number[]; readonly uniform: readonly number[] }
}

const file = new URL('../fixtures/quantile/quantile-scores.json', import.meta.url)
const tables = JSON.parse(readFileSync(file, 'utf8')) as Table[]

const isNear = (value: number, expected: number, relative: number) =>
  Math.abs(value - expected) <= relative * Math.max(1, Math.abs(expected))

const mixtures = fc
  .array(
    fc.record({
      weight: fc.double({ min: 0.005, max: 1, noNaN: true }),
      mean: fc.double({ min: -1e6, max: 1e6, noNaN: true }),
      std: fc.double({ min: 1e-3, max: 1e4, noNaN: true }),
    }),
    { minLength: 1, maxLength: 10 },
  )
  .map((modes) => ({
    weight: modes.map(({ weight }) => weight),
    mean: modes.map(({ mean }) => mean),
    std: modes.map(({ std }) => std),
  }))

suite('quantiles of a mixture', () => {
  for (const table of tables) {
    const quantiles = new MixtureQuantiles(table)

    test(`have the scores and shares that scipy has: ${table.name}`, () => {
      for (const [i, x] of table.x.entries()) {
        const [score, share] = [quantiles.score(x), quantiles.share(x)]
        ok(isNear(score, table.normal[i], 1e-9), `score of ${x}: ${score}, not ${table.normal[i]}`)
        ok(Math.abs(share / table.uniform[i] - 1) < 5e-9, `share of ${x}: ${share}, not ${table.uniform[i]}`)
      }
    })

    test(`are those that scipy finds: ${table.name}`, () => {
      for (const [i, share] of table.shares.entries()) {
        const x = quantiles.quantile(normalQuantile(share))
        ok(isNear(x, table.quantiles[i], 1e-8), `${share}: ${x}, not ${table.quantiles[i]}`)
      }
    })

    test(`are what scikit-learn's QuantileTransformer comes near to: ${table.name}`, () => {
      // It was fitted to 20,000 numbers of the mixture: a share is known within some thousandths.
      for (const [i, x] of table.drawn.entries())
        ok(Math.abs(quantiles.share(x) - table.sklearn.uniform[i]) < 0.015, `share of ${x}`)
      for (const [i, x] of table.drawn.entries())
        if (Math.abs(quantiles.score(x)) < 2)
          ok(Math.abs(quantiles.score(x) - table.sklearn.normal[i]) < 0.1, `score of ${x}: ${table.sklearn.normal[i]}`)
    })
  }

  test('ascend with the number, and are never infinite', () => {
    fc.assert(
      fc.property(mixtures, fc.array(fc.double({ noNaN: true }), { minLength: 2 }), (mixture, numbers) => {
        const quantiles = new MixtureQuantiles(mixture)
        const scores = numbers.toSorted((a, b) => a - b).map((x) => quantiles.score(x))
        ok(scores.every(Number.isFinite))
        ok(scores.every((score, i) => i === 0 || score >= scores[i - 1] - 1e-9))
      }),
    )
  })

  test('come back: the score of a quantile is the score', () => {
    fc.assert(
      fc.property(mixtures, fc.double({ min: -30, max: 30, noNaN: true }), (mixture, score) => {
        const quantiles = new MixtureQuantiles(mixture)
        const again = quantiles.score(quantiles.quantile(score))
        ok(isNear(again, score, 1e-6), `${again}, not ${score}`)
      }),
    )
  })
})
