import { deepEqual } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { lagOf, lagRemarks } from '../../src/pipeline/group-lag.ts'

/** What is said of a group that stands there in one partition of 0 to 10. */
async function remarksAt(...committed: number[]): Promise<string[]> {
  const source = {
    committedOffsets: async (_: string, topic: string) => committed.map((offset) => ({ topic, partition: 0, offset })),
    watermarks: async () => [{ partition: 0, low: 0, high: 10 }],
  }
  return lagRemarks(await lagOf(source, 'g', 't'))
}

suite('lag of groups', () => {
  test('a group that has committed nothing, and one that stands beyond the end, are told', async () => {
    deepEqual(await remarksAt(10), [])
    deepEqual(await remarksAt(), ['Group g has committed nothing in t.'])
    deepEqual(await remarksAt(12), [
      'Group g is at offset 12 of t/0, beyond its end at 10: the topic was recreated or truncated.',
    ])
  })
})
