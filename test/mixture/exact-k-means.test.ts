import { deepEqual, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { exactKMeans } from '../../src/mixture/exact-k-means.ts'

const points = fc
  .array(fc.record({ value: fc.integer({ min: -50, max: 50 }), count: fc.integer({ min: 1, max: 9 }) }), {
    minLength: 1,
    maxLength: 9,
  })
  .map((rows) => rows.sort((a, b) => a.value - b.value))
  .map((rows) => ({
    value: Float64Array.from(rows, (row) => row.value),
    count: Float64Array.from(rows, (row) => row.count),
  }))

suite('exact k-means', () => {
  test('no other partition into intervals has a smaller sum of squares', () => {
    fc.assert(
      fc.property(points, fc.integer({ min: 1, max: 4 }), (blocks, clusters) => {
        const labels = exactKMeans(blocks, clusters)
        const least = Math.min(...partitions(blocks.value.length, clusters).map((other) => sumOfSquares(blocks, other)))
        ok(sumOfSquares(blocks, labels) <= least + 1e-9)
      }),
      { seed: 1, numRuns: 200 },
    )
  })

  test('as many clusters as points give each its own', () => {
    const value = Float64Array.of(1, 2, 4)
    deepEqual([...exactKMeans({ value, count: Float64Array.of(1, 1, 1) }, 10)], [0, 1, 2])
  })
})

/** All label arrays that rise from 0 to at most clusters - 1. */
function partitions(n: number, clusters: number): number[][] {
  if (n === 0) return [[]]
  return partitions(n - 1, clusters).flatMap((labels) => {
    const last = labels.at(-1) ?? 0
    return n > 1 && last + 1 < clusters
      ? [
          [...labels, last],
          [...labels, last + 1],
        ]
      : [[...labels, last]]
  })
}

function sumOfSquares(
  { value, count }: { value: Float64Array; count: Float64Array },
  labels: ArrayLike<number>,
): number {
  let total = 0
  for (const cluster of new Set(Array.from(labels))) {
    const rows = [...value.keys()].filter((i) => labels[i] === cluster)
    const weight = rows.reduce((sum, i) => sum + count[i], 0)
    const mean = rows.reduce((sum, i) => sum + count[i] * value[i], 0) / weight
    total += rows.reduce((sum, i) => sum + count[i] * (value[i] - mean) ** 2, 0)
  }
  return total
}
