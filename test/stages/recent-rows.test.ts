import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { BoundedRange } from '../../src/stages/read-partition.ts'
import { recentRows } from '../../src/stages/recent-rows.ts'

const range = (partition: number, offset: number, endOffset: number): BoundedRange => ({
  topic: 't',
  partition,
  offset,
  endOffset,
})
const sizes = (ranges: readonly BoundedRange[]) => ranges.map(({ offset, endOffset }) => endOffset - offset)

suite('rows of a refit', () => {
  test('the newest half is held out, and the fit has the half before', () => {
    deepEqual(recentRows([range(0, 0, 1_000)], new Map([[0, 500]]), 400), {
      training: [range(0, 600, 800)],
      heldOut: [range(0, 800, 1_000)],
    })
  })

  test('partitions count as they have grown since, and one that stands still not at all', () => {
    const held = [range(0, 0, 1_300), range(1, 0, 1_100), range(2, 0, 5_000)]
    const seen = new Map([
      [0, 1_000],
      [1, 1_000],
      [2, 5_000],
    ])
    const found = recentRows(held, seen, 400)
    ok('training' in found)
    deepEqual(sizes(found.heldOut), [150, 50, 0])
    deepEqual(sizes(found.training), [150, 50, 0])
  })

  test('too few rows since the champion, or too few before them, are said', () => {
    deepEqual(recentRows([range(0, 0, 1_000)], new Map([[0, 900]]), 400), { lacks: 'fresh', has: 100, needs: 200 })
    deepEqual(recentRows([range(0, 780, 1_000)], new Map(), 400), { lacks: 'older', has: 20, needs: 100 })
  })

  test('without a champion nothing is held out', () => {
    const found = recentRows([range(0, 0, 1_000)], undefined, 400)
    deepEqual(found, { training: [range(0, 800, 1_000)], heldOut: [] })
  })

  test('a position behind the end is that of an older topic of this name', () => {
    const found = recentRows([range(0, 0, 1_000)], new Map([[0, 5_000]]), 400)
    ok('training' in found)
    deepEqual(sizes(found.heldOut), [200])
  })

  test('what is held out is seen by neither, whatever the partitions', () => {
    const partition = fc.record({ low: fc.nat(500), rows: fc.nat(2_000), seen: fc.nat(3_000) })
    fc.assert(
      fc.property(
        fc.array(partition, { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 2, max: 3_000 }),
        (all, rows) => {
          const held = all.map(({ low, rows }, p) => range(p, low, low + rows))
          const seen = new Map(all.map(({ low, rows, seen }, p) => [p, Math.min(seen, low + rows)]))
          const found = recentRows(held, seen, rows)
          if ('lacks' in found) {
            ok(found.has < found.needs)
            return
          }
          const { training, heldOut } = found
          for (const [p, { offset, endOffset }] of heldOut.entries()) {
            equal(endOffset, held[p].endOffset)
            ok(offset <= endOffset && (offset === endOffset || offset >= (seen.get(p) ?? 0)))
            ok(training[p].offset >= held[p].offset && training[p].offset <= training[p].endOffset)
            equal(training[p].endOffset, offset)
          }
          const total = sizes(heldOut).reduce((a, b) => a + b)
          ok(total >= rows / 2 && total <= rows / 2 + all.length + 1)
        },
      ),
      { seed: 5, numRuns: 300 },
    )
  })
})
