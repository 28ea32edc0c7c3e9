import { equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { ClusterSession } from '../../src/pipeline/cluster-session.ts'
import { outputLost } from '../../src/pipeline/group-positions.ts'

const stage = { stage: 'normalize', group: 'g', inputTopic: 'raw', outputTopic: 'out' }
const starts = [{ topic: 'raw', partition: 0, offset: 0 }]

/** A group that stands at 5 of the input, and the ends that the output has when it is looked at. */
function groupBeside(...ends: number[]): ClusterSession {
  return {
    admin: {
      topics: { partitionCount: async () => 1 },
      offsets: { watermarks: async () => [{ partition: 0, low: 0, high: ends.shift() ?? 0 }] },
    },
    rows: {
      withConnections: (ask: (connections: unknown) => unknown) =>
        ask({ committedOffsets: async () => [{ topic: 'raw', partition: 0, offset: 5 }] }),
    },
    settings: { brokers: ['broker:9092'] },
  } as unknown as ClusterSession
}

suite('the output of a group that has read rows', () => {
  test('is lost if nothing was ever written to it', async () => {
    equal((await outputLost(groupBeside(0, 0), stage, starts))?.code, 'VGM_OUTPUT_LOST')
  })

  test('is not lost where another member commits the first slice while this one starts', async () => {
    equal(await outputLost(groupBeside(0, 7), stage, starts), undefined)
  })
})
