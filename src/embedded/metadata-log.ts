import { readPieces } from '../batch/read-records.ts'
import { RecordBatchWriter } from '../batch/record-batch-writer.ts'
import { createRecords } from '../batch/records.ts'
import type { Clock } from './core/clock.ts'
import type { LogStorage } from './core/log-storage.ts'
import { PartitionLog } from './core/partition-log.ts'

/** A topic as it is kept. */
export interface TopicRecord {
  readonly id: string
  readonly partitions: number
  readonly settings: Readonly<Record<string, string>>
}

export interface ClusterRecord {
  readonly clusterId: string
  /** how often the broker has started: the leader epoch of all partitions */
  readonly starts: number
}

const clusterKey = 'cluster'
const topicPrefix = 'topic/'
const plain = {
  compression: 'none',
  isTransactional: false,
  producerId: -1n,
  producerEpoch: -1,
  baseSequence: -1,
} as const

/** What the broker knows of the cluster and its topics, in a compacted log: the newest record of a key counts. */
export class MetadataLog {
  readonly #log: PartitionLog
  readonly #clock: Clock
  readonly #records = new Map<string, unknown>()

  constructor(storage: LogStorage, clock: Clock) {
    this.#clock = clock
    this.#log = new PartitionLog({ storage, clock, config: { isCompacted: true, isDeleted: false } })
    const records = createRecords()
    for (const { bytes, view, header } of this.#log.batches())
      for (const _ of readPieces(bytes, view, header, records))
        for (let row = 0; row < records.count; row++) {
          const text = (start: number, end: number) => Buffer.from(records.bytes.subarray(start, end)).toString()
          const key = text(records.keyStart[row], records.keyEnd[row])
          if (records.valueStart[row] < 0) this.#records.delete(key)
          else this.#records.set(key, JSON.parse(text(records.valueStart[row], records.valueEnd[row])))
        }
  }

  get cluster(): ClusterRecord | undefined {
    return this.#records.get(clusterKey) as ClusterRecord | undefined
  }

  /** By name. */
  *topics(): Generator<readonly [name: string, topic: TopicRecord]> {
    for (const [key, record] of this.#records)
      if (key.startsWith(topicPrefix)) yield [key.slice(topicPrefix.length), record as TopicRecord]
  }

  putCluster(cluster: ClusterRecord): void {
    this.#put(clusterKey, cluster)
  }

  putTopic(name: string, topic: TopicRecord): void {
    this.#put(topicPrefix + name, topic)
  }

  removeTopic(name: string): void {
    this.#put(topicPrefix + name, null)
  }

  maintain(): void {
    this.#log.maintain()
  }

  sync(): Promise<void> {
    return this.#log.sync()
  }

  #put(key: string, value: TopicRecord | ClusterRecord | null): void {
    const writer = new RecordBatchWriter()
    const bytes = value === null ? null : Buffer.from(JSON.stringify(value))
    writer.append(this.#clock.nowMs, Buffer.from(key), bytes)
    this.#log.write(writer.finish(plain))
    if (value === null) this.#records.delete(key)
    else this.#records.set(key, value)
  }
}
