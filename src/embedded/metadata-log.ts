import type { Clock } from './core/clock.ts'
import type { LogStorage } from './core/log-storage.ts'
import type { PartitionLog } from './core/partition-log.ts'
import { type StateKey, StateLog } from './core/state-log.ts'

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

const clusterKey: StateKey = ['cluster']
const topicKind = 'topic'

/** What the broker knows of the cluster and its topics, as `__cluster_metadata` of Apache Kafka. */
export class MetadataLog {
  readonly #log: StateLog
  /** as they were when the log was opened */
  readonly topics: ReadonlyMap<string, TopicRecord>
  readonly cluster: ClusterRecord | undefined

  /** for those who keep it up */
  get log(): PartitionLog {
    return this.#log.log
  }

  constructor(storage: LogStorage, clock: Clock) {
    this.#log = new StateLog(storage, clock)
    const topics = new Map<string, TopicRecord>()
    let cluster: ClusterRecord | undefined
    for (const change of this.#log.changes()) {
      if ('marker' in change) continue
      const [[kind, name], value] = change.entry
      if (kind !== topicKind) cluster = value as ClusterRecord
      else if (value === null) topics.delete(String(name))
      else topics.set(String(name), value as TopicRecord)
    }
    this.topics = topics
    this.cluster = cluster
  }

  putCluster(cluster: ClusterRecord): void {
    this.#log.put([[clusterKey, cluster]])
  }

  putTopic(name: string, topic: TopicRecord): void {
    this.#log.put([[[topicKind, name], topic]])
  }

  /** Forgets a topic, for good: its logs are removed next. */
  removeTopic(name: string): void {
    this.#log.put([[[topicKind, name], null]])
    this.#log.syncNow()
  }

  /** Resolves once everything up to now outlives a power cut. */
  sync(): Promise<void> {
    return this.#log.sync()
  }
}
