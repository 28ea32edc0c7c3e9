import { deepEqual } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { errorCodes } from '../../src/embedded/error-codes.ts'
import type { Nodes } from '../../src/embedded/nodes.ts'
import { AskedBroker } from './asked-broker.ts'

const all = [1, 2].map((nodeId) => ({ nodeId, host: `node-${nodeId}`, port: 9090 + nodeId }))
/** Node 1 leads partition 0 and coordinates groups, node 2 does the rest. */
const nodes: Nodes = {
  all: () => all,
  leaderOf: (_topic, partition) => all[partition].nodeId,
  coordinatorOf: (keyType) => all[keyType],
  transit: async () => undefined,
}
const { NONE, NOT_LEADER_OR_FOLLOWER } = errorCodes

async function twoNodes(): Promise<AskedBroker> {
  const broker = new AskedBroker({ nodes })
  await broker.createTopic('rows', 2)
  return broker
}

suite('a node of several', () => {
  test('takes and gives rows of the partitions that it leads alone', async () => {
    const broker = await twoNodes()
    const produced = [await broker.produce('rows', 0, ['a']), await broker.produce('rows', 1, ['b'])]
    deepEqual(
      produced.map(({ errorCode }) => errorCode),
      [NONE, NOT_LEADER_OR_FOLLOWER],
    )
    const { responses } = await broker.fetch([0, 1].map((partition) => ({ topic: 'rows', partition, offset: 0 })))
    deepEqual(
      responses.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode)),
      [NONE, NOT_LEADER_OR_FOLLOWER],
    )
  })

  test('knows the offsets of the partitions that it leads alone', async () => {
    const broker = await twoNodes()
    const partitions = [0, 1].map((partitionIndex) => ({ partitionIndex, timestamp: -1 }))
    const { topics } = await broker.ask('ListOffsets', { replicaId: -1, topics: [{ name: 'rows', partitions }] })
    deepEqual(
      topics[0].partitions.map(({ errorCode, offset }) => [errorCode, offset]),
      [
        [NONE, 0],
        [NOT_LEADER_OR_FOLLOWER, undefined],
      ],
    )
  })

  test('tells who leads a partition, and who coordinates a group or a transactional id', async () => {
    const broker = await twoNodes()
    const { brokers, topics } = await broker.ask('Metadata', { topics: [{ name: 'rows' }] })
    deepEqual(brokers, all)
    deepEqual(
      topics[0].partitions.map(({ leaderId }) => leaderId),
      [1, 2],
    )
    const found = await Promise.all(
      [0, 1].map((keyType) => broker.ask('FindCoordinator', { keyType, coordinatorKeys: ['x'] })),
    )
    deepEqual(
      found.map(({ coordinators }) => coordinators?.[0]),
      all.map((node) => ({ key: 'x', errorCode: NONE, ...node })),
    )
  })
})
