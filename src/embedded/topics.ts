import { randomBytes } from 'node:crypto'
import type { BrokerSettings } from './broker-settings.ts'
import type { Clock } from './core/clock.ts'
import { PartitionLog } from './core/partition-log.ts'
import type { LogStores } from './log-stores.ts'
import type { MetadataLog } from './metadata-log.ts'
import { Partition } from './partition.ts'
import { logConfigOf, topicSettings } from './topic-settings.ts'

export interface Topic {
  readonly name: string
  /** a UUID, as Kafka's tools print it */
  readonly id: string
  readonly isInternal: boolean
  /** what was set on it; other settings have the broker's value */
  readonly settings: ReadonlyMap<string, string>
  readonly partitions: readonly Partition[]
}

export interface TopicsHost {
  readonly stores: LogStores
  readonly metadata: MetadataLog
  readonly settings: BrokerSettings
  readonly clock: Clock
  readonly leaderEpoch: number
  /** the end of a log was torn, and has been cut off */
  readonly onCut: (name: string, bytes: number) => void
}

/** All topics. What changes is in the metadata log before it is in the stores. */
export class Topics {
  readonly #host: TopicsHost
  readonly #byName = new Map<string, Topic>()
  readonly #byId = new Map<string, Topic>()

  /** Opens the topics that the metadata log has. */
  constructor(host: TopicsHost) {
    this.#host = host
    for (const [name, { id, partitions, settings }] of host.metadata.topics) {
      const values = new Map(Object.entries(settings))
      this.#add({ name, id, isInternal: false, settings: values, partitions: this.#open(name, values, 0, partitions) })
    }
  }

  get(name: string): Topic | undefined {
    return this.#byName.get(name)
  }

  byId(id: string): Topic | undefined {
    return this.#byId.get(id)
  }

  all(): readonly Topic[] {
    return [...this.#byName.values()]
  }

  partition(name: string, index: number): Partition | undefined {
    return this.#byName.get(name)?.partitions[index]
  }

  create(name: string, partitions: number, settings: ReadonlyMap<string, string>): Topic {
    const topic = { name, id: newId(), isInternal: false, settings, partitions: [] }
    this.#keep(topic, partitions)
    return this.#add({ ...topic, partitions: this.#open(name, settings, 0, partitions) })
  }

  /** Shows what a coordinator keeps as a topic of one partition. */
  addInternal(name: string, log: PartitionLog): void {
    const settings = new Map([['cleanup.policy', 'compact']])
    this.#add({ name, id: newId(), isInternal: true, settings, partitions: [new Partition(0, log)] })
  }

  delete(topic: Topic): void {
    const { name, id, partitions } = topic
    this.#host.metadata.removeTopic(name)
    this.#byName.delete(name)
    this.#byId.delete(id)
    for (const partition of partitions) {
      partition.log.close()
      this.#host.stores.remove(logName(name, partition.index))
      partition.grew(0)
    }
  }

  addPartitions(topic: Topic, count: number): void {
    const { name, settings, partitions } = topic
    this.#keep(topic, count)
    this.#add({ ...topic, partitions: [...partitions, ...this.#open(name, settings, partitions.length, count)] })
  }

  setSettings(topic: Topic, settings: ReadonlyMap<string, string>): void {
    const changed = { ...topic, settings }
    this.#keep(changed, topic.partitions.length)
    this.#add(changed)
    for (const { log } of topic.partitions) log.config = this.#logConfig(settings)
  }

  /** The value of a topic's setting that is in force. */
  valueOf(settings: ReadonlyMap<string, string>, name: string): string {
    const { ofBroker, fallback } = topicSettings.get(name)!
    return settings.get(name) ?? (ofBroker === undefined ? fallback : this.#host.settings.text(ofBroker))
  }

  #logConfig(settings: ReadonlyMap<string, string>) {
    return logConfigOf((name) => this.valueOf(settings, name), this.#host.settings.number('producer.id.expiration.ms'))
  }

  #keep({ name, id, settings }: Topic, partitions: number): void {
    this.#host.metadata.putTopic(name, { id, partitions, settings: Object.fromEntries(settings) })
  }

  #open(name: string, settings: ReadonlyMap<string, string>, from: number, to: number): Partition[] {
    const { stores, clock, leaderEpoch, onCut } = this.#host
    const config = this.#logConfig(settings)
    return indexes(from, to).map((index) => {
      const log = new PartitionLog({ storage: stores.open(logName(name, index)), clock, leaderEpoch, config })
      if (log.cutBytes > 0) onCut(logName(name, index), log.cutBytes)
      return new Partition(index, log)
    })
  }

  #add(topic: Topic): Topic {
    this.#byName.set(topic.name, topic)
    this.#byId.set(topic.id, topic)
    return topic
  }
}

/** A log's folder, as Apache Kafka names it. */
export const logName = (topic: string, index: number): string => `${topic}-${index}`

const indexes = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i)

/** A random UUID that does not begin with a dash, which tools would take for an option. */
export function newId(): string {
  for (;;) {
    const bytes = randomBytes(16)
    bytes[6] = (bytes[6] & 0x0f) | 0x40
    bytes[8] = (bytes[8] & 0x3f) | 0x80
    const id = bytes.toString('base64url')
    if (!id.startsWith('-')) return id
  }
}
