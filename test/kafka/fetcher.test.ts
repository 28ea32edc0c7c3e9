import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BrokerConnections } from '../../src/kafka/broker-connections.ts'
import { CorruptBatchError } from '../../src/kafka/committed-batches.ts'
import type { FetchedRecords, FetchResponse } from '../../src/kafka/fetch-request.ts'
import { Fetcher } from '../../src/kafka/fetcher.ts'
import { corrupted, dataBatch } from './batch-bytes.ts'

const topic = 't'

/** Connections whose broker answers with what `answer` says, one request at a time. */
function fakeConnections(answer: (request: number) => Promise<FetchResponse>, leader = async () => 1) {
  let requests = 0
  return {
    leader,
    leaderConnection: async () => ({}),
    request: () => answer(requests++),
    retrying: (_what: string, attempt: () => Promise<unknown>) => attempt(),
    forgetLeaders: () => undefined,
  } as unknown as BrokerConnections
}

function recordsOf(partition: number, bytes: Uint8Array): FetchedRecords {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const marks = { errorCode: 0, highWatermark: 9, lastStableOffset: 9, logStartOffset: 0 }
  return { topic, partition, ...marks, aborted: [], bytes, view }
}

const facts = { producerId: -1n, isTransactional: false }

suite('fetcher', () => {
  test('a batch that stays corrupt stops the reader, although other partitions go on; it is never passed over', async () => {
    let asked = 0
    const connections = fakeConnections(async (request) => {
      await sleep(1)
      asked = request
      const good = dataBatch(1, { ...facts, baseOffset: request })
      return {
        errorCode: 0,
        partitions: [recordsOf(0, corrupted(dataBatch(2, { ...facts, baseOffset: 0 }))), recordsOf(1, good)],
      }
    })
    const fetcher = new Fetcher(connections)
    fetcher.assign([0, 1].map((partition) => ({ topic, partition, offset: 0 })))
    const polled: number[] = []
    await rejects(async () => {
      for (const deadline = Date.now() + 10_000; Date.now() < deadline; )
        for (const { partition } of await fetcher.poll(50)) polled.push(partition)
    }, CorruptBatchError)
    ok(asked <= 4, 'it is asked for a few times, with a pause')
    ok(!polled.includes(0))
    equal(fetcher.position(topic, 0), 0)
    await fetcher.close()
  })

  test('a batch that is corrupt only on its way is fetched again', async () => {
    const batch = dataBatch(2, { ...facts, baseOffset: 0 })
    const connections = fakeConnections(async (request) => ({
      errorCode: 0,
      partitions: [recordsOf(0, request < 2 ? corrupted(batch) : batch)],
    }))
    const fetcher = new Fetcher(connections)
    fetcher.assign([{ topic, partition: 0, offset: 0, endOffset: 2 }])
    const [fetched] = await fetcher.poll(5_000)
    deepEqual([fetched.batches.length, fetched.nextOffset], [1, 2])
    await fetcher.close()
  })

  test('what goes wrong for an older assignment does not fail the next one', async () => {
    let fail: (error: Error) => void = () => undefined
    let leaders = 0
    const connections = fakeConnections(
      async () => ({ errorCode: 0, partitions: [recordsOf(1, dataBatch(2, { ...facts, baseOffset: 0 }))] }),
      // The first question for a leader stays open until the assignment has changed.
      () =>
        leaders++ === 0
          ? new Promise((_, reject) => {
              fail = reject
            })
          : Promise.resolve(1),
    )
    const fetcher = new Fetcher(connections)
    fetcher.assign([{ topic, partition: 0, offset: 0 }])
    await sleep(1)
    fetcher.assign([{ topic, partition: 1, offset: 0, endOffset: 2 }])
    fail(new Error('that topic is gone'))
    const [fetched] = await fetcher.poll(1_000)
    deepEqual([fetched.partition, fetched.nextOffset], [1, 2])
    await fetcher.close()
  })

  test('closing wakes whoever polls', async () => {
    const fetcher = new Fetcher(fakeConnections(() => new Promise(() => undefined)))
    fetcher.assign([{ topic, partition: 0, offset: 0 }])
    const polling = fetcher.poll(60_000)
    await sleep(5)
    await fetcher.close()
    deepEqual(await polling, [])
  })
})
