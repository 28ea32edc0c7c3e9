import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { RecordBatchWriter } from '../../src/batch/record-batch-writer.ts'
import { encodeHeaders } from '../../src/batch/record-headers.ts'
import { BrokerError, ConnectionLostError, FencedError } from '../../src/kafka/broker-errors.ts'
import { describeTransactionsV0, endTxnV3 } from '../../src/kafka/client-parts.ts'
import { Fetcher } from '../../src/kafka/fetcher.ts'
import { TransactionalProducer } from '../../src/kafka/transactional-producer.ts'
import { notEmbedded, uniqueName } from '../cluster/shared-cluster.ts'
import { batchOf, TestBroker, valuesOf } from './test-broker.ts'

const lastSequence = 2 ** 31 - 1
const compressions = ['gzip', 'snappy', 'lz4', 'zstd'] as const

suite('transactional producer, on a broker', () => {
  test('what is committed can be read, and what is aborted never, by our reader and by a stock one', async (t) => {
    const broker = await TestBroker.connect(t)
    const topic = await broker.createTopic(2)
    const producer = await broker.openProducer()
    const write = async (isCommit: boolean, ...values: string[]) => {
      await producer.begin([{ topic, partition: 0 }])
      for (const value of values) await producer.produce(topic, 0, batchOf(value))
      await producer.produce(topic, 1, batchOf(...values))
      await (isCommit ? producer.commit() : producer.abort())
    }
    await write(true, 'a', 'b')
    await write(false, 'lost', 'lost too')
    await write(true, 'c')
    await write(false, 'lost at the end')
    const expected = ['a', 'b', 'c', 'a', 'b', 'c']
    deepEqual(valuesOf(await broker.rows(topic)), expected)
    deepEqual(valuesOf(await broker.stockRows(topic)), expected)
  })

  test('a transaction that is open hides its rows until it is committed', async (t) => {
    const broker = await TestBroker.connect(t)
    const topic = await broker.createTopic()
    const producer = await broker.openProducer()
    await producer.begin()
    await producer.produce(topic, 0, batchOf('visible'))
    await producer.commit()
    await producer.begin()
    await producer.produce(topic, 0, batchOf('hidden'))
    // The row, the marker, and the row that waits.
    while ((await broker.ends(topic))[0] < 3) await sleep(20)
    const fetcher = new Fetcher(broker.connect())
    fetcher.assign([{ topic, partition: 0, offset: 0 }])
    await sleep(600) // more than one answer
    await fetcher.poll(100)
    equal(fetcher.position(topic, 0), 2)
    await producer.commit()
    while (fetcher.position(topic, 0) < 4) await fetcher.poll(100)
    await fetcher.close()
    deepEqual(valuesOf(await broker.rows(topic)), ['visible', 'hidden'])
  })

  test('sequences go on from 2^31 - 1 to 0, within a transaction and within a batch', async (t) => {
    const broker = await TestBroker.connect(t)
    const topic = await broker.createTopic(2)
    const producer = await broker.openProducer({ firstSequence: lastSequence - 2 })
    const expected: string[] = []
    for (let i = 0; i < 6; i++) {
      await producer.begin()
      // Three rows to partition 0: a batch ends at the last sequence. Two to partition 1: a batch goes over it.
      await producer.produce(topic, 0, batchOf(`${i}a`, `${i}b`, `${i}c`))
      await producer.produce(topic, 1, batchOf(`${i}a`, `${i}b`))
      await producer.produce(topic, 1, batchOf(`${i}c`))
      await producer.commit()
      expected.push(`${i}a`, `${i}b`, `${i}c`)
    }
    deepEqual(valuesOf(await broker.rows(topic)), [...expected, ...expected])
  })

  test('a second producer with the same id fences the first, whatever it does next', async (t) => {
    const broker = await TestBroker.connect(t)
    const topic = await broker.createTopic()
    for (const next of ['begin', 'commit', 'abort', 'commit offsets'] as const) {
      const transactionalId = uniqueName('tx')
      const first = await broker.openProducer({ transactionalId })
      if (next !== 'begin') {
        await first.begin()
        await first.produce(topic, 0, batchOf('of the first'))
      }
      const second = await broker.openProducer({ transactionalId })
      const offsets = { group: uniqueName('g'), offsets: [{ topic, partition: 0, offset: 1 }] }
      const attempt = {
        begin: () => first.begin([{ topic, partition: 0 }]),
        commit: () => first.commit(),
        abort: () => first.abort(),
        'commit offsets': () => first.commit(offsets),
      }[next]
      await rejects(attempt(), (error) => error instanceof FencedError && error.exitCode === 3)
      await first.close()
      await second.begin()
      await second.produce(topic, 0, batchOf(next))
      await second.commit()
    }
    deepEqual(valuesOf(await broker.rows(topic)), ['begin', 'commit', 'abort', 'commit offsets'])
  })

  test('an id that nobody else can have is taken back, and the lost transaction leaves nothing', async (t) => {
    const broker = await TestBroker.connect(t)
    const topic = await broker.createTopic()
    const transactionalId = uniqueName('tx')
    const producer = await broker.openProducer({ transactionalId, isUnique: true })
    for (const row of ['a', 'b']) {
      await producer.begin()
      await producer.produce(topic, 0, batchOf('lost'))
      // What our own InitProducerId does whose answer is lost.
      await broker.openProducer({ transactionalId })
      await rejects(producer.commit(), { kind: 'abortable' })
      await producer.abort()
      await producer.begin()
      await producer.produce(topic, 0, batchOf(row))
      await producer.commit()
    }
    deepEqual(valuesOf(await broker.rows(topic)), ['a', 'b'])
  })

  test('a producer that is fenced between its batches can neither commit nor go on', async (t) => {
    const broker = await TestBroker.connect(t)
    const topic = await broker.createTopic()
    const transactionalId = uniqueName('tx')
    const first = await broker.openProducer({ transactionalId })
    await first.begin()
    await first.produce(topic, 0, batchOf('a'))
    await broker.openProducer({ transactionalId })
    await rejects(async () => {
      await first.produce(topic, 0, batchOf('b'))
      await first.commit()
    }, FencedError)
    await rejects(first.abort(), FencedError)
    deepEqual(await broker.rows(topic), [])
  })

  test('a transaction beyond its time-out is rolled back, and the next one of its producer works', async (t) => {
    const broker = await TestBroker.connect(t)
    const topic = await broker.createTopic()
    const producer = await broker.openProducer({ transactionTimeoutMs: 500 })
    for (const next of ['produce', 'commit'] as const) {
      await producer.begin()
      await producer.produce(topic, 0, batchOf('too late'))
      // The broker looks for such transactions once a second.
      await sleep(2_500)
      await rejects(
        async () => {
          if (next === 'produce') await producer.produce(topic, 0, batchOf('refused'))
          await producer.commit()
        },
        { errorName: /^(PRODUCER_FENCED|INVALID_PRODUCER_EPOCH|INVALID_TXN_STATE)$/, kind: 'abortable' },
      )
      await producer.abort()
      await producer.begin()
      await producer.produce(topic, 0, batchOf(next))
      await producer.commit()
    }
    deepEqual(valuesOf(await broker.rows(topic)), ['produce', 'commit'])
  })

  test('a commit that is carried out again later does not end the next transaction', async (t) => {
    const broker = await TestBroker.connect(t)
    const topic = await broker.createTopic()
    const transactionalId = uniqueName('tx')
    const connections = broker.connect()
    const request = connections.request.bind(connections)
    let isLost = true
    connections.request = async (connection, what, send, asked) => {
      const answer = await request(connection, what, send, asked)
      if (asked?.request !== 'EndTxn' || !isLost) return answer
      isLost = false
      throw new ConnectionLostError(what, 'the answer was lost')
    }
    const options = { transactionalId, compression: 'none', transactionTimeoutMs: 10_000 } as const
    const producer = await TransactionalProducer.open(connections, options)
    await producer.begin()
    await producer.produce(topic, 0, batchOf('first'))
    await producer.commit()
    const coordinator = await broker.connections.coordinatorConnection('transaction', transactionalId)
    const [{ producerId, producerEpoch }] = (await describeTransactionsV0.api.async(coordinator, [transactionalId]))
      .transactionStates
    await producer.begin()
    await producer.produce(topic, 0, batchOf('second'))
    const late = broker.connections.request(
      coordinator,
      'A late commit',
      () => endTxnV3.api.async(coordinator, transactionalId, producerId, producerEpoch, true),
      { request: 'EndTxn' },
    )
    await rejects(late, { errorName: 'PRODUCER_FENCED' })
    await producer.abort()
    await producer.close()
    deepEqual(valuesOf(await broker.rows(topic)), ['first'])
  })

  test('offsets and their metadata are committed with the transaction, or not at all', async (t) => {
    const broker = await TestBroker.connect(t)
    const topic = await broker.createTopic(2)
    const group = uniqueName('group')
    const partitions = [0, 1].map((partition) => ({ topic, partition }))
    const commit = (offset: number) => ({
      group,
      offsets: [
        { topic, partition: 0, offset, metadata: `{"seen":${offset}}` },
        { topic, partition: 1, offset: offset + 1 },
      ],
    })
    const producer = await broker.openProducer()
    await producer.begin()
    await producer.commit(commit(5)) // without rows: nothing but offsets
    const expected = [
      { topic, partition: 0, offset: 5, metadata: '{"seen":5}' },
      { topic, partition: 1, offset: 6, metadata: '' },
    ]
    deepEqual(await broker.connections.committedOffsets(group, partitions), expected)

    await producer.begin()
    await producer.produce(topic, 0, batchOf('x'))
    await producer.abort()
    deepEqual(await broker.connections.committedOffsets(group, partitions), expected)
  })

  test('committed offsets wait for the transaction that is about to change them', async (t) => {
    const broker = await TestBroker.connect(t)
    const topic = await broker.createTopic()
    const group = uniqueName('group')
    const offsets = (offset: number) => ({ group, offsets: [{ topic, partition: 0, offset }] })
    const member = { memberId: 'nobody', generationId: 3, groupInstanceId: null }
    const producer = await broker.openProducer()
    await producer.begin()
    await producer.commit(offsets(1))
    await producer.begin()
    await rejects(producer.commit(offsets(2), member), { errorName: /UNKNOWN_MEMBER_ID|ILLEGAL_GENERATION/ })
    await producer.abort()
    const [{ offset }] = await broker.connections.committedOffsets(group, [{ topic, partition: 0 }])
    equal(offset, 1)
  })

  test('after a produce that the broker refuses, the abort leaves a producer that works', async (t) => {
    const broker = await TestBroker.connect(t)
    const topic = await broker.createTopic(1, { 'max.message.bytes': '1000' })
    const other = await broker.createTopic(1)
    const producer = await broker.openProducer()
    await producer.begin()
    await producer.produce(topic, 0, batchOf('first'))
    await producer.produce(other, 0, batchOf('first'))
    await producer.commit()
    for (const isFirstBatch of [true, false]) {
      await producer.begin()
      if (!isFirstBatch) await producer.produce(topic, 0, batchOf('goes through, and is rolled back'))
      await producer.produce(other, 0, batchOf('rolled back'))
      await rejects(async () => {
        await producer.produce(topic, 0, batchOf('x'.repeat(2_000)))
        for (let i = 0; i < 8; i++) await producer.produce(topic, 0, batchOf('behind the refused one'))
        await producer.commit()
      }, BrokerError)
      await producer.abort()
      await producer.begin()
      await producer.produce(topic, 0, batchOf('next'))
      await producer.produce(other, 0, batchOf('next'))
      await producer.commit()
    }
    deepEqual(valuesOf(await broker.rows(topic)), ['first', 'next', 'next'])
    deepEqual(valuesOf(await broker.rows(other)), ['first', 'next', 'next'])
  })

  test('an abort right after batches were sent, before their answers, leaves none of them', async (t) => {
    const broker = await TestBroker.connect(t)
    const topic = await broker.createTopic(3)
    const producer = await broker.openProducer()
    for (let i = 0; i < 10; i++) {
      await producer.begin()
      for (let partition = 0; partition < 3; partition++) {
        await producer.produce(topic, partition, batchOf(`lost ${i}`))
        await producer.produce(topic, partition, batchOf(`lost ${i}`))
      }
      await producer.abort()
      await producer.begin()
      await producer.produce(topic, i % 3, batchOf(`kept ${i}`))
      await producer.commit()
    }
    const values = valuesOf(await broker.rows(topic))
    deepEqual(
      values.toSorted(),
      Array.from({ length: 10 }, (_, i) => `kept ${i}`),
    )
  })

  test('each request whose answer is lost is sent again, and counts once', async (t) => {
    const broker = await TestBroker.connect(t)
    const topic = await broker.createTopic(2, { 'max.message.bytes': '1000' })
    const [group, partitions] = [uniqueName('group'), [{ topic, partition: 0 }]]
    const connections = broker.connect()
    const request = connections.request.bind(connections)
    const lost = new Set<string>()
    connections.request = async (connection, what, send, asked) => {
      const answer = await request(connection, what, send, asked)
      const kind = what.replace(/ (\(|to group|to rows).*/, '')
      if (lost.has(kind)) return answer
      lost.add(kind)
      connection.socket?.destroy()
      throw new ConnectionLostError(what, 'the answer was lost')
    }
    const options = { transactionalId: uniqueName('tx'), compression: 'none', transactionTimeoutMs: 10_000 } as const
    const producer = await TransactionalProducer.open(connections, options)
    for (let i = 0; i < 3; i++) {
      await producer.begin(partitions)
      await producer.produce(topic, 0, batchOf(`lost ${i}`))
      await producer.abort()
      await producer.begin(partitions)
      await producer.produce(topic, 0, batchOf(`${i}`))
      await producer.commit({ group, offsets: [{ topic, partition: 0, offset: i }] })
      // A refused produce: the epoch goes up, and that answer is lost too the first time.
      await producer.begin(partitions)
      await producer.produce(topic, 1, batchOf('lost'))
      await producer.produce(topic, 1, batchOf('x'.repeat(2_000)))
      await rejects(producer.commit(), BrokerError)
      await producer.abort()
      lost.clear()
    }
    await producer.close()
    deepEqual(valuesOf(await broker.rows(topic)), ['0', '1', '2'])
    const [{ offset }] = await broker.connections.committedOffsets(group, partitions)
    equal(offset, 2)
  })

  test('an answer that comes after the abort of its transaction disturbs no later one', async (t) => {
    const broker = await TestBroker.connect(t)
    const topic = await broker.createTopic()
    const connections = broker.connect()
    const request = connections.request.bind(connections)
    let isSlow = true
    let late = 0
    connections.request = async (connection, what, send, asked) => {
      const isLate = isSlow && what.startsWith('Writing')
      if (!isLate) return request(connection, what, send, asked)
      await sleep(2_800)
      late++
      throw new ConnectionLostError(what, 'no answer came')
    }
    const options = { transactionalId: uniqueName('tx'), compression: 'none', transactionTimeoutMs: 10_000 } as const
    const producer = await TransactionalProducer.open(connections, options)
    await producer.begin()
    await producer.produce(topic, 0, batchOf('lost'))
    await producer.produce(topic, 0, batchOf('lost, and waits for the first'))
    await producer.abort()
    isSlow = false
    await producer.begin()
    await producer.produce(topic, 0, batchOf('a'))
    while (late === 0) await sleep(20)
    await producer.produce(topic, 0, batchOf('b'))
    await producer.commit()
    await producer.close()
    deepEqual(valuesOf(await broker.rows(topic)), ['a', 'b'])
  })

  test('200 small transactions one after another do not wait for one another for long', async (t) => {
    const broker = await TestBroker.connect(t)
    const topic = await broker.createTopic()
    const group = uniqueName('group')
    const producer = await broker.openProducer()
    const startedMs = performance.now()
    for (let i = 0; i < 200; i++) {
      await producer.begin([{ topic, partition: 0 }])
      await producer.produce(topic, 0, batchOf(String(i)))
      await producer.commit({ group, offsets: [{ topic, partition: 0, offset: i }] })
    }
    const tookMs = performance.now() - startedMs
    deepEqual(
      valuesOf(await broker.rows(topic)),
      Array.from({ length: 200 }, (_, i) => String(i)),
    )
    // About 15 ms each on an idle machine; a retry after 1 s each time would take 200 s.
    ok(tookMs < 20_000, `200 transactions took ${Math.round(tookMs)} ms`)
  })

  test('one transaction spans 20 partitions with more batches each than may be in flight', async (t) => {
    const broker = await TestBroker.connect(t)
    const topic = await broker.createTopic(20)
    const producer = await broker.openProducer()
    const partitions = Array.from({ length: 20 }, (_, partition) => ({ topic, partition }))
    for (let round = 0; round < 3; round++) {
      // Half of them are announced; the others have to be when their first batch comes.
      await producer.begin(partitions.slice(0, 10))
      for (let batch = 0; batch < 12; batch++)
        for (const { partition } of partitions) await producer.produce(topic, partition, batchOf(`${round}/${batch}`))
      await producer.commit()
    }
    const expected = Array.from({ length: 36 }, (_, i) => `${Math.floor(i / 12)}/${i % 12}`)
    const rows = await broker.rows(topic)
    for (const { partition } of partitions)
      deepEqual(valuesOf(rows.filter((row) => row.partition === partition)), expected)
  })

  test('key, value, headers and timestamp arrive as they were given', async (t) => {
    const broker = await TestBroker.connect(t)
    const topic = await broker.createTopic(1, { 'message.timestamp.before.max.ms': String(2n ** 63n - 1n) })
    const producer = await broker.openProducer()
    const headers = encodeHeaders([
      ['a', Buffer.from('1')],
      ['a', null],
      ['b', Buffer.alloc(0)],
    ])
    const rows = [
      { timestampMs: 1_000, key: 'k', value: 'v', headers: Buffer.from(headers).toString('hex') },
      { timestampMs: 0, key: null, value: null, headers: '00' },
      { timestampMs: 1_763_873_000_000, key: '', value: '', headers: '00' },
    ]
    const writer = new RecordBatchWriter()
    const bytes = (string: string | null) => (string === null ? null : Buffer.from(string))
    for (const row of rows)
      writer.append(row.timestampMs, bytes(row.key), bytes(row.value), Buffer.from(row.headers, 'hex'))
    await producer.begin()
    await producer.produce(topic, 0, writer)
    await producer.commit()
    const read = await broker.rows(topic)
    deepEqual(
      read.map(({ timestampMs, key, value, headers }) => ({ timestampMs, key, value, headers })),
      rows,
    )
    const stock = await broker.stockRows(topic)
    deepEqual(
      stock.map(({ timestampMs, key, value }) => ({ timestampMs, key, value })),
      rows.map(({ timestampMs, key, value }) => ({ timestampMs, key, value })),
    )
  })

  test('batches keep their order although small ones are compressed sooner, and what grows stays as it is', async (t) => {
    const broker = await TestBroker.connect(t)
    const topic = await broker.createTopic(2)
    const producer = await broker.openProducer({ compression: 'gzip' })
    const noise = (length: number) =>
      Buffer.from(Array.from({ length }, () => Math.floor(256 * Math.random()))).toString('base64')
    const values = Array.from({ length: 24 }, (_, i) => `${i} ${i % 3 === 0 ? noise(200_000) : i}`)
    await producer.begin()
    for (const value of values) for (const partition of [0, 1]) await producer.produce(topic, partition, batchOf(value))
    await producer.commit()
    deepEqual(valuesOf(await broker.rows(topic)), [...values, ...values])
  })

  for (const compression of compressions)
    test(`batches that are compressed with ${compression} are understood by the broker itself`, {
      skip: notEmbedded('it stores batches as they come'),
    }, async (t) => {
      const broker = await TestBroker.connect(t)
      // The broker has to decompress them, and stores them without compression: what is read is what it has understood.
      const plain = await broker.createTopic(1, { 'compression.type': 'uncompressed' })
      const kept = await broker.createTopic(1)
      const producer = await broker.openProducer({ compression })
      const values = Array.from({ length: 3_000 }, (_, i) => `value ${i} ${'x'.repeat(i % 50)}`)
      for (const topic of [plain, kept]) {
        await producer.begin()
        await producer.produce(topic, 0, batchOf(...values))
        await producer.produce(topic, 0, batchOf('one more'))
        await producer.commit()
      }
      const expected = [...values, 'one more']
      deepEqual(valuesOf(await broker.stockRows(plain)), expected)
      deepEqual(valuesOf(await broker.rows(kept)), expected)
    })
})
