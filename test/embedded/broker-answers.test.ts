import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { errorCodes } from '../../src/embedded/error-codes.ts'
import { AskedBroker } from './asked-broker.ts'
import { type BatchFacts, batchOf } from './core/batches.ts'

async function produce(broker: AskedBroker, facts: BatchFacts, version: number, transactionalId: string | null = null) {
  const records = Buffer.from(batchOf(['the same words', 'the same words'], facts))
  const topicData = [{ name: 'rows', partitionData: [{ index: 0, records }] }]
  const answer = await broker.ask('Produce', { transactionalId, acks: -1, timeoutMs: 1_000, topicData }, { version })
  return answer.responses[0].partitionResponses[0].errorCode
}

async function offsetError(broker: AskedBroker, timestamp: number, version: number): Promise<number> {
  const topics = [{ name: 'rows', partitions: [{ partitionIndex: 0, timestamp }] }]
  const answer = await broker.ask('ListOffsets', { replicaId: -1, topics }, { version })
  return answer.topics[0].partitions[0].errorCode
}

/** What the comparison with Apache Kafka, test/embedded/conformance, has found. */
suite('answers of the embedded broker', () => {
  test('to Produce before version 7 refuse zstd', async () => {
    const broker = new AskedBroker()
    await broker.createTopic('rows')
    equal(await produce(broker, { compression: 'zstd' }, 6), errorCodes.UNSUPPORTED_COMPRESSION_TYPE)
    equal(await produce(broker, { compression: 'zstd' }, 7), errorCodes.NONE)
  })

  test('to rows outside of their transaction are what the version knows', async () => {
    const broker = new AskedBroker()
    await broker.createTopic('rows')
    const { producerId = -1n, producerEpoch: epoch } = await broker.ask('InitProducerId', {
      transactionalId: 'x',
      transactionTimeoutMs: 1_000,
    })
    const facts = { producerId, epoch, isTransactional: true }
    equal(await produce(broker, facts, 10, 'x'), errorCodes.INVALID_TXN_STATE)
    equal(await produce(broker, facts, 11, 'x'), errorCodes.TRANSACTION_ABORTABLE)
    equal(await produce(broker, facts, 11), errorCodes.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
  })

  test('to rows without keys refuse them where a topic is compacted', async () => {
    const broker = new AskedBroker()
    await broker.createTopic('rows', 1, { 'cleanup.policy': 'compact' })
    equal(await produce(broker, {}, 11), errorCodes.INVALID_RECORD)
  })

  test('to ListOffsets know the times of its version alone', async () => {
    const broker = new AskedBroker()
    await broker.createTopic('rows')
    for (const [timestamp, since] of [
      [-3, 7],
      [-4, 8],
      [-5, 9],
    ]) {
      equal(await offsetError(broker, timestamp, since - 1), errorCodes.UNSUPPORTED_VERSION)
      equal(await offsetError(broker, timestamp, since), errorCodes.NONE)
    }
  })

  test('to a Fetch beyond the end tell no offsets', async () => {
    const broker = new AskedBroker()
    await broker.createTopic('rows')
    const partitions = [{ partition: 0, fetchOffset: 9, partitionMaxBytes: 1_000 }]
    const request = {
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes: 1_000,
      isolationLevel: 0,
      topics: [{ topic: 'rows', partitions }],
    }
    const { responses } = await broker.ask('Fetch', request, { version: 12 })
    const { errorCode, highWatermark } = responses[0].partitions[0]
    deepEqual([errorCode, highWatermark], [errorCodes.OFFSET_OUT_OF_RANGE, -1])
  })

  test('to SyncGroup without a protocol refuse it from version 5 on', async () => {
    const broker = new AskedBroker()
    const request = { groupId: 'g', generationId: 1, memberId: 'a', assignments: [] }
    equal((await broker.ask('SyncGroup', request, { version: 4 })).errorCode, errorCodes.UNKNOWN_MEMBER_ID)
    equal((await broker.ask('SyncGroup', request, { version: 5 })).errorCode, errorCodes.INCONSISTENT_GROUP_PROTOCOL)
  })

  test('to OffsetCommit of a generation that no group has are what the version knows', async () => {
    const broker = new AskedBroker()
    await broker.createTopic('rows')
    const partitions = [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }]
    const topics = [{ name: 'rows', partitions }]
    const request = { groupId: 'g', generationIdOrMemberEpoch: 1, memberId: 'a', topics }
    for (const [version, error] of [
      [8, errorCodes.ILLEGAL_GENERATION],
      [9, errorCodes.GROUP_ID_NOT_FOUND],
    ]) {
      const answer = await broker.ask('OffsetCommit', request, { version })
      equal(answer.topics[0].partitions[0].errorCode, error)
    }
  })

  test('to OffsetDelete refuse the empty group id', async () => {
    const answer = await new AskedBroker().ask('OffsetDelete', { groupId: '', topics: [] })
    equal(answer.errorCode, errorCodes.INVALID_GROUP_ID)
  })

  test('to what a request names twice, or sets to null, are INVALID_REQUEST, once for each name', async () => {
    const broker = new AskedBroker()
    await broker.createTopic('rows')
    const alter = async (values: readonly (string | null)[]) => {
      const configs = values.map((value) => ({ name: 'retention.ms', configOperation: 0, value }))
      const resources = [{ resourceType: 2, resourceName: 'rows', configs }]
      return (await broker.ask('IncrementalAlterConfigs', { resources, validateOnly: false })).responses[0].errorCode
    }
    equal(await alter(['1', '2']), errorCodes.INVALID_REQUEST)
    equal(await alter([null]), errorCodes.INVALID_REQUEST)
    const topic = { name: 'twice', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }
    const { topics } = await broker.ask('CreateTopics', {
      topics: [topic, topic],
      timeoutMs: 1_000,
      validateOnly: false,
    })
    deepEqual(
      topics.map(({ errorCode }) => errorCode),
      [errorCodes.INVALID_REQUEST],
    )
  })

  test('to DescribeTransactions show the offsets topic for a group', async () => {
    const broker = new AskedBroker()
    const { producerId = -1n, producerEpoch } = await broker.ask('InitProducerId', {
      transactionalId: 'x',
      transactionTimeoutMs: 1_000,
    })
    await broker.ask('AddOffsetsToTxn', { transactionalId: 'x', producerId, producerEpoch, groupId: 'g' })
    const { transactionStates } = await broker.ask('DescribeTransactions', { transactionalIds: ['x', 'nobody'] })
    deepEqual(transactionStates[0].topics, [{ topic: '__consumer_offsets', partitions: [0] }])
    const { producerId: none, producerEpoch: noEpoch, transactionTimeoutMs } = transactionStates[1]
    deepEqual([none, noEpoch, transactionTimeoutMs], [0n, 0, 0])
  })
})
