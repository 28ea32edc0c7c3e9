import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { hangingTransactions, openTransactions } from '../../src/kafka/open-transactions.ts'
import { batchOf, TestBroker } from './test-broker.ts'

suite('open transactions, on a broker', () => {
  test('one that stays open beyond the grace time hangs, one that ends within it does not', async (t) => {
    const broker = await TestBroker.connect(t)
    const topic = await broker.createTopic(2)
    const partitions = [0, 1].map((partition) => ({ topic, partition }))
    const { connections } = broker
    const { signal } = new AbortController()

    const producer = await broker.openProducer()
    await producer.begin()
    await producer.produce(topic, 1, batchOf('a'))
    await producer.commit()
    // The marker is written after the answer.
    while ((await broker.ends(topic))[1] < 2) await sleep(20)
    deepEqual(await openTransactions(connections, partitions), [])

    await producer.begin()
    await producer.produce(topic, 1, batchOf('b'))
    while ((await broker.ends(topic))[1] < 3) await sleep(20)
    const [open] = await hangingTransactions(connections, partitions, { graceMs: 600, signal })
    deepEqual(
      { topic: open.topic, partition: open.partition, startOffset: open.startOffset },
      { topic, partition: 1, startOffset: 2 },
    )

    const watched = hangingTransactions(connections, partitions, { graceMs: 60_000, signal })
    await sleep(300)
    await producer.commit()
    // Another one of the same producer is not the one that was watched.
    await producer.begin()
    await producer.produce(topic, 1, batchOf('c'))
    equal((await watched).length, 0)
    await producer.abort()
  })
})
