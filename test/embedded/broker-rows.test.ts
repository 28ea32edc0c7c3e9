import { deepEqual, equal, match } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { errorCodes } from '../../src/embedded/error-codes.ts'
import { AskedBroker, fetchedBytes } from './asked-broker.ts'
import { batchOf, rowsOf, valuesOf } from './core/batches.ts'
import { settle } from './core/fake-clock.ts'

const first = { topic: 'rows', partition: 0, offset: 0 }
const second = { topic: 'rows', partition: 1, offset: 0 }

async function withRows(...values: string[]): Promise<AskedBroker> {
  const broker = new AskedBroker()
  await broker.createTopic('rows', 2)
  if (values.length > 0) await broker.produce('rows', 0, values)
  return broker
}

/** Whether an answer is there without time passing. */
async function isSettled(answer: Promise<unknown>): Promise<boolean> {
  let done = false
  void answer.then(() => {
    done = true
  })
  await settle()
  return done
}

suite('rows through the embedded broker', () => {
  test('come as they were sent, with their offsets', async () => {
    const broker = await withRows('a', 'b')
    const produced = await broker.produce('rows', 0, ['c'])
    deepEqual([produced?.errorCode, produced?.baseOffset, produced?.logStartOffset], [0, 2, 0])
    const { responses } = await broker.fetch([first])
    const [{ records, highWatermark, lastStableOffset, abortedTransactions }] = responses[0].partitions
    deepEqual([highWatermark, lastStableOffset, abortedTransactions], [3, 3, null])
    deepEqual(
      rowsOf([records].flat() as Buffer[]).map(({ offset, value }) => [offset, value]),
      [
        [0, 'a'],
        [1, 'b'],
        [2, 'c'],
      ],
    )
  })

  test('of a partition that is not there are refused, and so is a strange number of acknowledgements', async () => {
    const broker = await withRows()
    equal((await broker.produce('rows', 7, ['a']))?.errorCode, errorCodes.UNKNOWN_TOPIC_OR_PARTITION)
    equal((await broker.produce('others', 0, ['a']))?.errorCode, errorCodes.UNKNOWN_TOPIC_OR_PARTITION)
    equal((await broker.produce('rows', 0, ['a'], 2))?.errorCode, errorCodes.INVALID_REQUIRED_ACKS)
    equal((await broker.produce('__consumer_offsets', 0, ['a']))?.errorCode, errorCodes.INVALID_TOPIC_EXCEPTION)
  })

  test('that want more replicas than one are refused where all have to acknowledge', async () => {
    const broker = new AskedBroker()
    await broker.createTopic('rows', 1, { 'min.insync.replicas': '2' })
    equal((await broker.produce('rows', 0, ['a']))?.errorCode, errorCodes.NOT_ENOUGH_REPLICAS)
    equal((await broker.produce('rows', 0, ['a'], 1))?.errorCode, errorCodes.NONE)
  })

  test('without acknowledgement are not answered', async () => {
    const broker = await withRows()
    equal(await broker.produce('rows', 0, ['a'], 0), undefined)
    deepEqual(valuesOf([(await broker.fetch([first])).responses[0].partitions[0].records].flat() as Buffer[]), ['a'])
  })
})

suite('a fetch from the embedded broker', () => {
  test('waits for rows, and is answered as soon as there are some', async () => {
    const broker = await withRows()
    const waiting = broker.fetch([first, second], { maxWaitMs: 500 })
    equal(await isSettled(waiting), false)
    await broker.produce('rows', 1, ['late'])
    const answer = await waiting
    deepEqual(
      fetchedBytes(answer).map((bytes) => bytes > 0),
      [false, true],
    )
  })

  test('waits no longer than it says', async () => {
    const broker = await withRows()
    const waiting = broker.fetch([first], { maxWaitMs: 500 })
    await broker.clock.elapse(499)
    equal(await isSettled(waiting), false)
    await broker.clock.elapse(1)
    deepEqual(fetchedBytes(await waiting), [0])
  })

  test('waits for as many bytes as it wants', async () => {
    const broker = await withRows('a')
    const [bytes] = fetchedBytes(await broker.fetch([first]))
    const waiting = broker.fetch([first], { maxWaitMs: 500, minBytes: 2 * bytes + 1 })
    await broker.produce('rows', 0, ['b'])
    equal(await isSettled(waiting), false)
    await broker.produce('rows', 0, ['c'])
    deepEqual(fetchedBytes(await waiting), [3 * bytes])
  })

  test('leaves nothing behind when its client is gone', async () => {
    const broker = await withRows()
    const timers = broker.clock.pending
    const { signal, abort } = abortable()
    const waiting = broker.fetch([first], { maxWaitMs: 500, signal })
    equal(await isSettled(waiting), false)
    abort()
    await waiting
    equal(broker.clock.pending, timers)
  })

  test('is told at once when its topic is deleted', async () => {
    const broker = await withRows()
    const waiting = broker.fetch([first], { maxWaitMs: 60_000 })
    await settle()
    await broker.ask('DeleteTopics', { topics: [{ name: 'rows', topicId: zeroId }], timeoutMs: 1_000 })
    equal((await waiting).responses[0].partitions[0].errorCode, errorCodes.UNKNOWN_TOPIC_OR_PARTITION)
  })

  test('gets the first batch however large it is, and then no more than it wants', async () => {
    const broker = await withRows('x'.repeat(1_000))
    await broker.produce('rows', 0, ['y'])
    await broker.produce('rows', 1, ['z'])
    const [large, none] = fetchedBytes(await broker.fetch([first, second], { maxBytes: 10 }))
    deepEqual([large > 1_000, large < 1_200, none], [true, true, 0])
  })

  test('has no session: one that goes on with a session is told to begin anew', async () => {
    const broker = await withRows('a')
    const { sessionId, errorCode } = await broker.fetch([first], { sessionEpoch: 0 })
    deepEqual([sessionId ?? 0, errorCode ?? 0], [0, 0])
    const { errorCode: refused } = await broker.fetch([], { sessionEpoch: 5 })
    equal(refused, errorCodes.FETCH_SESSION_ID_NOT_FOUND)
  })

  test('of an offset that is not there, of an unknown topic or id, is told so', async () => {
    const broker = await withRows('a')
    const answer = await broker.fetch(
      [
        { ...first, offset: 9 },
        { ...first, topic: 'others' },
      ],
      { maxWaitMs: 60_000 },
    )
    deepEqual(
      answer.responses.map(({ partitions }) => partitions[0].errorCode),
      [errorCodes.OFFSET_OUT_OF_RANGE, errorCodes.UNKNOWN_TOPIC_OR_PARTITION],
    )
    const byId = await broker.ask('Fetch', {
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes: 1e6,
      isolationLevel: 0,
      topics: [{ topicId: unknownId, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1e6 }] }],
    })
    equal(byId.responses[0].partitions[0].errorCode, errorCodes.UNKNOWN_TOPIC_ID)
  })
})

