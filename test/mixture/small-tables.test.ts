import { ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { distinctBlocks } from '../../src/mixture/blocks.ts'
import { fitMixture } from '../../src/mixture/fit-mixture.ts'
import { logLikelihood } from '../../src/mixture/log-likelihood.ts'
import { column, shapes } from './synthetic-columns.ts'

/** Whole days, most of them none, with heaps at a week, ten days, two weeks and a month. */
function daysIll(u: () => number): number {
  const kind = u()
  if (kind < 0.6) return 0
  if (kind < 0.85) return 1 + Math.floor(-3 * Math.log(1 - u()))
  return [7, 10, 14, 30][Math.floor(4 * u())]
}

/** Columns as tables of some hundred rows have them; the width is what the values were rounded to. */
const columns = {
  'years of service': { draw: (u: () => number) => 1 + Math.floor(-6 * Math.log(1 - u())), width: 1 },
  'test scores': { draw: (u: () => number) => Math.round(70 + 12 * shapes.normal(u)), width: 1 },
  'heights by sex': { draw: (u: () => number) => 165 + (u() < 0.5 ? 0 : 13) + 6.5 * shapes.normal(u), width: 0 },
  wages: { draw: (u: () => number) => Math.round(1000 * Math.exp(0.6 * shapes.normal(u))) / 100, width: 0.01 },
  durations: { draw: (u: () => number) => -Math.log(1 - u()), width: 0 },
  'days of illness': { draw: daysIll, width: 1 },
  'running numbers': { draw: (u: () => number) => Math.floor(900 * u()), width: 1 },
} as const

const median = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1]

suite('small tables', () => {
  for (const [rows, most] of [
    [300, 0.01],
    [1000, 0.001],
  ])
    for (const [name, { draw, width }] of Object.entries(columns))
      test(`rows that were not seen are explained as well as by scikit-learn's fit: ${rows} rows of ${name}`, () => {
        const gains = Array.from({ length: 5 }, (_, split) => {
          const values = column(draw, rows, split + 1)
          const unseen = distinctBlocks(column(draw, 20_000, split + 100))
          const [ours, theirs] = [{}, { recipe: 'sklearn', starts: 1 } as const].map(
            (options) => logLikelihood(fitMixture(values, options), unseen, width) / 20_000,
          )
          return ours - theirs
        })
        ok(median(gains) >= -most, `${gains}`)
      })
})
