import { ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { dataSets } from '../../bench/mixture/data-sets.ts'
import { fitMixture } from '../../src/mixture/fit-mixture.ts'
import { referenceData } from './reference-data.ts'

/**
 * scikit-learn's lower bounds over five seeds, ascending, by data set; test/fixtures/reference/reference-data.py
 * --bounds makes them.
 */
const bounds: Record<'reference' | 'drawn', Record<string, readonly number[]>> = JSON.parse(
  readFileSync(new URL('../fixtures/mixture-bounds.json', import.meta.url), 'utf8'),
)

/** Both stop where a step changes the bound by less: nats. */
const tolerance = 1e-3

function reachesMedian(values: Float64Array, [, , median]: readonly number[], seeds: readonly number[]): void {
  for (const seed of seeds) {
    const { lowerBound } = fitMixture(values, { recipe: 'sklearn', seed })
    ok(lowerBound >= median - tolerance, `seed ${seed}: ${lowerBound} is below ${median}`)
  }
}

suite('the seeded starts of recipe sklearn reach the median bound of scikit-learn over five seeds', () => {
  for (const { dataset, values } of referenceData) {
    const expected = bounds.reference[dataset]
    const seeds = Array.from({ length: 10 }, (_, i) => 50 * i)
    if (expected) test(`on ${dataset}, with any seed`, () => reachesMedian(Float64Array.from(values), expected, seeds))
  }
  for (const [name, expected] of Object.entries(bounds.drawn)) {
    test(`on 50,000 rows of ${name}`, async () => {
      const dataSet = dataSets.find((candidate) => candidate.name === name)
      ok(dataSet)
      reachesMedian(await dataSet.values(50_000, 1), expected, [0, 100])
    })
  }
})

suite('seeded k-means starts', () => {
  test('more of them give no lower a bound', () => {
    const [{ values }] = referenceData
    const [one, five] = [1, 5].map((starts) => fitMixture(Float64Array.from(values), { recipe: 'sklearn', starts }))
    ok(five.lowerBound >= one.lowerBound)
  })
})
