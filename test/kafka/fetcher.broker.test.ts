import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { Fetcher, fetcherDefaults } from '../../src/kafka/fetcher.ts'
import { createControlClient } from '../../src/kafka/kafkajs-client.ts'
import { batchOf, TestBroker } from './test-broker.ts'

async function filled(broker: TestBroker, partitions: number, batches: number, rowBytes = 10): Promise<string> {
  const topic = await broker.createTopic(partitions)
  const producer = await broker.openProducer()
  await producer.begin()
  for (let i = 0; i < batches; i++)
    for (let partition = 0; partition < partitions; partition++)
      await producer.produce(topic, partition, batchOf('x'.repeat(rowBytes)))
  await producer.commit()
  return topic
}

suite('fetcher, on a broker', () => {
  test('a position below the first row that is left is an error that says what the log holds', async (t) => {
    const broker = await TestBroker.connect(t)
    const topic = await filled(broker, 1, 5)
    const admin = createControlClient(broker.settings, () => undefined).admin()
    await admin.fetchTopicOffsets(topic) // kafkajs has to have met the topic
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '3' }] })
    await admin.disconnect()
    const fetcher = new Fetcher(broker.connect())
    fetcher.assign([{ topic, partition: 0, offset: 1 }])
    await rejects(fetcher.poll(5_000), { message: /Offset 1 .* no longer in the log, which holds 3 to 6/ })
    fetcher.assign([{ topic, partition: 0, offset: 9 }])
    await rejects(fetcher.poll(5_000), { message: /Offset 9 .* not in the log, which holds 3 to 6/ })
    fetcher.assign([{ topic, partition: 0, offset: 3 }])
    equal((await fetcher.poll(5_000))[0].fromOffset, 3)
    await fetcher.close()
  })

  test('one poll hands out no more than it should, and the rest with the next ones', async (t) => {
    const broker = await TestBroker.connect(t)
    const topic = await filled(broker, 6, 10, 1_000)
    const fetcher = new Fetcher(broker.connect(), { ...fetcherDefaults, pollBytes: 2_000, partitionMaxBytes: 3_000 })
    fetcher.assign(Array.from({ length: 6 }, (_, partition) => ({ topic, partition, offset: 0, endOffset: 10 })))
    const rows = new Map<number, number>()
    for (let polls = 0; [...rows.values()].reduce((a, b) => a + b, 0) < 60; polls++) {
      ok(polls < 200, 'the fetcher does not stall')
      const fetched = await fetcher.poll(500)
      ok(fetched.length <= 1, 'an answer of three batches fills a poll')
      for (const { partition, batches, nextOffset } of fetched) {
        rows.set(partition, (rows.get(partition) ?? 0) + batches.length)
        equal(fetcher.position(topic, partition), nextOffset)
      }
    }
    await fetcher.close()
  })

  test('batches larger than the share of a partition arrive, whichever partitions they are in', async (t) => {
    const broker = await TestBroker.connect(t)
    const topic = await filled(broker, 5, 3, 50_000)
    const fetcher = new Fetcher(broker.connect(), { ...fetcherDefaults, partitionMaxBytes: 1_000, maxBytes: 2_000 })
    fetcher.assign(Array.from({ length: 5 }, (_, partition) => ({ topic, partition, offset: 0, endOffset: 3 })))
    let rows = 0
    for (let polls = 0; rows < 15; polls++) {
      ok(polls < 200, 'the fetcher does not stall')
      for (const { batches } of await fetcher.poll(500)) rows += batches.length
    }
    equal(rows, 15)
    await fetcher.close()
  })

  test('after a new assignment nothing of the old one is handed out', async (t) => {
    const broker = await TestBroker.connect(t)
    const topic = await filled(broker, 2, 50)
    const fetcher = new Fetcher(broker.connect())
    for (let turn = 0; turn < 30; turn++) {
      const [partition, offset] = [turn % 2, turn]
      fetcher.assign([{ topic, partition, offset, endOffset: 50 }])
      if (turn % 3 === 0) await fetcher.poll(turn % 5) // some of the answers come during the next assignment
      fetcher.assign([{ topic, partition: 1 - partition, offset, endOffset: 50 }])
      const read: number[] = []
      while (fetcher.position(topic, 1 - partition) < 50)
        for (const fetched of await fetcher.poll(500)) {
          equal(fetched.partition, 1 - partition)
          read.push(...fetched.batches.map(({ baseOffset }) => baseOffset))
        }
      deepEqual(
        read,
        Array.from({ length: 50 - offset }, (_, i) => offset + i),
      )
    }
    await fetcher.close()
  })

  test('a fetcher without partitions waits for as long as it is told, and not for ever', async (t) => {
    const broker = await TestBroker.connect(t)
    const fetcher = new Fetcher(broker.connect())
    fetcher.assign([])
    const startedMs = performance.now()
    deepEqual(await fetcher.poll(50), [])
    ok(performance.now() - startedMs >= 45)
    await fetcher.close()
  })
})
