import { RecordBatchWriter } from '../../src/batch/record-batch-writer.ts'
import { BrokerConnections, earliest, latest } from '../../src/kafka/broker-connections.ts'
import { Fetcher } from '../../src/kafka/fetcher.ts'
import { createControlClient } from '../../src/kafka/kafkajs-client.ts'
import { StockReader } from '../../src/kafka/stock-reader.ts'
import { TransactionalProducer, type TransactionalProducerOptions } from '../../src/kafka/transactional-producer.ts'
import type { ConnectionSettings } from '../../src/ports/connection-settings.ts'
import type { TopicPartition } from '../../src/ports/log.ts'
import { FetchedReader } from '../../src/stages/read-fetched.ts'
import { testCluster, uniqueName } from '../cluster/shared-cluster.ts'

interface Test {
  after(work: () => Promise<void>): void
}

/** A row as a reader sees it. */
export interface ReadRow {
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
  readonly key: string | null
  readonly value: string | null
  /** count and headers as they stand in a record, hex; undefined for the stock reader */
  readonly headers?: string
  /** as it is, for rows that are no text; undefined for the stock reader */
  readonly valueBytes?: Buffer | null
}

const silent = () => undefined
const text = (bytes: Uint8Array, start: number, end: number): string | null =>
  start < 0 ? null : Buffer.from(bytes.subarray(start, end)).toString()

/** The shared cluster, with what a test opens on it and what is closed after the test. */
export class TestBroker {
  readonly settings: ConnectionSettings
  readonly connections: BrokerConnections
  readonly #test: Test

  static async connect(t: Test): Promise<TestBroker> {
    const { brokers } = await testCluster()
    return TestBroker.at(t, brokers)
  }

  /** Brokers of a cluster that is not shared. */
  static at(t: Test, brokers: string): TestBroker {
    return new TestBroker(t, { brokers: brokers.split(','), clientId: 'vgm-test' })
  }

  private constructor(t: Test, settings: ConnectionSettings) {
    this.#test = t
    this.settings = settings
    this.connections = this.connect()
  }

  /** Connections of their own, as another process would have them. */
  connect(): BrokerConnections {
    const connections = new BrokerConnections(this.settings)
    this.#test.after(() => connections.close())
    return connections
  }

  async createTopic(partitions = 1, config: Readonly<Record<string, string>> = {}): Promise<string> {
    const topic = uniqueName('rows')
    const admin = createControlClient(this.settings, silent).admin()
    const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }))
    // kafkajs may ask a broker that has not heard of the topic yet, and takes that for a failure; our own client waits.
    try {
      await admin.createTopics({
        topics: [{ topic, numPartitions: partitions, configEntries }],
        waitForLeaders: false,
      })
    } finally {
      await admin.disconnect()
    }
    await this.connections.listOffsets(partitionsOf(topic, partitions), latest)
    return topic
  }

  async openProducer(
    options: Partial<TransactionalProducerOptions> = {},
    connections = this.connect(),
  ): Promise<TransactionalProducer> {
    const producer = await TransactionalProducer.open(connections, {
      transactionalId: uniqueName('tx'),
      compression: 'none',
      transactionTimeoutMs: 10_000,
      ...options,
    })
    this.#test.after(() => producer.close())
    return producer
  }

  /** High watermarks by partition: markers count. */
  async ends(topic: string): Promise<number[]> {
    return this.#offsets(topic, latest)
  }

  /** Committed rows, read by the project's own fetcher, partition by partition in order. */
  async rows(topic: string): Promise<ReadRow[]> {
    const [starts, ends] = [await this.#offsets(topic, earliest), await this.ends(topic)]
    const fetcher = new Fetcher(this.connect())
    const reader = new FetchedReader()
    const { records } = reader
    const rows: ReadRow[] = []
    fetcher.assign(ends.map((endOffset, partition) => ({ topic, partition, offset: starts[partition], endOffset })))
    while (ends.some((end, partition) => fetcher.position(topic, partition) < end)) {
      for (const fetched of await fetcher.poll(1_000)) {
        for (const header of fetched.batches)
          for (const { from, to } of reader.pieces(fetched, header)) {
            const { bytes, keyStart, keyEnd, valueStart, valueEnd, recordEnd } = records
            for (let i = from; i < to; i++)
              rows.push({
                partition: fetched.partition,
                offset: records.baseOffset + records.offsetDelta[i],
                timestampMs: records.timestampMs[i],
                key: text(bytes, keyStart[i], keyEnd[i]),
                value: text(bytes, valueStart[i], valueEnd[i]),
                valueBytes: valueStart[i] < 0 ? null : Buffer.from(bytes.slice(valueStart[i], valueEnd[i])),
                headers: Buffer.from(bytes.subarray(valueEnd[i], recordEnd[i])).toString('hex'),
              })
          }
      }
    }
    await fetcher.close()
    return rows.sort((a, b) => a.partition - b.partition || a.offset - b.offset)
  }

  /** Committed rows, read by kafkajs. */
  async stockRows(topic: string): Promise<ReadRow[]> {
    const reader = new StockReader(this.settings, silent, { patienceMs: 20_000 })
    const rows: ReadRow[] = []
    for (const [partition, end] of (await this.ends(topic)).entries()) {
      const source = await reader.read(topic, { partition, start: 0, end })
      for (let some = await source.next(); some !== undefined; some = await source.next())
        for (const { offset, timestamp, key, value } of some)
          rows.push({
            partition,
            offset: Number(offset),
            timestampMs: Number(timestamp),
            key: key?.toString() ?? null,
            value: value?.toString() ?? null,
          })
    }
    await reader.close()
    return rows
  }

  async #offsets(topic: string, at: number): Promise<number[]> {
    const count = await this.connections.partitionCount(topic)
    return (await this.connections.listOffsets(partitionsOf(topic, count), at)).map(({ offset }) => offset)
  }
}

function partitionsOf(topic: string, count: number): TopicPartition[] {
  return Array.from({ length: count }, (_, partition) => ({ topic, partition }))
}

/** A batch of rows without keys. */
export function batchOf(...values: readonly string[]): RecordBatchWriter {
  const writer = new RecordBatchWriter()
  for (const value of values) writer.append(1_700_000_000_000, null, Buffer.from(value))
  return writer
}

export function valuesOf(rows: readonly ReadRow[]): (string | null)[] {
  return rows.map(({ value }) => value)
}
