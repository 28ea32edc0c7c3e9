import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { LogStorage } from '../../src/embedded/core/log-storage.ts'
import { errorCodes } from '../../src/embedded/error-codes.ts'
import { MemoryStores } from '../../src/embedded/log-stores.ts'
import { AskedBroker } from './asked-broker.ts'
import { batchOf, valuesOf } from './core/batches.ts'
import { settle } from './core/fake-clock.ts'

/** Logs that outlive their broker, as on a disk. */
class KeptStores extends MemoryStores {
  readonly #kept = new Map<string, LogStorage>()

  override open(name: string): LogStorage {
    const storage = this.#kept.get(name) ?? super.open(name)
    this.#kept.set(name, storage)
    return storage
  }
}

const transactionalId = 'copy'
const committed = -1

/** The next broker on the same logs. */
async function restarted(stores: KeptStores): Promise<AskedBroker> {
  const broker = new AskedBroker({ stores })
  await broker.broker.start()
  await settle()
  return broker
}

async function init(broker: AskedBroker) {
  const { producerId = -1n, producerEpoch } = await broker.ask('InitProducerId', {
    transactionalId,
    transactionTimeoutMs: 60_000,
  })
  return { producerId, producerEpoch }
}

type Producer = Awaited<ReturnType<typeof init>>

async function writeRow(broker: AskedBroker, { producerId, producerEpoch }: Producer, value: string, sequence: number) {
  await broker.ask('AddPartitionsToTxn', {
    v3AndBelowTransactionalId: transactionalId,
    v3AndBelowProducerId: producerId,
    v3AndBelowProducerEpoch: producerEpoch,
    v3AndBelowTopics: [{ name: 'rows', partitions: [0] }],
  })
  return produceRow(broker, { producerId, producerEpoch }, value, sequence)
}

async function produceRow(
  broker: AskedBroker,
  { producerId, producerEpoch }: Producer,
  value: string,
  sequence: number,
) {
  const facts = { producerId, epoch: producerEpoch, sequence, isTransactional: true }
  const partitionData = [{ index: 0, records: Buffer.from(batchOf([value], facts)) }]
  const topicData = [{ name: 'rows', partitionData }]
  const answer = await broker.ask('Produce', { transactionalId, acks: committed, timeoutMs: 1_000, topicData })
  return answer.responses[0].partitionResponses[0].errorCode
}

async function commitOffset(broker: AskedBroker, producer: Producer, offset: number) {
  await broker.ask('AddOffsetsToTxn', { transactionalId, ...producer, groupId: 'readers' })
  const partitions = [{ partitionIndex: 0, committedOffset: offset, committedMetadata: null }]
  const topics = [{ name: 'rows', partitions }]
  const answer = await broker.ask('TxnOffsetCommit', { transactionalId, groupId: 'readers', ...producer, topics })
  return answer.topics[0].partitions[0].errorCode
}

async function end(broker: AskedBroker, producer: Producer, isCommit: boolean) {
  const { errorCode } = await broker.ask('EndTxn', { transactionalId, ...producer, committed: isCommit })
  await settle()
  return errorCode
}

async function offsetOf(broker: AskedBroker) {
  const topics = [{ name: 'rows', partitionIndexes: [0] }]
  const { groups } = await broker.ask('OffsetFetch', { groups: [{ groupId: 'readers', topics }], requireStable: true })
  const [{ committedOffset, errorCode }] = groups![0].topics[0].partitions
  return errorCode === errorCodes.NONE ? committedOffset : errorCode
}

async function committedRows(broker: AskedBroker) {
  const answer = await broker.fetch([{ topic: 'rows', partition: 0, offset: 0 }], { isolationLevel: 1 })
  const [{ records, lastStableOffset, abortedTransactions }] = answer.responses[0].partitions
  return { values: valuesOf([records].flat() as Buffer[]), lastStableOffset, aborted: abortedTransactions?.length }
}

