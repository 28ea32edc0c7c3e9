import { ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { dataSets } from '../../bench/mixture/data-sets.ts'
import { fitMixture } from '../../src/mixture/fit-mixture.ts'
import { referenceData } from './reference-data.ts'

/** scikit-learn's lower bounds over five seeds, ascending, by data set; scripts/reference-data.py --bounds makes them. */
const bounds: Record<'reference' | 'drawn', Record<string, readonly number[]>> = JSON.parse(
  readFileSync(new URL('../fixtures/mixture-bounds.json', import.meta.url), 'utf8'),
)

function reachesMedian(values: Float64Array, [, , median]: readonly number[]): void {
  const { lowerBound } = fitMixture(values, { recipe: 'sklearn' })
  ok(lowerBound >= median - 1e-9 * Math.abs(median), `${lowerBound} is below ${median}`)
}

suite('the seeded start of recipe sklearn reaches the median bound of scikit-learn over five seeds', () => {
  for (const { dataset, values } of referenceData) {
    const expected = bounds.reference[dataset]
    if (expected) test(`on ${dataset}`, () => reachesMedian(Float64Array.from(values), expected))
  }
  for (const [name, expected] of Object.entries(bounds.drawn)) {
    test(`on 50,000 rows of ${name}`, async () => {
      const dataSet = dataSets.find((candidate) => candidate.name === name)
      ok(dataSet)
      reachesMedian(await dataSet.values(50_000, 1), expected)
    })
  }
})

suite('starts', () => {
  test('more of them give no lower a bound', () => {
    const [{ values }] = referenceData
    const [one, five] = [1, 5].map((starts) => fitMixture(Float64Array.from(values), { recipe: 'sklearn', starts }))
    ok(five.lowerBound >= one.lowerBound)
  })
})