suite('memory of the embedded broker', () => {
  const mebibyte = 1024 * 1024
  const large = 'x'.repeat(mebibyte / 2)

  test('has a limit: rows beyond it are refused with what to do, and nothing of them stays', async () => {
    const broker = new AskedBroker({ memoryBytes: 8 * mebibyte })
    await broker.createTopic('rows')
    const answers = []
    for (let i = 0; i < 30; i++) answers.push(await broker.produce('rows', 0, [large]))
    const taken = answers.findIndex((answer) => answer?.errorCode !== errorCodes.NONE)
    equal(taken > 10, true)
    const refused = answers.at(-1)
    equal(refused?.errorCode, errorCodes.POLICY_VIOLATION)
    match(
      refused?.errorMessage ?? '',
      /^The embedded broker holds \d+ MiB of rows, which is its limit: set retention on topics, delete some, or start it with --data-dir or more --memory$/,
    )
    const [{ offset }] = (await latest(broker))[0].partitions
    equal(offset, taken)
  })

  test('comes back when a topic goes', async () => {
    const broker = new AskedBroker({ memoryBytes: 8 * mebibyte })
    await broker.createTopic('rows')
    while ((await broker.produce('rows', 0, [large]))?.errorCode === errorCodes.NONE);
    await broker.ask('DeleteTopics', { topics: [{ name: 'rows', topicId: zeroId }], timeoutMs: 1_000 })
    await broker.createTopic('rows')
    equal((await broker.produce('rows', 0, [large]))?.errorCode, errorCodes.NONE)
  })

  test('is made free by retention before rows are refused', async () => {
    const broker = new AskedBroker({ memoryBytes: 16 * mebibyte })
    await broker.createTopic('rows', 1, { 'retention.bytes': String(2 * mebibyte) })
    for (let i = 0; i < 100; i++) {
      equal((await broker.produce('rows', 0, [large]))?.errorCode, errorCodes.NONE, `batch ${i}`)
      await broker.clock.elapse(1_001)
    }
  })

  test('is made free by compaction, a slice at a time, before rows are refused', async () => {
    const broker = new AskedBroker({ memoryBytes: 16 * mebibyte })
    await broker.createTopic('rows', 1, { 'cleanup.policy': 'compact' })
    const topicData = () => [
      { name: 'rows', partitionData: [{ index: 0, records: Buffer.from(batchOf([{ key: 'k', value: large }])) }] },
    ]
    for (let i = 0; i < 100; i++) {
      const answer = broker.ask('Produce', {
        transactionalId: null,
        acks: -1,
        timeoutMs: 1_000,
        topicData: topicData(),
      })
      await broker.clock.elapse(100)
      const [{ errorCode, baseOffset }] = (await answer).responses[0].partitionResponses
      deepEqual([errorCode, baseOffset], [errorCodes.NONE, i])
    }
    equal((await broker.fetch([{ topic: 'rows', partition: 0, offset: 99 }])).responses.length, 1)
    deepEqual(broker.failures, [])
  })

  async function latest(broker: AskedBroker) {
    const { topics } = await broker.ask('ListOffsets', {
      replicaId: -1,
      topics: [{ name: 'rows', partitions: [{ partitionIndex: 0, timestamp: -1 }] }],
    })
    return topics
  }
})

const zeroId = 'AAAAAAAAAAAAAAAAAAAAAA'
const unknownId = 'BBBBBBBBBBBBBBBBBBBBBA'

function abortable() {
  const controller = new AbortController()
  return { signal: controller.signal, abort: () => controller.abort() }
}
