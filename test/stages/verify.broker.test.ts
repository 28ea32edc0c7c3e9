import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Kafka, Partitioners } from 'kafkajs'
import { ClusterAdmin } from '../../src/kafka/admin.ts'
import { BrokerConnections } from '../../src/kafka/broker-connections.ts'
import { createControlClient } from '../../src/kafka/kafkajs-client.ts'
import { openTransactions } from '../../src/kafka/open-transactions.ts'
import { StockReader } from '../../src/kafka/stock-reader.ts'
import type { ConnectionSettings } from '../../src/ports/connection-settings.ts'
import type { StockRow } from '../../src/ports/stock-log.ts'
import { listDeadLetters, showDeadLetter } from '../../src/stages/verify/read-dead-letters.ts'
import { verify } from '../../src/stages/verify.ts'
import { testCluster, uniqueName } from '../cluster/shared-cluster.ts'
import { exampleFlight, exampleModel, exampleTopics, normalizedValue, schemaById } from './verify-example.ts'

const silent = () => undefined

async function connect() {
  const { brokers } = await testCluster()
  const settings = { brokers: brokers.split(','), clientId: 'vgm-test' }
  return { settings, kafka: createControlClient(settings, silent), admin: new ClusterAdmin(settings) }
}

async function write(
  { kafka, settings }: { kafka: Kafka; settings: ConnectionSettings },
  topic: string,
  rows: readonly StockRow[],
  ending: 'commit' | 'abort',
): Promise<void> {
  const producer = kafka.producer({
    transactionalId: uniqueName('writer'),
    maxInFlightRequests: 1,
    idempotent: true,
    createPartitioner: Partitioners.DefaultPartitioner,
  })
  await producer.connect()
  const transaction = await producer.transaction()
  const messages = rows.map(({ key, value, timestamp, headers }) => ({
    key,
    value,
    timestamp,
    partition: 0,
    headers: headers ?? {},
  }))
  await transaction.send({ topic, messages: messages as Parameters<typeof transaction.send>[0]['messages'] })
  await transaction[ending]()
  await producer.disconnect()
  // The marker comes after the answer: without waiting for it, rows of the next transaction may come before.
  const connections = new BrokerConnections(settings)
  while ((await openTransactions(connections, [{ topic, partition: 0 }])).length > 0) await sleep(20)
  await connections.close()
}

