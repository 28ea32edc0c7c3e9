import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { baselineProblem, nextUp } from '../../src/mixture/baseline.ts'
import { columnModel } from '../../src/mixture/column-model.ts'
import { columnModelFromJson, columnModelToJson } from '../../src/mixture/column-model-json.ts'
import { fitMixture } from '../../src/mixture/fit-mixture.ts'
import { column, shapes } from './synthetic-columns.ts'

function baselineOf(values: Float64Array) {
  const { baseline } = columnModel(fitMixture(values, { maxIterations: 20 }))
  ok(baseline !== undefined)
  return baseline
}

/** Rows of each bin, counted one by one. */
function counted(edges: readonly number[], values: Float64Array): number[] {
  const counts = edges.slice(1).map(() => 0)
  for (const x of values) counts[edges.findLastIndex((edge) => edge <= x)]++
  return counts
}

suite('baseline', () => {
  for (const [name, draw] of Object.entries(shapes))
    test(`its counts are those of the rows, of ${name} too`, () => {
      const values = column(draw, 5000)
      const { edges, counts, means } = baselineOf(values)
      deepEqual(counts, counted(edges, values))
      ok(counts.length <= 204, `${counts.length} bins`)
      means.forEach((mean, i) => {
        ok(mean >= edges[i] && mean <= edges[i + 1], `${mean} is in bin ${i}`)
      })
      equal(baselineProblem({ edges, counts, means }), undefined)
    })

  test('a frequent value has a bin of its own, which ends at the next double', () => {
    const { edges, counts } = baselineOf(column(shapes.zeroSpike, 5000))
    const zero = edges.indexOf(0)
    equal(edges[zero + 1], nextUp(0))
    ok(counts[zero] > 2900 && counts[zero] < 3100)
  })

  test('integers below the centre are counted in the bin of their value', () => {
    const values = column((u) => Math.round(5000 * shapes.normal(u)), 20_000)
    const { edges, counts } = baselineOf(values)
    deepEqual(counts, counted(edges, values))
  })

  test('a column of one value has one bin', () => {
    const { edges, counts, means } = baselineOf(new Float64Array(10).fill(7.25))
    deepEqual([edges, counts, means], [[7.25, nextUp(7.25)], [10], [7.25]])
  })

  test('the next double is the next one, but for those below normal ones, which processors are slow at', () => {
    deepEqual(
      [nextUp(1), nextUp(-1), nextUp(0), nextUp(-0), nextUp(Number.MAX_VALUE)],
      [1 + Number.EPSILON, -1 + Number.EPSILON / 2, 2 ** -1022, 2 ** -1022, Number.MAX_VALUE],
    )
  })

  test('the text of a model keeps it, and a baseline that does not fit together is refused', () => {
    const model = columnModel(fitMixture(column(shapes.normal, 500), { maxIterations: 20 }))
    deepEqual(columnModelFromJson(columnModelToJson(model)), model)
    const { edges, counts, means } = baselineOf(column(shapes.normal, 500))
    for (const broken of [
      null,
      { edges, counts },
      { edges: edges.toReversed(), counts, means },
      { edges, counts: [1], means },
    ])
      ok(baselineProblem(broken) !== undefined)
  })
})
