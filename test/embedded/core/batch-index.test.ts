import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { BatchIndex } from '../../../src/embedded/core/batch-index.ts'

suite('the index of a log', () => {
  test('has an entry for each 4 KiB, however small batches are', () => {
    const index = new BatchIndex()
    for (let i = 0; i < 100_000; i++) index.add(i, 100 * i, i)
    ok(index.count < 2_500, `${index.count} entries`)
    const entry = index.entryOfOffset(54_321)
    ok(index.offsetAt(entry) <= 54_321 && index.offsetAt(entry + 1) > 54_321)
    equal(index.positionAt(entry), 100 * index.offsetAt(entry))
    equal(index.maxTimestampAt(entry), index.offsetAt(entry + 1) - 1)
    equal(index.entryOfPosition(5_432_100), entry)
  })

  test('knows that it is empty, and begins with the first batch that is left', () => {
    const index = new BatchIndex()
    equal(index.entryOfOffset(5), -1)
    for (let i = 0; i < 10; i++) index.add(i, 4_096 * i, i)
    index.cutFront(4_096 * 4 + 100, 5, 99)
    deepEqual(
      [index.count, index.offsetAt(0), index.positionAt(0), index.maxTimestampAt(0)],
      [6, 5, 4_096 * 4 + 100, 99],
    )
    equal(index.entryOfOffset(0), 0)
    equal(index.offsetAt(index.entryOfOffset(9)), 9)
  })
})