suite('stage verify, on a broker', () => {
  test('finds an injected loss, double, move, wrong mode and wrong version, between any markers', async (t) => {
    const stock = await connect()
    const { settings, admin } = stock
    const log = new StockReader(settings, silent)
    t.after(() => Promise.all([log.close(), admin.close()]))
    const data = uniqueName('verify')
    const names = {
      raw: `${data}.raw`,
      normalized: `${data}.normalized`,
      restored: `${data}.restored`,
      deadLetters: `${data}.dead`,
    }
    await Promise.all(Object.values(names).map((topic) => admin.topics.ensureRowTopic({ topic, partitions: 1 })))

    const topics = exampleTopics(400)
    const letterHeaders = {
      'vgm.error.code': 'VGM_ROW_MALFORMED',
      'vgm.stage': 'normalize',
      'vgm.source.topic': names.raw,
      'vgm.source.partition': '0',
    }
    // Two transactions in raw: the second one's rows stand after a marker, at offset + 1.
    await write(stock, names.raw, topics.raw.slice(0, 200), 'commit')
    await write(stock, names.raw, topics.raw.slice(200), 'commit')
    const letter = {
      ...topics.raw[390],
      headers: { ...topics.raw[390].headers, ...letterHeaders, 'vgm.source.offset': '391' },
    }
    await write(stock, names.deadLetters, [letter], 'commit')
    const { normalized, restored } = topics
    normalized[250] = { ...normalized[250], value: normalizedValue(exampleFlight(250), exampleModel(1), 1) }
    normalized[300] = {
      ...normalized[300],
      value: normalizedValue(exampleFlight(300), { ...exampleModel(1), version: 2 }),
    }
    restored.splice(390, 1)
    normalized.splice(390, 1)
    normalized.splice(200, 0, ...normalized.splice(150, 1)) // moved
    restored.splice(200, 0, ...restored.splice(150, 1))
    normalized.splice(100, 0, normalized[100]) // doubled
    restored.splice(100, 0, restored[100])
    normalized.splice(50, 1) // lost
    restored.splice(50, 1)
    await write(stock, names.normalized, normalized.slice(0, 120), 'commit')
    await write(stock, names.normalized, normalized.slice(120, 180), 'abort')
    await write(stock, names.normalized, normalized.slice(120), 'commit')
    await write(stock, names.restored, restored, 'commit')
    await write(stock, names.restored, restored.slice(0, 5), 'abort') // the end is aborted rows and markers only

    const audited = async (topic: string) => ({
      topic,
      ranges: (await admin.offsets.watermarks(topic)).map(({ partition, low, high }) => ({
        partition,
        start: low,
        end: high,
      })),
    })
    const { examples, ...counts } = await verify({
      log,
      raw: await audited(names.raw),
      normalized: await audited(names.normalized),
      restored: await audited(names.restored),
      deadLetters: await audited(names.deadLetters),
      schemaById,
      models: (version) => (version <= 2 ? exampleModel(version) : undefined),
    })
    deepEqual(counts, {
      rows: 400,
      lost: 1,
      doubled: 1,
      reordered: 1,
      wrong: 2,
      deadLetters: 1,
      pending: 0,
      unaudited: 0,
      unread: 0,
    })
    equal(examples.find(({ fault }) => fault === 'lost')?.offset, 50)

    const summary = await listDeadLetters(log, names.deadLetters, (await audited(names.deadLetters)).ranges)
    deepEqual(summary.groups, [
      {
        code: 'VGM_ROW_MALFORMED',
        stage: 'normalize',
        sourceTopic: names.raw,
        sourcePartition: 0,
        schemaId: 11,
        count: 1,
        firstOffset: 0,
        lastOffset: 0,
      },
    ])
    const shown = await showDeadLetter(log, names.deadLetters, { partition: 0, offset: 0 }, schemaById)
    equal(shown.failure['vgm.source.offset'], '391')
    deepEqual(shown.decoded, { json: JSON.stringify(exampleFlight(390)) })
  })

  test('reads ranges to an end that holds no rows, and one partition twice at the same time', async (t) => {
    const stock = await connect()
    const { settings, admin } = stock
    const log = new StockReader(settings, silent, { waitingRows: 20 })
    t.after(() => Promise.all([log.close(), admin.close()]))
    const topic = uniqueName('ranges')
    await admin.topics.ensureRowTopic({ topic, partitions: 2 })
    const { raw } = exampleTopics(100)
    await write(stock, topic, raw, 'commit')
    await write(stock, topic, raw.slice(0, 10), 'abort')
    const [{ high }] = await admin.offsets.watermarks(topic)
    equal(high, 112)
    const count = async (start: number, end: number) => {
      const source = await log.read(topic, { partition: 0, start, end })
      let rows = 0
      for (let piece = await source.next(); piece !== undefined; piece = await source.next()) rows += piece.length
      return rows
    }
    deepEqual(await Promise.all([count(0, high), count(30, high)]), [100, 70])
    deepEqual([await count(100, high), await count(105, high), await count(95, 98), await count(5, 5)], [0, 0, 3, 0])
  })

  test('ends a read when its signal fires, whether rows wait in it or it waits for rows', async (t) => {
    const stock = await connect()
    const stop = new AbortController()
    const log = new StockReader(stock.settings, silent, { waitingRows: 20, signal: stop.signal })
    t.after(() => Promise.all([log.close(), stock.admin.close()]))
    const topic = uniqueName('interrupted')
    await stock.admin.topics.ensureRowTopic({ topic, partitions: 2 })
    await write(stock, topic, exampleTopics(100).raw, 'commit')
    const filled = await log.read(topic, { partition: 0, start: 0, end: 100 })
    ok((await filled.next()) !== undefined)
    const empty = await log.read(topic, { partition: 1, start: 0, end: 1 })
    const waiting = rejects(empty.next(), { code: 'VGM_INTERRUPTED' })
    const startedMs = performance.now()
    stop.abort()
    await waiting
    ok(performance.now() - startedMs < 30_000, 'its patience is a minute')
    await rejects(filled.next(), { code: 'VGM_INTERRUPTED' })
    await rejects(log.read(topic, { partition: 0, start: 0, end: 1 }), { code: 'VGM_INTERRUPTED' })
  })
})