suite('transactions of the embedded broker', () => {
  test('hold their rows and offsets back until they are committed', async () => {
    const broker = new AskedBroker()
    await broker.createTopic('rows')
    const producer = await init(broker)
    equal(await writeRow(broker, producer, 'a', 0), errorCodes.NONE)
    equal(await commitOffset(broker, producer, 7), errorCodes.NONE)
    deepEqual(await committedRows(broker), { values: [], lastStableOffset: 0, aborted: 0 })
    equal(await offsetOf(broker), errorCodes.UNSTABLE_OFFSET_COMMIT)
    equal(await end(broker, producer, true), errorCodes.NONE)
    deepEqual(await committedRows(broker), { values: ['a'], lastStableOffset: 2, aborted: 0 })
    equal(await offsetOf(broker), 7)
  })

  test('wake readers of committed rows when they end', async () => {
    const broker = new AskedBroker()
    await broker.createTopic('rows')
    const producer = await init(broker)
    await writeRow(broker, producer, 'a', 0)
    const waiting = broker.fetch([{ topic: 'rows', partition: 0, offset: 0 }], { isolationLevel: 1, maxWaitMs: 60_000 })
    await settle()
    await end(broker, producer, true)
    deepEqual(valuesOf([(await waiting).responses[0].partitions[0].records].flat() as Buffer[]), ['a'])
  })

  test('take no row of a partition that they do not span', async () => {
    const broker = new AskedBroker()
    await broker.createTopic('rows')
    equal(await produceRow(broker, await init(broker), 'a', 0), errorCodes.TRANSACTION_ABORTABLE)
  })

  test('span no partition that is not there', async () => {
    const broker = new AskedBroker()
    await broker.createTopic('rows')
    const { producerId, producerEpoch } = await init(broker)
    const { resultsByTopicV3AndBelow } = await broker.ask('AddPartitionsToTxn', {
      v3AndBelowTransactionalId: transactionalId,
      v3AndBelowProducerId: producerId,
      v3AndBelowProducerEpoch: producerEpoch,
      v3AndBelowTopics: [{ name: 'rows', partitions: [0, 5] }],
    })
    deepEqual(
      resultsByTopicV3AndBelow[0].resultsByPartition.map(({ partitionErrorCode }) => partitionErrorCode),
      [errorCodes.OPERATION_NOT_ATTEMPTED, errorCodes.UNKNOWN_TOPIC_OR_PARTITION],
    )
  })

  test('that nobody ends are rolled back when their time is over', async () => {
    const broker = new AskedBroker()
    await broker.createTopic('rows')
    const producer = await init(broker)
    await writeRow(broker, producer, 'a', 0)
    await broker.clock.elapse(61_000)
    deepEqual(await committedRows(broker).then(({ lastStableOffset }) => lastStableOffset), 2)
    equal(await end(broker, producer, true), errorCodes.PRODUCER_FENCED)
  })

  test('that are open when the broker ends go on with the next one, and are kept over the one after', async () => {
    const stores = new KeptStores()
    const first = await restarted(stores)
    await first.createTopic('rows')
    const producer = await init(first)
    await writeRow(first, producer, 'a', 0)
    await commitOffset(first, producer, 7)

    const second = await restarted(stores)
    equal(await offsetOf(second), errorCodes.UNSTABLE_OFFSET_COMMIT)
    equal(await writeRow(second, producer, 'b', 1), errorCodes.NONE)
    equal(await end(second, producer, true), errorCodes.NONE)

    const third = await restarted(stores)
    equal(await offsetOf(third), 7)
    deepEqual((await committedRows(third)).values, ['a', 'b'])
  })

  test('whose coordinator has lost them in a power cut are rolled back, offsets too', async () => {
    const stores = new KeptStores()
    const first = await restarted(stores)
    await first.createTopic('rows')
    const producer = await init(first)
    await writeRow(first, producer, 'a', 0)
    await commitOffset(first, producer, 7)
    const coordinator = stores.open('__transaction_state-0')
    coordinator.cutBack(coordinator.start)

    const second = await restarted(stores)
    equal(await offsetOf(second), -1)
    const { lastStableOffset, aborted } = await committedRows(second)
    deepEqual([lastStableOffset, aborted], [2, 1])
    const third = await restarted(stores)
    equal(await offsetOf(third), -1)
  })
})
